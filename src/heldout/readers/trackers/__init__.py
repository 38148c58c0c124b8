"""What trackers store: event files, offline files, databases; each read without the tracker's own library."""
