"""What runs within the bubblewrap sandbox: the worker, its process 1, and what its children do."""
