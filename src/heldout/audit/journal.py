"""What a reward said, kept in a file as it comes: an audit that was ended goes on where it was.

The file is JSON lines. The first says what was asked, and how; each other one has what one session of calls gave, and
the last says that all was asked. Where it is there, the next audit begins anew: what a reward imports may have changed.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from heldout.rewards.grader import Done, Grader, Outcome, Session
from heldout.store.lines import LineFile, json_line, read_rows

FORMAT = "heldout.audit.answers/1"
_Found = list[list[Outcome]]


class Journal(Grader):
    """A reward that is asked only about what it was not asked before; closing it leaves the reward open.

    Parameters
    ----------
    grader
        The reward.
    path
        The file; its folder is made where there is none.
    about
        What is asked, and how; a file in which any of this differs is begun anew, and `notes` say so.
    """

    def __init__(self, grader: Grader, path: Path, about: Mapping[str, str]) -> None:
        self.grader = grader
        self.plan = grader.plan
        self._said: dict[tuple[str, int], _Found] = {}
        self._asked: Counter[str] = Counter()  # how often a session was wanted
        self._writing = threading.Lock()  # sessions end in several threads
        self.notes = (*grader.notes, *self._read(path, about))
        path.parent.mkdir(parents=True, exist_ok=True)
        if not self._said:
            path.unlink(missing_ok=True)
        self._file = LineFile(path)
        if not self._said:
            self._file.append(json_line({"format": FORMAT, "about": dict(about)}))

    def _read(self, path: Path, about: Mapping[str, str]) -> tuple[str, ...]:
        """Take what an earlier audit was told, and say so, or why not."""
        rows = read_rows(path).rows
        if not rows or rows[0].get("format") != FORMAT or rows[-1].get("finished"):
            return ()
        before = rows[0].get("about") or {}
        changed = [name for name, value in about.items() if before.get(name) != value]
        if changed:
            return (f"Begun anew: {path} has answers to another audit ({changed[0]} was not the same).",)
        self._said = {(row["session"], row["time"]): _read(row["said"]) for row in rows[1:] if "said" in row}
        answers = sum(len(call) for found in self._said.values() for call in found)
        return (f"Goes on after the {answers} answers that were scored before ({path}).",) if answers else ()

    def run(self, sessions: Sequence[Session], done: Done = lambda place, found: None) -> list[list[list[Outcome]]]:
        keys = [self._key(session) for session in sessions]
        new = [place for place, key in enumerate(keys) if key not in self._said]

        def heard(number: int, found: _Found) -> None:
            place = new[number]
            session, time = keys[place]
            problems = list(dict.fromkeys(problem.id for call in sessions[place] for problem, _ in call))
            with self._writing:
                self._said[keys[place]] = found
                row = {"session": session, "time": time, "problems": problems, "said": _written(found)}
                self._file.append(json_line(row))
            done(place, found)

        for place in sorted(set(range(len(keys))) - set(new)):
            done(place, self._said[keys[place]])
        fresh = self.grader.run([sessions[place] for place in new], heard)
        for place, found in zip(new, fresh, strict=True):
            self._said[keys[place]] = found
        return [self._said[key] for key in keys]

    def finished(self) -> None:
        """Say that all was asked."""
        self._file.append(json_line({"finished": True}))

    def close(self) -> None:
        self._file.close()

    def _key(self, session: Session) -> tuple[str, int]:
        text = json.dumps([[(problem.id, text) for problem, text in call] for call in session])
        key = hashlib.sha256(text.encode()).hexdigest()[:24]
        self._asked[key] += 1
        return key, self._asked[key]


def _written(found: _Found) -> list[list[dict[str, Any]]]:
    def score(value: float | None) -> float | str | None:
        return value if value is None or math.isfinite(value) else str(value)

    return [
        [
            {"score": score(one.score), "kind": one.kind, "error": one.error.encode(errors="replace").decode()}
            | {"seconds": one.seconds}
            for one in call
        ]
        for call in found
    ]


def _read(said: Sequence[Sequence[Mapping[str, Any]]]) -> _Found:
    return [
        [
            Outcome(
                None if one["score"] is None else float(one["score"]), one["kind"], one["error"], float(one["seconds"])
            )
            for one in call
        ]
        for call in said
    ]
