"""The rules that name tricks, on the syntax tree of a program or on a text; a small module for one or two families."""
