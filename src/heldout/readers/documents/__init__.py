"""Rows that a program can read: JSON lines, JSON documents, tables."""
