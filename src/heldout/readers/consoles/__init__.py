"""What trainers print for people: one file for each way of printing, and what they share in `console`."""
