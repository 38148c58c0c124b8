"""heldout measured against named alternatives: speed, memory, and alarms on runs whose truth is known."""
