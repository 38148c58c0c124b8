"""Real trainings whose truth is known: made by `heldout train`, scored on many new problems, and labelled by that.

`kinds` says what is trained, `build` makes the runs one after another, `scoring` measures their checkpoints,
`labels` says what is true of each, `packing` makes the files that ship in `heldout.datasets.real_runs`.
"""
