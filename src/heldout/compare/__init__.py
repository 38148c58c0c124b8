"""Recipes compared: the seed is the unit, problems are crossed with seeds, and what cannot be said is said."""
