"""Pages: one look for reports, comparisons, audits and the server, complete without a script.

Each package keeps the templates of its own pages in its folder ``templates``; what they share lies here: ``base.html``,
``parts.html`` (macros) and ``assets`` (style and scripts). What is put into a template is escaped.

A page is one file: style and scripts stand in it, and its policy names their checksums, so that nothing else can run
in it and nothing can leave it. A template that is rendered with ``linked="/assets"`` links them there instead, as a
server wants it that sends the policy itself, with the ``served_scripts`` that it has besides. A page that needs further
scripts names them in its template: ``{% set scripts = [...] %}``; one without figures says ``{% set plain = true %}``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Sequence
from functools import cache
from importlib import resources

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

import heldout
from heldout.charts.palettes import stylesheet
from heldout.metrics import heading_of
from heldout.plain import plain
from heldout.text import visible

# In the order in which they run; the middle ones only where there are figures.
_FIRST, _LAST = ("elements.js", "state.js"), ("keys.js", "theme.js")
_FIGURES = ("uplot/uPlot.iife.min.js", "series.js", "scales.js", "marks.js", "figure.js", "tools.js")
SCRIPTS = (*_FIRST, *_FIGURES, *_LAST)
PLAIN_SCRIPTS = (*_FIRST, *_LAST)
STYLES = ("page.css", "report.css", "figure.css", "uplot/uPlot.min.css")

_AS_CODES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}


def template(name: str, *packages: str) -> Template:
    """Return a template of a package's pages, such as ``report.html`` of ``heldout.report``.

    It may extend and include those of further packages.
    """
    return _environment(packages).get_template(name)


def asset(name: str) -> str:
    """Return the text of a file that pages share, such as ``page.css``."""
    return resources.files("heldout.pages").joinpath("assets", name).read_text(encoding="utf-8")


def data(value: object) -> Markup:
    """Return a value as JSON that can stand inside a ``script`` element: no text in it ends the element.

    >>> data({"name": "</script>"})
    Markup('{"name":"\\\\u003c/script\\\\u003e"}')
    """
    return Markup(json.dumps(plain(value), separators=(",", ":"), allow_nan=False).translate(_AS_CODES))


@cache
def style() -> str:
    """Return the style of every page."""
    return "\n".join((stylesheet(), *(asset(name) for name in STYLES)))


def linkable() -> dict[str, str]:
    """Return what pages link where they are served: names below the address given as ``linked``, and their texts."""
    scripts = resources.files("heldout.pages").joinpath("assets").iterdir()
    names = {*SCRIPTS, *(file.name for file in scripts if file.name.endswith(".js"))}
    return {"style.css": style(), **{name: asset(name) for name in sorted(names)}}


def policy(scripts: Sequence[str]) -> str:
    """What may a page in one file do? Run these scripts of ours, show images that lie beside it, and nothing else."""
    ours = " ".join(_checksum(asset(name)) for name in scripts)
    return (
        f"default-src 'none'; script-src {ours}; style-src {_checksum(style())}; style-src-attr 'unsafe-inline'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'"
    )


@cache
def _checksum(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _seen(value: object) -> object:
    """Write what a page would obey or not show as its code, in every text that a template puts into it."""
    return "\n".join(map(visible, value.split("\n"))) if type(value) is str else value


@cache
def _environment(packages: tuple[str, ...]) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, "heldout.pages")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"heading": heading_of, "visible": visible}
    environment.filters["shell"] = lambda text: shlex.quote(visible(text))
    environment.globals |= {"version": heldout.__version__, "data": data, "policy": policy}
    environment.globals |= {
        "own_scripts": list(SCRIPTS),
        "plain_scripts": list(PLAIN_SCRIPTS),
        "own_style": Markup(style()),
    }
    environment.globals["asset"] = lambda name: Markup(asset(name))
    return environment
