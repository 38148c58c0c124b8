"""Benchmarks: heldout against named alternatives, measured in one run on one machine and stated as ratios."""
