"""JSON lines that grow: only the new lines are parsed.

Every other format is read whole each time. JSON lines are worth it because most trainers can write them, and safe
because each line stands for itself; a console's lines and a table's need what came before.
"""

from __future__ import annotations

from pathlib import Path

from heldout.readers import name_of
from heldout.readers.assemble import Options, assemble
from heldout.readers.json_lines import rows_of
from heldout.readers.jsonl import logs_of
from heldout.readers.rows import TableBuilder
from heldout.run import Run

_CHECKED = 4096  # bytes before the last place that must still be what they were


class GrownLines:
    """A file of JSON lines, parsed as far as its lines are complete.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.begin(False)

    def begin(self, fits: bool) -> None:
        """Start from the first line at the next `read`, if the readers found the file to be JSON lines."""
        self._table = TableBuilder() if fits else None
        self._refused: list[bytes] = []
        self._at = 0
        self._before = b""

    def read(self, options: Options) -> list[Run] | None:
        """Return the runs in the file, or None where the readers have to be asked (again)."""
        if self._table is None or not self._grow(self._table):
            return None
        logs = logs_of(self._table.build(), self._refused)
        return [assemble(log, name_of(self.path), str(self.path), options) for log in logs]

    def _grow(self, table: TableBuilder) -> bool:
        """Take in the new lines; False where the file is not what it was, only longer."""
        with self.path.open("rb") as file:
            file.seek(self._at - len(self._before))
            if file.read(len(self._before)) != self._before:
                return False
            new = file.read()
        complete = new[: new.rfind(b"\n") + 1]
        if complete:
            rows, refused = rows_of(complete if self._at else complete.removeprefix(b"\xef\xbb\xbf"))
            table.add(rows)
            self._refused += refused
            self._at += len(complete)
            self._before = (self._before + complete)[-_CHECKED:]
        return self._at > 0
