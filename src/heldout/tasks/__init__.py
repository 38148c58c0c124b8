"""Problem sets: prompts, hidden tests and the split into training, validation and test."""
