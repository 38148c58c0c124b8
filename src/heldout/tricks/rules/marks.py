"""Where a text marks its answers: boxes, tags, and what stands behind ####."""

from __future__ import annotations

import re

_MOST = 200  # marks of a text that are looked at
_LONGEST = 2_000  # characters of an answer
_TAG = re.compile(r"<(answer|final_answer|solution|response|result|final)>", re.I)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_HASHES = re.compile(r"#{4}[ \t]*([^\s#][^\n#]{0,200})")

END = re.compile(r"<\|im_end\|>|<\|endoftext\|>|<\|eot_id\|>|</s>|<end_of_turn>")  # of a turn

Marked = tuple[str, int, int]  # an answer, and from where to where it stands with its mark


def marked(text: str) -> list[Marked]:
    """Return the answers of a text that are marked, in order."""
    hashed = [(found[1].strip(), found.start(), found.end()) for found in list(_HASHES.finditer(text))[:_MOST]]
    return sorted([*boxed(text), *tagged(text), *hashed], key=lambda one: one[1])


def boxed(text: str) -> list[Marked]:
    """Return what stands in boxes."""
    found = []
    for start in list(_BOX.finditer(text))[:_MOST]:
        depth, place = 1, start.end()
        for place in range(start.end(), min(len(text), start.end() + _LONGEST)):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if not depth:
                break
        found.append((text[start.end() : place], start.start(), place + 1))
    return found


def tagged(text: str) -> list[Marked]:
    """Return what stands in tags for answers."""
    found = []
    for start in list(_TAG.finditer(text))[:_MOST]:
        end = text.find("</", start.end(), start.end() + _LONGEST)
        if end >= 0:
            found.append((text[start.end() : end].strip(), start.start(), end + len(start[0]) + 1))
    return found


def spaced(text: str) -> str:
    """Return a text with one blank wherever there is white space."""
    return " ".join(text.split())
