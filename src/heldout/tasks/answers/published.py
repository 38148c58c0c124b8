"""Other ways to read an answer: a plain one, and those of published harnesses, so that their numbers repeat."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence

from heldout.tasks.answers.reading import CUT, NO_ANSWER, NO_CODE, NO_FUNCTION, SYNTAX, Extracted, joined, read_answer
from heldout.tasks.answers.source import Names, Source, returns, source_of
from heldout.tasks.asserts import parsed

# A fence opens with three or more backticks or tildes and is closed by the same or by the end of the text.
_FENCED = re.compile(
    r"^[ \t]*(?P<fence>`{3,}+|~{3,}+)[^\n]*\n(?P<code>.*?)(?:^[ \t]*(?P=fence)[ \t]*$|\Z)", re.M | re.S
)
_MOST_LINES = 1000  # that evalplus's search, which is quadratic, is asked to look at


def read_strictly(
    text: str, *, entry_point: str = "", stub: str = "", stdin: bool = False, cut: bool = False, prelude: str = ""
) -> Extracted:
    """Read an answer as a plain harness does: the last fenced block, or the text itself, and nothing is removed.

    Code that starts at the margin and defines the entry point itself replaces the stub's own definition, and keeps what
    stands before it (imports, helpers). Anything else is appended to the stub as it is. There always is a program.

    >>> answer = "Sure:\\n```\\ndef f(x):\\n    return x / 2\\n```\\n"
    >>> read_strictly(answer, entry_point="f", stub="import math\\ndef f(x):\\n").source
    'import math\\ndef f(x):\\n    return x / 2\\n'
    """
    blocks = list(_FENCED.finditer(text))
    code = blocks[-1]["code"] if blocks else text
    name = entry_point.split("(")[0].split(".")[0]
    definition = re.compile(rf"^(?:async +)?(?:def|class) +{re.escape(name)}\b", re.M)
    source = stub + code
    if not stdin and not code.lstrip("\n")[:1].isspace() and definition.search(code):
        own = definition.search(stub)
        source = (stub[: own.start()] if own else stub) + code
    how = f"fence {len(blocks)} of {len(blocks)}" if blocks else "whole text"
    return Extracted(joined(prelude, source), how, entry=entry_point)


def read_as_livecodebench(
    text: str, *, entry_point: str = "", stub: str = "", stdin: bool = False, cut: bool = False, prelude: str = ""
) -> Extracted:
    """Read an answer as LiveCodeBench does: what stands between the last two lines that hold a fence, or nothing.

    A completion that continues a stub, which is how base models are asked, is taken whole where it holds no fence.
    """
    lines = text.split("\n")
    fences = [place for place, line in enumerate(lines) if "```" in line]
    if len(fences) < 2:
        if stub and not fences:
            return Extracted(joined(prelude, stub + text), "whole text", entry=entry_point)
        return Extracted("", problem=_none(text, cut))
    code = "\n".join(lines[fences[-2] + 1 : fences[-1]])
    return Extracted(
        joined(prelude, code), f"between fence lines {len(fences) - 1} and {len(fences)}", entry=entry_point
    )


def read_as_evalplus(
    text: str, *, entry_point: str = "", stub: str = "", stdin: bool = False, cut: bool = False, prelude: str = ""
) -> Extracted:
    """Read an answer as evalplus does: the longest run of lines that parses, and of that what the entry point needs.

    Of two definitions the first counts; functions that return nothing go, and so does what runs at the top. The text
    goes on from the stub where it holds neither a fence nor a definition of the entry point.
    """
    name = entry_point.split("(")[0].split(".")[0]
    own = re.search(rf"^(?:def|class) +{re.escape(name)}\b", text, re.M)
    lines = (text if own or "```" in text else stub + text).replace("\r\n", "\n").split("\n")
    if len(lines) > _MOST_LINES:
        return Extracted("", problem=NO_CODE)
    source = _longest(lines)
    if source is None or not source.tree.body:
        return Extracted("", problem=SYNTAX if own else _none(text, cut))
    kept = source if stdin else _needed(source, name)
    if kept is None:
        return Extracted("", problem=NO_FUNCTION)
    return Extracted(joined(prelude, kept.text), "longest run that parses", entry=entry_point)


Reader = Callable[..., Extracted]  # with the arguments of `read_answer`
READERS: Mapping[str, Reader] = {
    "heldout": read_answer,
    "strict": read_strictly,
    "evalplus": read_as_evalplus,
    "livecodebench": read_as_livecodebench,
}


def _none(text: str, cut: bool) -> str:
    return NO_ANSWER if not text.strip() else CUT if cut else NO_CODE


def _longest(lines: Sequence[str]) -> Source | None:
    """Find the run of whole lines that parses and has most lines with something on them; the first of several."""
    best: tuple[int, str] = (0, "")
    filled = [0]
    for line in lines:
        filled.append(filled[-1] + bool(line.strip()))
    for start in range(len(lines)):
        end = len(lines)
        while end > start and filled[end] - filled[start] > best[0]:
            run = "\n".join(lines[start:end])
            try:
                parsed(run)
            except SyntaxError as error:  # what holds the line of the error fails as well
                end = start + min(max((error.lineno or 1) - 1, 0), end - start - 1)
            else:
                best = (filled[end] - filled[start], run)
    return source_of(best[1]) if best[0] else None


def _needed(source: Source, name: str) -> Source | None:
    """Keep imports, and of the first definitions those that the entry point reaches; None where it is not there."""
    imports: list[ast.stmt] = []
    defined: dict[str, ast.stmt] = {}
    for node in source.tree.body:
        match node:
            case ast.Import() | ast.ImportFrom():
                imports.append(node)
            case ast.FunctionDef(name=own) if returns(node):
                defined.setdefault(own, node)
            case ast.ClassDef(name=own) | ast.Assign(targets=[ast.Name(id=own), *_]):
                defined.setdefault(own, node)
    if name not in defined:
        return None
    reached: set[str] = set()
    stack = [name]
    while stack:
        if (one := stack.pop()) in defined and one not in reached:
            reached.add(one)
            stack += Names([defined[one]]).read
    nodes = [*imports, *(node for own, node in defined.items() if own in reached)]
    return source_of("\n".join(map(ast.unparse, nodes)) + "\n")
