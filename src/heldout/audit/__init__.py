"""Audit of a reward before training: which tricks does it pay, which right answers does it reject, is it steady?"""

from __future__ import annotations
