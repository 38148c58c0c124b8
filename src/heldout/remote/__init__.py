"""Runs that lie elsewhere: in a bucket, on another machine, on a hub.

`Address` is where, and what of it may be shown; `Mirror` keeps a copy of what is read of it, and of a file that has
grown fetches only what is new. fsspec, an extra, knows the protocols; each needs the package that is made for it.
"""
