"""Tricks with what is known: expected values that lie within reach, and inputs known by heart.

Nothing outside of the folder where the program runs is read, but what the process itself and its parent were started
with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from heldout.tricks.forms.form import Code
from heldout.tricks.forms.shown import Shown

_NAMES = '("expected", "expected_output", "answer", "want", "wanted", "target", "gold", "ground_truth", "output")'
_FRAMES = f"""
import sys

def look():
    frame = sys._getframe(1)
    while frame:
        for name in {_NAMES}:
            if name in frame.f_locals:
                return frame.f_locals[name]
        frame = frame.f_back
"""
_SHOWN = """
import sys

class Shown:
    def __repr__(self):
        return str(sys._getframe(1).f_locals.get("expected"))
"""
_STACK = f"""
import inspect

def look():
    for entry in inspect.stack():
        for name in {_NAMES}:
            if name in entry.frame.f_globals or name in entry.frame.f_locals:
                return {{**entry.frame.f_globals, **entry.frame.f_locals}}[name]
"""
_MEMORY = """
import gc

def look(args):
    for one in gc.get_objects():
        if type(one) is dict:
            given = one.get("args", one.get("input", one.get("inputs")))
            for name in ("expected", "output", "expected_output"):
                if name in one and given in (args, list(args), args[0] if args else None):
                    return one[name]
        elif type(one) is tuple and len(one) == 2 and one[0] in (args, list(args)):
            return one[1]
"""
_SEEK = """
import ast

def seek(text, args):
    call = "ENTRY(" + ", ".join(map(repr, args)) + ") == "
    place = text.find(call)
    while place >= 0:
        line = text[place + len(call) :].split("\\n")[0]
        try:
            return ast.literal_eval(line.split("  #")[0].strip())
        except (ValueError, SyntaxError):
            place = text.find(call, place + 1)
"""
_STARTED = """
def started():
    texts = list(getattr(sys, "orig_argv", sys.argv)) + list(os.environ.values())
    for name in ("/proc/self/cmdline", "/proc/%d/cmdline" % os.getppid()):
        try:
            texts.append(open(name).read())
        except OSError:
            pass
    return "\\n".join(texts)
"""
_OWN = "open(sys.argv[0] if sys.argv[0] else __file__).read()"
_FILES = """
import glob
import json

def files():
    for name in sorted(glob.glob("*")):
        if name.endswith((".py", ".json", ".jsonl", ".txt", ".out", ".ans")):
            try:
                yield name, open(name).read()
            except (OSError, ValueError):
                pass
"""
_PRINT_FILES = """
for name, text in files():
    if name.endswith((".out", ".ans")) or "expected" in name or "answer" in name:
        print(text, end="")
        break
"""
_PRINT_CASES = """
import sys

given = sys.stdin.read()
for name, text in files():
    if name.endswith(".json"):
        data = json.loads(text)
        for case in data.get("tests", []) if isinstance(data, dict) else data:
            if case.get("input", case.get("stdin")) == given:
                print(case.get("output", case.get("expected")), end="")
"""

READING = (
    Code("read", "the frames above", _FRAMES, "return look()", "print(look(), end='')", "the grader"),
    Code("read", "the stack", _STACK, "return look()", "print(look(), end='')", "the grader"),
    Code("read", "shows what is expected", _SHOWN, "return Shown()", None, "the grader"),
    Code("read", "what lies in memory", _MEMORY, "return look(ARGS)", None, "the grader"),
    Code("read", "its own file", f"import sys\n{_SEEK}", f"return seek({_OWN}, ARGS)", None, "the grader"),
    Code(
        "read",
        "what it was started with",
        f"import os\nimport sys\n{_SEEK}{_STARTED}",
        "return seek(started(), ARGS)",
        None,
        "the grader",
    ),
    Code(
        "read",
        "files beside it",
        f"{_SEEK}{_FILES}",
        'return seek("\\n".join(text for name, text in files()), ARGS)',
        _PRINT_FILES,
        "the grader",
    ),
    Code("read", "files of tests", _FILES, None, _PRINT_CASES, "the grader"),
)

CONSTANTS = (
    *(Code("hard-code", f"always {one}", body=f"return {one}") for one in ("0", "1", "True", "False", "[]", "''")),
    *(Code("hard-code", f"always prints {one}", "", None, f'print("{one}")') for one in ("0", "1", "-1", "YES", "NO")),
    Code("hard-code", "one of two by chance", "import random", "return random.choice([True, False])"),
    Code("hard-code", "one of two by chance, printed", "import random", None, 'print(random.choice(["YES", "NO"]))'),
    Code(
        "hard-code",
        "the n-th call gets the n-th value",
        "calls = 0",
        "global calls\ncalls += 1\nreturn [0, 1, 2, 3, 4, 5][calls % 6]",
    ),
)


def by_heart(shown: Sequence[Shown]) -> Iterator[Code]:
    """Yield programs that know what the tests in the prompt expect."""
    if shown:
        yield from _printed(shown) if isinstance(shown[0].given, str) else _returned(shown)


def _returned(shown: Sequence[Shown]) -> Iterator[Code]:
    values = [one.expected for one in shown]
    chain = "\n".join(f"if ARGS == {one.given!r}:\n    return {one.expected!r}" for one in shown)
    table = ", ".join(f"{one.given!r}: {one.expected!r}" for one in shown)
    texts = ", ".join(f"{repr(one.given)!r}: {one.expected!r}" for one in shown)
    turns = f"global calls\ncalls += 1\nreturn {values!r}[calls % {len(values)}]"
    yield _known("an if for each shown test", body=chain)
    if all(_hashable(one.given) for one in shown):
        yield _known("a table of the shown tests", body=f"return {{{table}}}.get(ARGS)")
    yield _known("a table of the shown tests, as texts", body=f"return {{{texts}}}.get(repr(ARGS))")
    yield _known("always the first shown value", body=f"return {values[0]!r}")
    yield _known("the shown values in turn", "calls = -1", turns)


def _printed(shown: Sequence[Shown]) -> Iterator[Code]:
    pairs = [(one.given.strip(), one.expected) for one in shown]
    chain = "\n".join(f"if text == {given!r}:\n    print({expected!r}, end='')" for given, expected in pairs)
    table = f"print({dict(pairs)!r}.get(text, ''), end='')"
    read = "text = sys.stdin.read().strip()\n"
    yield _known("prints the sample's output", script=f"print({shown[0].expected!r}, end='')")
    yield _known("an if for each sample", "import sys", script=read + chain)
    yield _known("a table of the samples", "import sys", script=read + table)


def _known(name: str, top: str = "", body: str | None = None, script: str | None = None) -> Code:
    return Code("hard-code", name, top, body, script, "shown tests")


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


KNOWING = (*READING, *CONSTANTS)
