"""``python -m heldout.detectors`` writes the page docs/detectors.md from the detectors themselves."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields

from heldout.detectors import DETECTORS, Question

_HEAD = """\
# What the detectors ask

Made by `python -m heldout.detectors`. Each asks one question of a run, the same live and after the fact. The first
three look at the held-out score; the others, whose findings are no evidence about what the model can do, speak of
instability, collapse, saturation or a shift. *Simulated healthy runs* are 2000 of 200 to 1000 steps: flat, drifting
or improving levels under autocorrelated noise (AR(1), coefficient 0.5 to 0.95).

One of your own is passed in with the others, `diagnose(run, detectors=[*default_detectors(), Mine()])`, or named on the
command line of `report` and `watch`: `--detector mine.py:Mine`. It has a `name`, the metrics that it `needs`, and
`update(block)`, which returns findings. One that raises is named, and the others go on.
"""


def as_markdown() -> str:
    """Return the page: for each detector its question, what it cannot see, its false alarms and its parameters."""
    return "\n".join([_HEAD, *map(_section, DETECTORS)])


def _section(make: type[Question]) -> str:
    text = inspect.cleandoc(make.__doc__ or "").partition("\nReferences\n")[0].strip()
    question, _, rest = text.partition("\n")
    rest = re.sub(r"``(.+?)``", r"`\1`", rest.strip())
    rows = [
        f"| `{one.name}` | {one.default!r} | {one.metadata['allowed'].words} | {one.metadata['meaning']} |"
        for one in fields(make)
    ]
    table = ["| parameter | default | allowed | meaning |", "|---|---|---|---|", *rows]
    needs = f"Name: `{make.name}`. Needs: {' or '.join(f'`{need}`' for need in make.needs)}."
    return "\n".join([f"## {make.__name__}", "", f"**{question}** {needs}", "", rest, "", *table, ""])


if __name__ == "__main__":
    print(as_markdown(), end="")
