"""The model that comes with heldout: small enough to be trained on a CPU within minutes."""
