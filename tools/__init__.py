"""Tools for those who work on heldout; no part of the package."""
