"""Pages: one look for reports, comparisons, audits and the server, complete without a script.

Each package keeps the templates of its own pages in its folder ``templates``; what they share lies here: ``base.html``,
``parts.html`` (macros) and ``assets`` (style and scripts). What is put into a template is escaped.
"""

from __future__ import annotations

import shlex
from functools import cache
from importlib import resources

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

import heldout
from heldout.charts.palettes import stylesheet
from heldout.metrics import heading_of
from heldout.text import visible


def template(name: str, package: str) -> Template:
    """Return a template of a package's pages, such as ``report.html`` of ``heldout.report``."""
    return _environment(package).get_template(name)


def asset(name: str) -> str:
    """Return the text of a file that pages share, such as ``page.css``."""
    return resources.files("heldout.pages").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("heldout.pages")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"heading": heading_of, "visible": visible}
    environment.filters["shell"] = lambda text: shlex.quote(visible(text))
    environment.globals |= {"version": heldout.__version__, "chart_colours": Markup(stylesheet())}
    environment.globals["asset"] = lambda name: Markup(asset(name))
    return environment
