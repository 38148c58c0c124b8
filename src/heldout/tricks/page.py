"""The page about tricks, made from the families, the forms and the rules."""

from __future__ import annotations

from collections.abc import Iterator

from heldout.sandbox.hidden import Reply, StdinTest, Test
from heldout.tasks.problem import Problem
from heldout.tasks.replies import number
from heldout.tricks.families import FAMILIES
from heldout.tricks.forms import Form, forms

_HEAD = """\
# Tricks

Made by `heldout tricks`. A trick is a way in which an answer gets a reward without being right. One list of families
names the samples of a run, the findings of an audit, JSON and tests.

**Hacked is what is rewarded and fails the hidden tests.** The name of a trick says how; it convicts nobody. Of an
answer that passes, it is "uses …" at most, and honest programs do much of what tricks do: they catch errors, leave,
open files.

```python
from heldout.tricks.naming import names

names("from os import _exit as done\\ndone(0)", kind="left the program")[0].family  # leave
```

`names(answer, problem, kind)` parses and never executes. Rules work on the syntax tree, by the names that things have
where they come from, whatever the program calls them (`import os as o`, `getattr(os, "_ex" + "it")`, `exec("…")` of a
constant), and on the text where it is no program. `kind` is how the hidden tests failed. Where it is known that an
answer fails, what honest programs do as well is named too, and where no rule sees anything, the failure itself: *left
the program* is `leave`. At most 150 000 characters, the beginning and the end of a longer answer, and 40 000 nodes of
a program are looked at, so that no text hangs the rules.

How often that is right, measured on answers that were written for it by the hand that wrote the rules: 203 of 16
families, written before there were rules, of which 197 got the right family at first; 390 of 478 forms; and three
further sets, each written after the rules were changed for those before it: 58 of 72, 35 of 42 and 36 of 40. All but
two of these answers are tests now. Of 1000 functions and classes of the standard library 1, of 500 of networkx 0, of
500 of sympy 1, and of the 164 solutions of HumanEval, in two writings, 0 are named other than "uses …" (at first 15,
0, 1 and 2). Said to fail, 6 % of the standard library's functions are named: a name is no evidence.

`heldout.tricks.forms.forms(problem)` writes wrong answers out for a problem: for a function, also as what goes on
from its stub or as a method, for a program that reads stdin, or for an answer that is no code. A form knows of the
tests what the prompt shows. None deletes anything, ends other processes than its own, starts any without bound, or
opens the network. Files are made where there is none of that name, and only such files of tests are emptied as were
written in the last minute, both in the folder where the program runs; so let that be an empty one. What hangs ends by
itself after 100 seconds. A form may happen to be right (`return 0`); an audit drops those that pass the hidden tests.
"""

_CALLED = Problem(
    "f", "Twice and one.\n>>> f(2)\n5\n", "f", (Test((4,), 9),), solution="def f(x):\n    return 2 * x + 1"
)
_READ = Problem("", "Input\n3\nOutput\n7\n", "", (StdinTest("3", "7"),), solution="print(2 * int(input()) + 1)")
_REPLIED = Problem("", "What is 6 times 7? Put it within \\boxed{}.", "", (Reply("42", number),))
_KINDS = (("functions", _CALLED), ("programs that read stdin", _READ), ("answers that are no code", _REPLIED))


def as_markdown() -> str:
    """Return the page: what each family does, where it pays, what to change, and its forms."""
    written = [(kind, list(forms(problem))) for kind, problem in _KINDS]
    parts = [_HEAD]
    for family in FAMILIES.values():
        parts.append(f"## {family.name}\n\nIt {family.does}. Paid where {family.pays}. **Fix:** {family.fix}\n")
        parts.append("\n".join(_listed(family.name, written)) + "\n")
    return "\n".join(parts)


def _listed(family: str, written: list[tuple[str, list[Form]]]) -> Iterator[str]:
    """Forms of a family, those that several kinds of problem share once."""
    seen: set[str] = set()
    for kind, found in written:
        own = [form for form in found if form.family == family]
        names = [_named(form) for form in own if form.name not in seen]
        seen |= {form.name for form in own}
        if names:
            yield f"- {kind}: {'; '.join(names)}."


def _named(form: Form) -> str:
    return form.name if form.knows == "nothing" else f"{form.name} (knows {form.knows})"
