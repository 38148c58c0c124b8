"""What a program does with files."""

from __future__ import annotations

import re

from heldout.tricks.rules.folding import folded
from heldout.tricks.rules.program import Called, Program

_WRITES = re.compile(r"(?:.*\.)?(?:write_text|write_bytes|unlink|rename|touch|copyfile|copy2?|move|rmtree|dump)$")
_REMOVES = ("os.remove", "os.unlink", "os.rename", "os.replace", "os.truncate", "os.chmod")
_READS = re.compile(
    r"(?:.*\.)?(?:read_text|read_bytes|glob|iglob|rglob|iterdir|listdir|scandir|walk|read_csv|read_json|getsource|getsourcelines|getlines?)$"
)
OPENS = ("open", "io.open", "os.open", "codecs.open", "gzip.open")


def is_writing(call: Called) -> bool:
    """Whether a call writes to files, or takes them away."""
    if call.path in OPENS or call.path.endswith(".open"):
        return any(letter in mode_of(call) for letter in "wax+")
    return call.path in _REMOVES or bool(_WRITES.match(call.path))


def is_reading(call: Called) -> bool:
    """Whether a call reads or looks for files."""
    if call.path in OPENS or call.path.endswith(".open"):
        return not is_writing(call)
    return bool(_READS.match(call.path))


def writes(program: Program) -> bool:
    """Whether a program writes to files."""
    return any(map(is_writing, program.calls))


def reads(program: Program) -> bool:
    """Whether a program reads or looks for files."""
    return any(map(is_reading, program.calls))


def mode_of(call: Called) -> str:
    """The mode in which a file is opened."""
    place = 0 if call.path.endswith(".open") and call.path not in OPENS else 1
    given = call.node.args[place] if len(call.node.args) > place else None
    named = next((one.value for one in call.node.keywords if one.arg == "mode"), given)
    mode = folded(named)
    return mode if isinstance(mode, str) else "r"
