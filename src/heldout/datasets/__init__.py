"""Runs that come with their truth: two published ones as data, and simulated ones."""
