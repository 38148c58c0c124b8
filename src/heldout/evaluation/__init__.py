"""A policy on held-out problems: sampled, judged and compared; and which evaluations to make."""
