"""Graders as people write them, each flawed in one way, and for each a sound twin; `kinds` lists them."""
