"""The formats of problem sets: a small file for each, and the registry that says whose a row is."""
