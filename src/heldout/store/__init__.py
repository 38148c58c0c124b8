"""A run as a directory of plain files: written by the recorder, read by the readers, followed by the guard."""
