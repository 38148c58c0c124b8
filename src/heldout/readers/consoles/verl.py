"""Metrics that verl prints to the console, one line per step."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from heldout.errors import NoMetrics
from heldout.readers.consoles.console import NUMBER, Entry, TableConsole, followed
from heldout.readers.log import Log
from heldout.readers.source import CUT_HERE, Source
from heldout.readers.steps import log_from_table

# 0.001   np.float64(0.5)   -0.000   nan
_CELL = rf"(?:(?:np|numpy)\.\w{{1,12}}\()?+({NUMBER}|True|False)\)?+"

# step:12 - actor/kl_loss:0.001 - …   but neither "timing_s/step:24 - …" nor "step by step: …"
_STEP = re.compile(rf"(?<![\w/.-])step:(\d{{1,15}}) - (?=[^\s:]{{1,300}}+:{_CELL})")
_VALUE = re.compile(_CELL)
# timing_s/step:24.287Training Progress: 10%| …
_FIRST_ITEM = re.compile(rf"([^:\n]{{1,300}}+):{_CELL}")
# One piece of a string that pprint broke: 'val-core/openai/gsm8k/reward/mean@1:np.float64(0.5) - '
_QUOTED = re.compile(r"""\s{0,200}+(?:'((?:[^'\\\n]|\\.)*+)'|"((?:[^"\\\n]|\\.)*+)")""")
# What a terminal pushed to the next line: "01 - actor/pg_loss:0.1 - …", "- actor/pg_loss:0.1", "7 - timing_s/upda"
_PUSHED = re.compile(
    r"(?:[\d.enp+()-]{0,20}+ )?- (?:[^\s:]{1,300}+:(?:np\.|[-+\dniTF])|[^\s:]{0,100}[/_][^\s:]{0,200}$)"
)
# The end of a number, alone on the last line of a broken entry: "38"
_DIGITS = re.compile(r"[\de.)+-]{1,12}$")
# {'actor_rollout_ref': {'actor': {'clip_ratio': 0.2,
_CONFIG = re.compile(r"\{'actor_rollout_ref': \{'(?:[^\n]*+\n[ \t])*+[^\n]*+")
# ray.exceptions.RayTaskError(NotImplementedError): …
_RAISED = re.compile(
    r"^[\w.]{0,200}(?:Error|Exception|Interrupt|Exit)(?:\([\w.]{1,200}\))?(?::[^\n]*+)?$", re.MULTILINE
)


def read(source: Source) -> list[Log] | None:
    """Read verl's step lines out of its console output.

    A step looks like this, at times broken into several quoted pieces by `pprint` or over lines by a terminal::

        step:12 - actor/kl_loss:0.001 - critic/score/mean:0.977 - val-core/openai/gsm8k/reward/mean@1:np.float64(0.5)

    What it cannot see: digits beyond those printed (three after the point up to verl 0.4), and a value whose line was
    torn apart by another process's output. Raises `NoMetrics` where the configuration is there, but the run ended
    before its first step line.
    """
    if not source.is_text:
        return None
    console = source.fed_text(_Console)
    table = console.table()
    if table.rows:
        notes, config = console.notes(), console.settings()
        return [log_from_table(table, "verl-console", step_key="step", notes=notes, config=config)]
    if console.has_settings or console.cut:
        raise NoMetrics(console.why_empty())
    return None


class _Console(TableConsole):
    """The step lines, and the configuration and the last exception that stand between them."""

    lost_note = '{} items of the step lines were not of the form "key:number" and were left out.'
    cut_note = "The file ends within a step line; its last value was left out."

    def __init__(self) -> None:
        super().__init__()
        self._dump, self._dump_ended = "", False
        self._config: Mapping[str, Any] | None = None  # what the dump says, once it has ended
        self._raised = ""

    def feed(self, text: str, last: bool) -> None:
        super().feed(text, last)
        self._find_settings(text, last)
        for line in _RAISED.finditer(text):
            self._raised = line[0]

    def scan(self, text: str, at: int) -> Iterator[Entry]:
        while step := _STEP.search(text, at):
            before = text[max(step.start() - 2, 0) : step.start()]
            if before.endswith(("'", '"')):
                body, at, cut = _quoted(text, step.start() - 1, several=before.startswith("("))
            else:
                body, at, cut = _unwrapped(text, step.start())
            row, lost = _items(body.split(" - ")[1:-1] if cut or body.endswith(CUT_HERE) else body.split(" - ")[1:])
            yield Entry({**row, "step": int(step[1])} if row else None, at, followed(text, at), lost, cut)

    @property
    def has_settings(self) -> bool:
        return bool(self._dump)

    def settings(self) -> Mapping[str, Any]:
        if self._config is not None:
            return self._config
        found = _CONFIG.search(self._dump)
        config = _settings(found[0]) if found else {}
        self._config = config if self._dump_ended else None
        return config

    def why_empty(self) -> str:
        if self.cut:
            return "This verl console log ends within its first step line, before any whole value; take a longer copy."
        if not self._raised:
            return "This verl console log has the configuration but no step line; read it again once a step is logged."
        raised = repr(self._raised)[1:-1]
        raised = raised if len(raised) <= 120 else f"{raised[:119]}…"
        ended = f"the run ended before its first step, with {raised}"
        return f"This verl console log has no step line: {ended}; run it again."

    def _find_settings(self, text: str, last: bool) -> None:
        """Keep the configuration that is printed first, until a line follows that is not part of it."""
        if self._dump_ended:
            return
        text = self._dump + text
        found = _CONFIG.search(text)
        if found:
            self._dump_ended = last or found.end() + 1 < len(text)
            self._dump = found[0] if self._dump_ended else text[found.start() :]


def _items(pieces: Sequence[str]) -> tuple[dict[str, Any], int]:
    """Read "key:number" items, and count what is none; of the last one, what follows the number is somebody else's."""
    row: dict[str, Any] = {}
    lost = 0
    for i, piece in enumerate(pieces, start=1):
        key, _, value = piece.strip().rpartition(":")
        number = _VALUE.fullmatch(value)
        if (number is None or not key) and i == len(pieces) and (first := _FIRST_ITEM.match(piece.strip())):
            key, number = first[1], _VALUE.match(first[0], len(first[1]) + 1)
        if number is None or not key:
            lost += 1
        else:
            row[key] = float(number[1] == "True") if number[1] in ("True", "False") else float(number[1])
    return row, lost


def _quoted(text: str, start: int, several: bool) -> tuple[str, int, bool]:
    """Return the string literal at `start`, of several pieces where it stands in parentheses; its end; if it is cut."""
    pieces, at = [], start
    while piece := _QUOTED.match(text, at):
        pieces.append(piece[1] or piece[2] or "")
        at = piece.end()
        if not several or text.startswith(")", at):
            return "".join(pieces), at, False
    end = _line_end(text, at)
    while at < end and text[at] in " '\"":
        at += 1
    # Without a closing quote the file is cut here; or somebody quoted a step line in a sentence of their own.
    return "".join(pieces) + text[at:end], max(end, start + 1), end == len(text)


def _unwrapped(text: str, start: int) -> tuple[str, int, bool]:
    """Return the entry at `start`, put together again from the lines that a terminal made of it; its end; if cut."""
    end = _line_end(text, start)
    parts = [text[start:end]]
    tail = _tail(parts[0])
    while end < len(text):
        next_end = _line_end(text, end + 1)
        line = text[end + 1 : next_end]
        glue = _glue(tail, line, len(parts))
        if glue is None:
            break
        parts.append(glue + line)
        tail = _tail(tail + glue + line)
        end = next_end
    return "".join(parts), end, end == len(text)


def _tail(line: str) -> str:
    """Return the item a line ends in, with the separator before it."""
    return line[line.rfind(" - ") :] if " - " in line else line


def _glue(tail: str, line: str, parts: int) -> str | None:
    """Return what to put between an entry and its next line, or None where the entry ended."""
    if not line or len(tail) > 600 or tail.endswith(CUT_HERE) or _STEP.search(line[:400]):
        return None
    item = tail.removeprefix(" - ")
    if _FIRST_ITEM.fullmatch(item.strip()):  # complete as it stands, yet the line may have broken within the number
        pushed = _PUSHED.match(line) or (parts > 1 and _DIGITS.match(line))
        return (" " if line.startswith("- ") and not tail.endswith(" ") else "") if pushed else None
    if tail.endswith(" -"):  # the blank after it was lost with the line end
        return " " if _FIRST_ITEM.match(line) else None
    whole = _FIRST_ITEM.match(item + line)
    return "" if whole and not item.startswith(whole[0]) else None


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _settings(dump: str) -> Mapping[str, Any]:
    """Return the configuration that verl prints at the start, where other output did not tear it apart."""
    try:
        config = ast.literal_eval(dump[:200_000].rstrip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return {}
    return config if isinstance(config, dict) else {}
