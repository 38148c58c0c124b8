"""What a folder of logs is: which files may be logs, which are pieces of one run, and what else belongs to a run."""
