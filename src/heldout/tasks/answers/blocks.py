"""Markdown code blocks, found line by line, and code that stands in a text without any."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from heldout.tasks.answers.parsing import MOST_LINES, UNENDED, tree_of
from heldout.tasks.answers.source import Source, code_in

Kind = Literal["python", "plain", "text", "other"]

_PYTHON = {"python", "py", "python2", "python3", "py3", "ipython", "ipython3", "pycon", "pyi", "cpython", "doctest"}
_TEXT = {"text", "txt", "plain", "plaintext", "code", "none", "raw", "output", "console", "repl", "solution", "answer"}
_MARKDOWN = {"markdown", "md", "mdx"}
_BEFORE = r"(?P<before>.*?)"
_OPENING = re.compile(_BEFORE + r"(?P<fence>(?<!`)`{3,}+|(?<!~)~{3,}+)(?P<info>[^`]*)$")
_INLINE = re.compile(_BEFORE + r"```(?:(?P<label>python3?|py)[ \t]+)?(?P<code>[^`\n]+)```[ \t]*$")
_AT_THE_START = re.compile(r"[ \t]*(?:(?:[-*+>]|\d+[.)])[ \t]*)*$")  # blanks, marks of lists and of quotations
_QUOTED = re.compile(r"[ \t]*>(?!>>)[ \t]?")
_LABEL = re.compile(r"[ \t]*\{?[ \t]*\.?(?P<label>[\w+#./-]*)")
_FIRST_CODE = re.compile(r"(?:async +def|def|class|import|from|@)[ \t]*\w")  # code that was glued to the fence
_ONE_WORD = re.compile(r"[ \t]*[\w+#.:/{}=\"'-]*[ \t]*$")
_TRIES = 8  # closing fences that are tried for a block whose docstring holds fences
_DOCSTRINGS = 200  # such tries in one text
_EXTENSIONS = 60  # tries, in one text, to read on where a statement has not ended
_REACH = 12  # pieces that such a try takes in at most
_CONTINUED = re.compile(r"(?:else\b|elif\b|except\b|finally\b|case\b|[)\]}]|#)")
_MAYBE_CODE = re.compile(r"[(=:@\[\"']|import\b|pass\b")


@dataclass(frozen=True, slots=True)
class Block:
    """Code in a text."""

    text: str  # as it stands there, without the indent of its fence
    kind: Kind  # by its label; "plain" has none
    closed: bool = True

    @property
    def program(self) -> Source | None:
        """What it says as Python."""
        return code_in(self.text)


@dataclass(frozen=True, slots=True)
class Scanned:
    """A text taken apart."""

    blocks: tuple[Block, ...]
    before: str  # what stands before the first fence
    outside: str  # what stands in no block


def scan(text: str) -> Scanned:
    """Find the code blocks of a Markdown text.

    A fence is three or more backticks or tildes, with any indent, in a list or a quotation, also after words. It is
    closed by as many or more on a line of their own, or glued to the last line of code, by the next opening fence, or
    by the end of the text; a fence in a docstring closes nothing. Blocks of Markdown are opened.
    """
    lines = text.split("\n")
    blocks: list[Block] = []
    outside: list[str] = []
    before: int | None = None
    left = [_DOCSTRINGS]
    place = 0
    while place < len(lines):
        line = lines[place]
        found = _INLINE.match(line) or _opening(line)
        place += 1
        if not found:
            outside.append(line)
            continue
        words = found["before"]
        outside.append("" if _AT_THE_START.match(words) else words)
        if "code" in found.groupdict():
            block = Block(found["code"], "python" if found["label"] else "plain")
        elif _label(found["info"]) in _MARKDOWN:
            continue
        else:
            block, place = _block(lines, place, found, left)
        before = len(outside) if before is None else before
        blocks.append(block)
    return Scanned(tuple(blocks), "\n".join(outside[:before]), "\n".join(outside))


def _opening(line: str) -> re.Match[str] | None:
    found = _OPENING.match(line)
    if not found:
        return None
    if _AT_THE_START.match(found["before"]):
        return found
    return found if found["fence"][0] == "`" and (_ONE_WORD.match(found["info"]) or _glued(found["info"])) else None


def _glued(info: str) -> str:
    """Code that stands on the line of the opening fence."""
    rest = info.strip()
    if _label(info) in _PYTHON:
        rest = rest.split(None, 1)[-1] if " " in rest else ""
    return rest if _FIRST_CODE.match(rest) else ""


def _label(info: str) -> str:
    found = _LABEL.match(info)
    return found["label"].lower() if found else ""


def _kind(info: str) -> Kind:
    label = _label(info)
    if not label or (_glued(info) and label not in _PYTHON):
        return "plain"
    if label in _PYTHON or label.endswith(".py") or label.split(".")[0] in _PYTHON:
        return "python"
    return "other" if label in _OTHERS else "text"


def _block(lines: Sequence[str], start: int, opening: re.Match[str], left: list[int]) -> tuple[Block, int]:
    quoted = _QUOTED.match(opening["before"]) is not None
    indent = len(opening["before"]) if not opening["before"].strip() else 0
    body = [glued] if (glued := _glued(opening["info"])) else []
    chosen: tuple[list[str], int] | None = None  # where the first fence would end it
    tries = 0
    place = start
    while place < len(lines) and tries < _TRIES:
        line = _QUOTED.sub("", lines[place], count=1) if quoted else lines[place]
        end = _end(line, opening["fence"])
        if end is None:
            body.append(line[indent:] if not line[:indent].strip() else line)
            place += 1
            continue
        last, reopens = end
        code = [*body, last] if last else body
        chosen = chosen or (list(code), place if reopens else place + 1)
        tries += 1
        if not _in_docstring(code, left):
            return Block("\n".join(code), _kind(opening["info"])), place if reopens else place + 1
        body.append(line)
        place += 1
    if chosen is None:
        return Block("\n".join(body), _kind(opening["info"]), closed=False), len(lines)
    return Block("\n".join(chosen[0]), _kind(opening["info"])), chosen[1]


def _end(line: str, fence: str) -> tuple[str, bool] | None:
    """Say whether a line ends a block: with the code that is left of it, and whether it opens the next one."""
    if fence[0] not in line:
        return None
    stripped = line.strip()
    marks = len(stripped) - len(stripped.lstrip(fence[0]))
    if marks >= 3:
        after = stripped[marks:]
        if marks >= len(fence) and not after:
            return "", False
        if fence[0] in after or (marks < len(fence) and not after):
            return None
        return ("", bool(_ONE_WORD.match(after) or _glued(after))) if marks >= len(fence) or after else None
    code = stripped.rstrip(fence[0])
    if len(stripped) - len(code) >= len(fence) and fence not in code and not stripped.startswith("#"):
        return line.rstrip()[: -(len(stripped) - len(code))], False
    return None


def _in_docstring(lines: Sequence[str], left: list[int]) -> bool:
    code = "\n".join(lines)
    if ('"""' not in code and "'''" not in code) or left[0] <= 0:
        return False
    left[0] -= 1
    return _error(code).startswith("unterminated triple-quoted")


def _error(code: str) -> str:
    try:
        tree_of(code)
    except SyntaxError as error:
        return error.msg or ""
    return ""


def runs(text: str) -> list[str]:
    """Find the code in a text without fences: the longest runs of statements at the margin, without prose.

    Work is linear: each piece from one line at the margin to the next is parsed by itself.
    """
    lines = text.split("\n")
    starts = _starts(lines)
    found: list[list[str]] = [[]]
    left = _EXTENSIONS
    place = 0
    while place < len(starts) - 1:
        end = place + 1
        piece = "\n".join(lines[starts[place] : starts[end]])
        good = _is_code(piece) if _MAYBE_CODE.search(piece) else False
        if good is None:  # it has not ended: a string or a bracket goes on at the margin
            for further in range(end + 1, min(end + _REACH, len(starts))):
                left -= 1
                if left < 0:
                    break
                if _is_code("\n".join(lines[starts[place] : starts[further]])):
                    end, good = further, True
                    break
        if good:
            found[-1] += lines[starts[place] : starts[end]]
        elif found[-1]:
            found.append([])
        place = end
    return ["\n".join(run) for run in found if run]


def indented_runs(text: str) -> Iterator[str]:
    """Find what is indented in a text after a blank line, as Markdown writes code without fences."""
    run: list[str] = []
    blank = False
    for line in [*text.split("\n"), "end"]:
        if run or blank:
            if not line.strip() or line[0] in " \t":
                run.append(line)
                continue
            if any(one.strip() for one in run):
                yield "\n".join(run)
            run = []
        blank = not line.strip()


def _starts(lines: Sequence[str]) -> list[int]:
    """Lines at which a statement at the margin may begin, and the end."""
    found: list[int] = []
    decorated = False
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        if line[0] not in " \t" and not decorated and not (found and _CONTINUED.match(line)):
            found.append(number)
        decorated = line.startswith("@")
    return [*found, len(lines)]


def _is_code(text: str) -> bool | None:
    """Whether a text is Python that does something; None where it might be, if it went on."""
    try:
        tree = tree_of(text)
    except SyntaxError as error:
        return None if (error.msg or "").startswith(UNENDED) else False
    return any(not is_prose(node) for node in tree.body)


def is_prose(node: ast.stmt) -> bool:
    """Whether a statement is an expression without effect, as words that parse are: ``Done``, ``Output: 5``."""
    match node:
        case ast.Expr(value=ast.Call() | ast.Await() | ast.Yield() | ast.YieldFrom() | ast.Constant(value=str())):
            return False
        case ast.Expr() | ast.AnnAssign(value=None):
            return True
    return False


def prefix(text: str, first: int) -> str | None:
    """Return the longest beginning of a text that parses and ends before a line at the margin, or None.

    Cut is only from line `first` (from 0) on. The parser names the line of its error; what stands before it is fine.
    """
    lines = text.split("\n")[:MOST_LINES]
    for _ in range(_TRIES):
        try:
            tree_of("\n".join(lines))
        except SyntaxError as error:
            wrong = min(error.lineno or len(lines), len(lines)) - 1
            cut = next((place for place in range(wrong, first - 1, -1) if _begins(lines, place, wrong)), None)
            if cut is None:
                return None
            lines = lines[:cut]
        else:
            return "\n".join(lines)
    return None


def _begins(lines: Sequence[str], place: int, wrong: int) -> bool:
    """Whether a line at the margin may be the first of what is cut off."""
    line = lines[place]
    if not line[:1].strip() or (place and lines[place - 1].startswith("@")):
        return False
    return place == wrong or not _CONTINUED.match(line)


def paragraphs(text: str) -> str | None:
    """Return the longest beginning of a text that parses and ends before a blank line, or None."""
    lines = text.rstrip().split("\n")[:MOST_LINES]
    for _ in range(_TRIES):
        try:
            tree_of("\n".join(lines))
        except SyntaxError as error:
            wrong = min(error.lineno or len(lines), len(lines)) - 1
            cut = next((place for place in range(wrong, 0, -1) if not lines[place].strip()), None)
            if cut is None:
                return None
            lines = lines[:cut]
        else:
            return "\n".join(lines)
    return None


_OTHER_LANGUAGES = """
abap ada agda apl applescript arduino asm assembly awk bash bat batch bibtex c c# c++ cc clojure cmake cobol
coffeescript coq cpp cs csharp css cuda d dart delphi diff dockerfile dot elixir elm erlang f# fish fortran fsharp
gherkin gitignore go golang gradle graphql groovy h haskell hcl hpp hs html http ini java javascript jinja jl js json
json5 jsonc jsonl jsx julia kotlin kt latex lean less lisp log lua makefile math matlab mermaid mojo nasm nginx nim
nix objc objective-c objectivec ocaml octave pascal patch perl php pl plantuml postgresql powershell prolog properties
proto protobuf ps1 puppet purescript q r racket rb reasonml regex rs rst ruby rust sas sass scala scheme scss sed sh
shell solidity sql sqlite stata svelte svg swift systemverilog tcl terraform tex tf toml ts tsv tsx typescript v vala
vb vba verilog vhdl vim vue wasm xml yaml yml zig zsh csv shell-session sh-session bash-session
"""
_OTHERS = frozenset(_OTHER_LANGUAGES.split())
