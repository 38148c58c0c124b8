"""A text that was packed as base64 of zlib of a pickle, as LiveCodeBench ships its private tests, read without pickle.

A pickle is a program, and unpickling runs it. The few instructions that one text needs are recognised here; nothing is
executed, and everything else is refused.
"""

from __future__ import annotations

import base64
import binascii
import pickletools
import zlib

MOST = 2**28  # bytes once inflated; the largest problem of LiveCodeBench has some tens of millions
_TEXTS = {"UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
_FRAMING = {"PROTO", "FRAME", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "STOP"}  # all that protocols 0 to 5 add


class Refused(ValueError):
    """What was packed is not one text; the message names the instruction of the pickle that says so."""


def unpacked(packed: str, most: int = MOST) -> str:
    """Return the text in base64(zlib(pickle(text))).

    Raises
    ------
    Refused
        When it is anything else, or larger than `most` bytes.

    Examples
    --------
    >>> import pickle
    >>> unpacked(base64.b64encode(zlib.compress(pickle.dumps("[1]"))).decode())
    '[1]'
    """
    try:
        data = base64.b64decode(packed, validate=True)
        inflater = zlib.decompressobj()
        inflated = inflater.decompress(data, most)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise Refused(f"it is neither JSON nor a packed text ({error})") from None
    if not inflater.eof:
        cut = "is cut off" if len(inflated) < most else f"is above {most} bytes"
        raise Refused(f"what was packed {cut}")
    return _only_text(inflated)


def _only_text(pickled: bytes) -> str:
    texts: list[str] = []
    end = 0
    try:
        for opcode, value, place in pickletools.genops(pickled):
            if opcode.name in _TEXTS:
                texts.append(str(value))
            elif opcode.name not in _FRAMING:
                raise Refused(f"what was packed is no text: its pickle has the instruction {opcode.name}")
            end = (place or 0) + 1
    except Refused:
        raise
    except ValueError as error:  # genops, and texts that are no UTF-8
        raise Refused(f"what was packed is no pickle ({error})") from None
    if len(texts) != 1 or end != len(pickled):
        raise Refused(f"what was packed is {len(texts)} texts and {len(pickled) - end} bytes after them, not one text")
    return texts[0]
