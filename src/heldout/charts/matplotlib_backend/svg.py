"""Make matplotlib's drawing fit to stand in a page beside others, and small.

Text stays text: it can be searched, copied and edited. Each piece has the length that was measured here, whichever font
a browser has instead, so that words that stood apart still do. There is no style element and no style attribute: a page
may forbid both. Ids are the drawing's own.
"""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ET
from itertools import groupby

import matplotlib as mpl
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from heldout.text import word_set

# What stands in for the fonts of this package where they are not installed.
_INSTEAD = {"DejaVu Sans": "Verdana, sans-serif", "STIXGeneral": "'STIX Two Text', 'Times New Roman', serif"}
_XLINK = "http://www.w3.org/1999/xlink"
_LONG = re.compile(r"-?\d+\.\d{3,}")
_JOINTS = re.compile(r"\s*([A-Za-z])\s*")  # of a path
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_OF_ONE = word_set(
    "id d x y width height transform opacity textLength lengthAdjust xlink:href"
)  # attributes that no group can have for others
_WITH_NUMBERS = word_set("d x y width height transform viewBox stroke-width stroke-dasharray font-size")
_SKIPPED = {"metadata", "style"}


def finished(svg: str, name: str, caption: str) -> str:
    """Return a drawing with a name, a description, and nothing that would touch the page around it."""
    root = ET.fromstring(svg)  # what matplotlib just wrote
    own = "h" + hashlib.sha256(svg.encode()).hexdigest()[:8]
    used = dict.fromkeys(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    _tidy(root, {name: f"{own}-{number}" for number, name in enumerate(used)})
    _share(root)
    attributes = {"role": "img", "aria-labelledby": f"{own}-title {own}-desc", **root.attrib}
    root.attrib.clear()
    root.attrib.update(attributes, xmlns="http://www.w3.org/2000/svg", **{"xmlns:xlink": _XLINK})
    root.attrib.update({"font-family": _family(), "stroke-linejoin": "round", "stroke-linecap": "butt"})
    for tag, words in (("desc", caption), ("title", name)):
        told = ET.Element(tag, {"id": f"{own}-{tag}"})
        told.text = words
        root.insert(0, told)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _tidy(element: ET.Element, ids: dict[str, str]) -> None:
    """Rewrite an element and those in it: short, by attributes, with ids of its own."""
    element.tag = element.tag.rpartition("}")[2]
    if element.tag == "text" and not len(element):
        _fix_length(element)
    elif not (element.text or "").strip():
        element.text = None
    element.tail = None if not (element.tail or "").strip() else element.tail
    _tidy_attributes(element, ids)
    children = [child for child in element if child.tag.rpartition("}")[2] not in _SKIPPED]
    for child in children:
        _tidy(child, ids)
    kept = [inner for child in children for inner in _without_wrapping(child)]
    for child in list(element):
        element.remove(child)
    element.extend(kept)


def _share(element: ET.Element) -> None:
    """Put neighbours that look alike into a group that says it once."""
    runs = [list(run) for _, run in groupby(element, _look)]
    for child in list(element):
        element.remove(child)
    for run in runs:
        look = dict(_look(run[0])[1])
        if len(run) > 2 and look:
            for child in run:
                child.attrib = {key: value for key, value in child.attrib.items() if key not in look}
            group = ET.Element("g", look)
            group.extend(run)
            run = [group]
        else:
            for child in run:
                _share(child)
        element.extend(run)


def _look(element: ET.Element) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return what a group could say for an element: nothing for one that holds others."""
    shared = () if len(element) else tuple((key, value) for key, value in element.items() if key not in _OF_ONE)
    return element.tag, shared


def _without_wrapping(element: ET.Element) -> list[ET.Element]:
    """Return what is in a group that says nothing."""
    empty = element.tag == "defs" and not len(element)
    return list(element) if empty or (element.tag == "g" and not element.attrib) else [element]


def _tidy_attributes(element: ET.Element, ids: dict[str, str]) -> None:
    styles = (one.split(":", 1) for one in element.attrib.pop("style", "").split(";") if ":" in one)
    attributes = {**element.attrib, **{key.strip(): value.strip() for key, value in styles}}
    element.attrib.clear()
    for key, value in attributes.items():
        if key == "id":
            if value in ids:
                element.set("id", ids[value])
        elif key == f"{{{_XLINK}}}href":
            element.set("xlink:href", f"#{ids[value[1:]]}" if value.startswith("#") else value)
        elif key != "font-family" and not value.startswith("rotate(-0 "):
            value = _LONG.sub(_short, value) if key in _WITH_NUMBERS else value
            value = _REFERENCE.sub(lambda found: f"url(#{ids[found[1]]})", value)
            element.set(key, _JOINTS.sub(r"\1", value).strip() if key == "d" else value)


def _short(number: re.Match[str]) -> str:
    """Write a number with as many decimals as can be seen, a hundredth of a point."""
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _fix_length(element: ET.Element) -> None:
    """Say how long a text is, for fonts that are wider or narrower."""
    words, css = element.text or "", dict(re.findall(r"([\w-]+):\s*([^;]+)", element.get("style", "")))
    if len(words) < 2:
        return
    font = FontProperties(family=mpl.rcParams["font.family"], size=float(css["font-size"].removesuffix("px")))
    font.set_weight(int(css.get("font-weight", 400)))
    width, _, _ = text_to_path.get_text_width_height_descent(words, font, ismath=False)
    element.set("textLength", f"{width:.2f}")
    element.set("lengthAdjust", "spacingAndGlyphs")


def _family() -> str:
    first, *others = mpl.rcParams["font.family"]
    return ", ".join([*(f"'{name}'" for name in (first, *others)), _INSTEAD.get(first, "sans-serif")])
