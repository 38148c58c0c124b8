"""Problems × evaluations as bytes: a program gets a thousand problems in a hundred evaluations as 100 kB.

An answer is the length of its head as an unsigned 32-bit integer, little-endian; the head; and then for each problem a
byte for each evaluation: the percent of its samples that passed, 255 where it was not asked. The head is JSON, schema
``heldout.problems/1``: the ``steps`` of the evaluations, the ``names`` of the problems and what became of each as
``fate``, the steps ``since`` and ``last`` between which they are lost or gained, and the same in sentences, ``told``.
"""

from __future__ import annotations

import struct

import numpy as np
import orjson

from heldout.diagnosis.problems import Problems
from heldout.errors import UsageError
from heldout.plain import plain

SCHEMA = "heldout.problems/1"
NOT_ASKED = 255


def packed(found: Problems | None) -> bytes:
    """Return problems as bytes; a UsageError where nothing is known of them one by one."""
    if found is None:
        raise UsageError(
            "Which problems this run solves is not known one by one: two evaluations that tell it are needed, such as "
            "those of heldout.Recorder.evaluation."
        )
    told = {"steps": found.steps, "names": found.names, "fate": found.fate, "since": found.since, "last": found.last}
    head = orjson.dumps(plain({"schema": SCHEMA, **told, "told": found.told}))
    percent = np.where(np.isnan(found.share), NOT_ASKED, np.rint(100.0 * np.nan_to_num(found.share)))
    return struct.pack("<I", len(head)) + head + percent.astype(np.uint8).tobytes()
