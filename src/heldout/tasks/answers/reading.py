"""From what a model wrote to the program to run."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from heldout.tasks.answers.blocks import Block, Scanned, indented_runs, is_prose, paragraphs, prefix, runs, scan
from heldout.tasks.answers.parsing import allowance
from heldout.tasks.answers.parts import helpers, prints, reads_input, without_effects
from heldout.tasks.answers.source import Source, code_in, definition, first_line, is_empty, method, returns, source_of
from heldout.tasks.answers.text import answer_of

NO_ANSWER, NO_CODE, OTHER_LANGUAGE, NO_FUNCTION = "no answer", "no code", "other language", "no such function"
EMPTY, CUT, SYNTAX = "empty", "cut", "syntax"

_METHOD = re.compile(r"(\w+)(?:\(\))?\.(\w+)$")
_FUTURE = re.compile(r"^from __future__ import .*\n?", re.M)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LOOKED_AT = 12  # blocks, from the last, among which a program that reads is looked for
_BODIES = 50  # blocks, from the last, among which a body is looked for
_RUNS = (ast.Expr, ast.If, ast.For, ast.While, ast.With, ast.Try, ast.AugAssign)


@dataclass(frozen=True, slots=True)
class Extracted:
    """The program that an answer stands for, and how it was found."""

    source: str  # the whole program to run; "" where there is none
    how: str = ""  # where it stood: "fence 1 of 2", "body", "bare code", "whole text"
    dropped: tuple[str, ...] = ()  # what was taken away, in short words
    problem: str = ""  # why there is no program: a kind of failure; "" where there is one
    entry: str = ""  # how the tests call it: "f" or "Solution().f"
    binding: str = ""  # where that is not what was asked for: what stands in its place

    @property
    def summary(self) -> str:
        """What was done, in one line.

        >>> Extracted("…", "fence 1 of 2", ("thinking", "a print")).summary
        'fence 1 of 2; without thinking, a print'
        """
        done = [self.problem or self.how, self.binding, "without " + ", ".join(self.dropped) if self.dropped else ""]
        return "; ".join(part for part in done if part)


def read_answer(
    text: str, *, entry_point: str = "", stub: str = "", stdin: bool = False, cut: bool = False, prelude: str = ""
) -> Extracted:
    """Which program does an answer stand for?

    Everything is parsed, nothing is executed. The rules, in their order:

    1. *Normalise*: a byte order mark and terminal escapes go; CRLF and CR become LF.
    2. *Thinking*: the answer is what follows the final channel, or the last closing tag (``</think>`` and its kin).
       Thinking that never ended, or with nothing after it, is "no answer"; drafts in it are never looked at.
    3. *End of turn*: the answer ends at the first end token (``<|im_end|>``, ``</s>``, ``<file_sep>`` …).
    4. *Tags*: what stands in the last ``<answer>``, ``<solution>`` or ``<code>``, in ``[PYTHON]``, before ``[DONE]``.
    5. *Blocks*: see `heldout.tasks.answers.blocks.scan`. They are dedented; a session (``>>>``) gives its input; lines
       of notebook magic go. Blocks of other languages do not count; ``text`` does if no other block will do.
    6. *The last block that defines the entry point* at its top counts, unless the definition is empty. Names that it
       uses and does not define come from the other blocks, with what these use in turn. What stands in the stub before
       its own definition comes first.
    7. *No block defines it*: code outside of them may; with a stub a block, or the text before the first fence, may be
       the body.
    8. *No block*: an indented text continues the stub; else the first run of statements that defines the entry point;
       else the text continues the stub, also with its indent restored. Only whole statements at the margin after the
       entry point are cut off; a cut within it is "syntax", or "cut" where the sampler stopped at its limit.
    9. *stdin*: the last block that reads and runs, else the last that reads, else the last that prints; without a block
       the whole text, else its longest run of code. Nothing is removed.
    10. *Effects at the top go* (functions only): assertions, main guards, prints, exits, inputs, calls of the program's
        own functions unless they build what the entry point needs, whatever calls the entry point, words that parse.
    11. *Binding*: for ``Solution().f`` a class ``Solution``, else a function ``f``; for ``f`` a function, else the
        method of a class ``Solution``. `prelude` (imports that the set's own harness gives) comes before all.
    12. *Say so*: `Extracted` keeps the rule, what was dropped, and why there is no program.

    Parameters
    ----------
    text
        What the model wrote, without its prompt.
    entry_point
        What the tests call: a function, a class, or a method as ``Solution().f``. Where it is "", the tests say it
        themselves, and all blocks are put together.
    stub
        Source that the completion continues, "" where it is a whole program.
    stdin
        Whether a whole program is asked for, which reads its input and prints.
    cut
        Whether the sampler stopped at its length limit.
    prelude
        Source that is put before the program.

    Reading takes time in proportion to the text, whatever is in it, and a text of very many parts is not looked at to
    its end (`heldout.tasks.answers.parsing`).

    What it cannot see: which of two answers the model means, other than by their order.
    """
    answer, dropped = answer_of(text)
    if not answer.strip():
        return Extracted("", dropped=dropped, problem=NO_ANSWER)
    try:
        with allowance():
            reader = _Programs(answer, cut) if stdin else _Functions(answer, _Asked(entry_point, stub), cut)
            found = reader.read()
    except RecursionError:  # nested deeper than the tree can be walked
        found = Extracted("", problem=SYNTAX)
    if found.problem:
        return replace(found, dropped=dropped)
    return replace(found, source=joined(prelude, found.source), dropped=(*dropped, *found.dropped))


def read_reply(text: str) -> Extracted:
    """Read an answer that is no program, such as a number: without thinking, further turns and tags (rules 1 to 4)."""
    answer, dropped = answer_of(text)
    return Extracted(answer, "text", dropped, "" if answer.strip() else NO_ANSWER)


def joined(*parts: str) -> str:
    """Put sources one after the other, imports from the future first."""
    whole = "".join(part if part.endswith("\n") else part + "\n" for part in parts if part.strip())
    future = "".join(dict.fromkeys(_FUTURE.findall(whole)))
    return future + _FUTURE.sub("", whole) if future and not whole.startswith(future) else whole


@dataclass(frozen=True)
class _Found:
    """Where a program has its entry point."""

    entry: str
    node: ast.stmt
    binding: str = ""

    @property
    def root(self) -> str:
        return self.entry.split("(")[0]


@dataclass(frozen=True)
class _Asked:
    """What the tests call, and the stub."""

    entry_point: str
    stub: str

    @cached_property
    def _parts(self) -> tuple[str, str]:
        """The class, or "", and the function."""
        found = _METHOD.match(self.entry_point)
        return (found[1], found[2]) if found else ("", self.entry_point)

    @cached_property
    def written(self) -> re.Pattern[str]:
        """Lines that seem to define it."""
        names = "|".join(re.escape(name) for name in self._parts if name)
        return re.compile(rf"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(?:{names})\b|^(?:{names})[ \t]*=[^=]", re.M)

    def ways(self, tree: ast.Module) -> Iterator[_Found | None]:
        """How a program defines what is asked for: as it is, then in the other way that harnesses accept."""
        owner, name = self._parts
        plain = definition(tree, name)
        home = definition(tree, owner or "Solution")
        own = method(home, name) if home else None
        if owner:
            inherited = isinstance(home, ast.ClassDef) and bool(home.bases)
            yield _Found(f"{owner}().{name}", own or home) if home and (own or inherited) else None
            yield _Found(name, plain, f"function {name} in place of {owner}().{name}") if plain else None
        else:
            yield _Found(name, plain) if plain else None
            yield _Found(f"Solution().{name}", own, f"method of Solution bound as {name}") if own else None

    def found(self, source: Source) -> _Found | None:
        return next((one for one in self.ways(source.tree) if one), None)

    @cached_property
    def before(self) -> str:
        """What stands in the stub before its own definition."""
        own = next(iter(self.written.finditer(self.stub)), None)
        if own is None:
            return self.stub
        whole = next((one for tail in _ENDINGS if (one := source_of(self.stub + tail))), None)
        found = self.found(whole) if whole else None
        if whole is None or found is None:
            return self.stub[: own.start()]
        top = next(one for one in whole.tree.body if first_line(one) <= found.node.lineno <= (one.end_lineno or 0))
        return "".join(f"{line}\n" for line in self.stub.split("\n")[: first_line(top) - 1])

    @cached_property
    def given(self) -> set[str]:
        """Names that the stub defines."""
        source = source_of(self.before)
        return set().union(*(one.binds for one in source.statements)) if source else set()

    @cached_property
    def indent(self) -> str:
        """The indent of the body that continues the stub."""
        last = self.stub.rstrip().split("\n")[-1]
        inner = self.stub[len(self.stub.rstrip()) :].rsplit("\n", 1)[-1]
        margin = last[: len(last) - len(last.lstrip())]
        return inner or (margin + "    " if last.endswith(":") else margin)


_ENDINGS = ("", "pass\n", " pass\n", "\n    pass\n", "\n        pass\n", "\n            pass\n")


class _Functions:
    """An answer that should define something."""

    def __init__(self, answer: str, asked: _Asked, cut: bool) -> None:
        self.asked = asked
        self.cut = cut
        self.scanned = scan(answer)
        self.answer = answer
        self.empty = False  # whether an empty definition was seen

    @cached_property
    def blocks(self) -> list[tuple[Block, Source | None]]:
        # The last ones count most, and are parsed before the allowance of a very long answer is used up.
        found = [(block, None if block.kind == "other" else block.program) for block in reversed(self.scanned.blocks)]
        return found[::-1]

    def read(self) -> Extracted:
        """Try the rules in their order."""
        if not self.asked.entry_point:
            return self._everything()
        if not self.scanned.blocks:
            return self._bare(self.answer, "bare code") or Extracted("", problem=self._why_not_bare(self.answer))
        return (
            self._of_blocks()
            or self._salvaged()
            or self._outside()
            or self._body_in_block()
            or self._bare(self.scanned.before, "text before the fence")
            or Extracted("", problem=self._why_not())
        )

    def _everything(self) -> Extracted:
        """Put all blocks together where the tests themselves say what they call; a later definition counts."""
        sources = [source for block, source in self.blocks if source and block.kind != "text"]
        sources = sources or [source for _, source in self.blocks if source]
        how = f"fences, {len(sources)} of {len(self.blocks)}"
        if not self.scanned.blocks:
            text = self.asked.stub + self.answer
            whole = source_of(text)
            sources = [whole] if whole else [source for run in runs(text) if (source := source_of(run))]
            how = "whole text" if whole else "bare code"
        together = source_of(joined(*(one.text for one in sources)))
        if together is None or not any(isinstance(node, _DEFINITIONS) for node in together.tree.body):
            return Extracted("", problem=NO_FUNCTION if sources else self._why_not())
        kept, dropped = without_effects(together.statements, "")
        before = self.asked.stub if self.scanned.blocks else ""
        return Extracted(joined(before, *(one.text for one in kept)), how, tuple(dropped))

    # -- blocks

    def _of_blocks(self) -> Extracted | None:
        for kinds in (("python", "plain"), ("text",)):
            for way in range(2):
                for place in reversed(range(len(self.blocks))):
                    block, source = self.blocks[place]
                    if source is None or block.kind not in kinds:
                        continue
                    if found := self._good(list(self.asked.ways(source.tree))[way]):
                        return self._program(source, found, self._where(place), place)
        return None

    def _good(self, found: _Found | None) -> _Found | None:
        if found and is_empty(found.node):
            self.empty = True
            return None
        return found

    def _where(self, place: int) -> str:
        return f"fence {place + 1} of {len(self.blocks)}"

    def _salvaged(self) -> Extracted | None:
        """Find whole definitions in a block that does not parse, as in a text without fences."""
        for place in reversed(range(len(self.blocks))):
            block, source = self.blocks[place]
            broken = source is None and block.kind != "other" and self.asked.written.search(block.text)
            how = f"{self._where(place)}, without its rest"
            if broken and (found := self._defined_in(textwrap.dedent(block.text), how, place)):
                return found
        return None

    def _outside(self) -> Extracted | None:
        outside = self.scanned.outside
        return self._defined_in(outside, "bare code") if self.asked.written.search(outside) else None

    def _body_in_block(self) -> Extracted | None:
        for place in list(reversed(range(len(self.blocks))))[:_BODIES]:
            block, _ = self.blocks[place]
            if self.asked.stub and block.kind in ("python", "plain"):
                found = self._continued(block.text.strip("\n"), f"{self._where(place)} as the body", place)
                if found:
                    return found
        return None

    def _why_not(self) -> str:
        tried = [(block, source) for block, source in self.blocks if block.kind != "other"]
        if self.empty:
            return EMPTY
        if self.cut and tried and not tried[-1][0].closed and tried[-1][1] is None:
            return CUT
        broken = [block for block, source in tried if source is None]
        if any(self.asked.written.search(block.text) for block in broken):
            return SYNTAX
        if any(source is not None and source.tree.body for _, source in tried):
            return NO_FUNCTION
        if any(block.kind == "python" for block in broken):
            return SYNTAX
        if len(tried) < len(self.blocks):
            return OTHER_LANGUAGE
        return self._why_not_bare(self.scanned.before)

    # -- text without blocks

    def _bare(self, text: str, how: str) -> Extracted | None:
        first = next((line for line in text.split("\n") if line.strip()), "")
        if not first:
            return None
        continues = bool(self.asked.stub) and not self.asked.written.match(first)
        if continues and first[0] in " \t" and (body := self._continued(self._until_redefined(text), "body")):
            return body
        if self.asked.written.search(text) and (whole := self._defined_in(textwrap.dedent(text), how)):
            return whole
        if continues and (body := self._continued(self._until_redefined(text), "body")):
            return body
        return self._indented(text, how) if first[0] not in " \t" else None

    def _indented(self, text: str, how: str) -> Extracted | None:
        """Find what words stand around, as Markdown writes code without fences."""
        if any(runs(text)):
            return None  # what is indented belongs to code of another name
        for run in indented_runs(text):
            source = code_in(run)
            if source and (found := self._good(self.asked.found(source))):
                return self._program(source, found, how)
            if self.asked.stub and (body := self._continued(run.strip("\n"), "body")):
                return body
        return None

    def _until_redefined(self, text: str) -> str:
        again = next((one for one in self.asked.written.finditer(text) if one.start() and one[0][0] not in " \t"), None)
        return text[: again.start()] if again else text

    def _defined_in(self, text: str, how: str, place: int | None = None) -> Extracted | None:
        whole = source_of(text)
        sources = [whole] if whole else [source for run in runs(text) if (source := source_of(run))]
        for number, source in enumerate(sources):
            if found := self._good(self.asked.found(source)):
                return self._program(source, found, how, place, sources[:number], sources[number + 1 :])
        return None

    def _continued(self, text: str, how: str, place: int | None = None) -> Extracted | None:
        """Read a text as the body that continues the stub: as it is, then with its indent restored."""
        stub, closed = self.asked.stub, self.asked.stub.rstrip() + "\n"
        first = next((line for line in text.split("\n") if line.strip()), "")
        rest = text[text.index(first) + len(first) :]
        as_it_is = dict.fromkeys([(stub, text), (closed, text)])
        attempts = [*as_it_is, (closed, self.asked.indent + first.lstrip() + rest)]
        if not first[:1].isspace() and (flat := paragraphs(text)):
            attempts.append((closed, textwrap.indent(flat, self.asked.indent)))
        sources = [self._prefix(start, body) for start, body in attempts] if first.strip() else []
        tried = [(source, self.asked.found(source) if source else None) for source in sources]
        for source, found in tried:
            if source and found and returns(found.node) and not is_empty(found.node):
                return self._program(source, found, how, place, whole=True)
        if not first[:1].isspace() and stub.endswith("\n"):
            return None  # words, or code of its own
        for source, found in tried[: len(as_it_is)]:
            if source and (found := self._good(found)):
                return self._program(source, found, how, place, whole=True)
        return None

    def _prefix(self, start: str, body: str) -> Source | None:
        whole = source_of(start + body)
        if whole is None and (shorter := prefix(start + body, start.rstrip().count("\n") + 1)) is not None:
            whole = source_of(shorter)
        return whole

    def _why_not_bare(self, text: str) -> str:
        broken = CUT if self.cut else SYNTAX
        if self.empty:
            return EMPTY
        first = next((line for line in text.split("\n") if line.strip()), " ")
        if self.asked.written.search(text) or (self.asked.stub and first[0] in " \t" and text.strip()):
            return broken
        if any(runs(text)):
            return NO_FUNCTION
        return CUT if self.cut else NO_CODE

    # -- the program

    def _program(
        self,
        source: Source,
        found: _Found,
        how: str,
        place: int | None = None,
        earlier: Sequence[Source] = (),
        later: Sequence[Source] = (),
        whole: bool = False,
    ) -> Extracted:
        """Put a program together; `whole` says that it holds the stub."""
        kept, dropped = without_effects(source.statements, found.root)
        at = len(self.blocks) if place is None else place
        usable = [one if block.kind in ("python", "plain") else None for block, one in self.blocks]
        before = [*(one for one in usable[:at] if one), *earlier]
        after = [*later, *(one for one in usable[at + 1 :] if one)]
        given = set() if whole else self.asked.given
        pulled = helpers(kept, before, after, {found.root, *given}) if before or after else []
        text = source.text if len(kept) == len(source.statements) else "\n".join(one.text for one in kept)
        return Extracted(
            joined("" if whole else self.asked.before, *pulled, text),
            how + (", with helpers" if pulled else ""),
            tuple(dropped),
            entry=found.entry,
            binding=found.binding,
        )


class _Programs:
    """An answer that should be a whole program, reading its input and printing."""

    def __init__(self, answer: str, cut: bool) -> None:
        self.answer = answer
        self.cut = cut
        self.scanned: Scanned = scan(answer)

    def read(self) -> Extracted:
        """Choose a block, or the code of a text without any."""
        if not self.scanned.blocks:
            return self._bare(self.answer) or Extracted("", problem=CUT if self.cut else NO_CODE)
        tried = [(place, block) for place, block in enumerate(self.scanned.blocks) if block.kind != "other"]
        sources = {place: source for place, block in reversed(tried) if (source := block.program) and _does(source)}
        for kinds in (("python", "plain"), ("text",)):
            usable = [place for place, block in tried if block.kind in kinds and place in sources]
            if usable:
                chosen, helped = self._choice([sources[place] for place in usable])
                return Extracted(helped, f"fence {usable[chosen] + 1} of {len(self.scanned.blocks)}")
        for place, block in reversed(tried):
            if not block.closed and self.cut:
                return Extracted("", problem=CUT)
            if not block.closed and (found := self._bare(block.text)):
                return replace(found, how=f"fence {place + 1} of {len(self.scanned.blocks)}, without its rest")
        if found := self._bare(self.scanned.outside):
            return replace(found, how="text before the fence")
        broken = any(block.kind == "python" for _, block in tried)
        return Extracted("", problem=SYNTAX if broken else NO_CODE if tried else OTHER_LANGUAGE)

    def _choice(self, sources: list[Source]) -> tuple[int, str]:
        """Choose among blocks: which one, and its program with helpers."""
        places = range(len(sources) - 1, max(-1, len(sources) - 1 - _LOOKED_AT), -1)
        programs = {place: self._with_helpers(sources, place) for place in places}
        reads = [place for place in places if any(map(reads_input, programs[place].statements))]
        runs_too = [place for place in reads if any(isinstance(one, _RUNS) for one in programs[place].tree.body)]
        written = [place for place in places if any(map(prints, programs[place].statements))]
        chosen = [*runs_too, *reads, *written, *places][0]
        return chosen, programs[chosen].text

    def _with_helpers(self, sources: list[Source], place: int) -> Source:
        target = sources[place]
        pulled = helpers(target.statements, sources[:place], sources[place + 1 :], ()) if len(sources) > 1 else []
        return (source_of(joined(*pulled, target.text)) if pulled else None) or target

    def _bare(self, text: str) -> Extracted | None:
        whole = code_in(text)
        if whole and _does(whole):
            return Extracted(whole.text, "whole text")
        found = [source for run in runs(text) if (source := source_of(run)) and _does(source)]
        if not found:
            return None
        best = max(found, key=lambda one: (any(map(reads_input, one.statements)), len(one.text)))
        return Extracted(best.text, "bare code", ("text around the code",))


def _does(source: Source) -> bool:
    """Whether a program does anything, so that it is no mere words."""
    return any(not is_prose(node) for node in source.tree.body)
