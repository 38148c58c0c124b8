"""A figure for LaTeX, which sets its words in the document's own font; LaTeX is not needed to write it.

Words are measured with the fonts that they are drawn with elsewhere. What stands in a log is written as it reads: no
sign of it is a command.
"""

from __future__ import annotations

import io
import re
from typing import Any, cast

from matplotlib.backends.backend_pgf import RendererPgf
from matplotlib.figure import Figure
from matplotlib.textpath import text_to_path

_COMMANDS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "#$&_{}"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "√": r"\ensuremath{\sqrt{}}",
    "…": r"\ldots{}",
    "±": r"\ensuremath{\pm}",
}
_SIGNS = re.compile("|".join(map(re.escape, _COMMANDS)))
_FORMULA = re.compile(r"(?<!\\)(\$(?:[^$\\]|\\.)+\$)")


_HEAD = r"""%% In the preamble: \usepackage{{pgf}}; in the document: \input{{this file}}
\begingroup%
\makeatletter%
\begin{{pgfpicture}}%
\pgfpathrectangle{{\pgfpointorigin}}{{\pgfqpoint{{{width:f}in}}{{{height:f}in}}}}%
\pgfusepath{{use as bounding box, clip}}%
"""
_END = r"""\end{pgfpicture}%
\makeatother%
\endgroup%
"""


def as_pgf(figure: Figure, name: str, caption: str) -> str:
    """Return the figure as commands of PGF, for ``\\input``."""
    file, renderer = io.StringIO(), cast("Any", _Renderer)
    width, height = figure.get_size_inches()
    file.write("".join(f"%% {line}\n" for line in (name, caption) if line))
    file.write(_HEAD.format(width=width, height=height))
    figure.draw(renderer(figure, file))
    file.write(_END)
    return file.getvalue()


def as_tex(text: str) -> str:
    r"""Write a text so that LaTeX sets it as it reads.

    >>> as_tex("pass_rate 50% $x$")
    'pass\\_rate 50% \\$x\\$'
    """
    return _SIGNS.sub(lambda found: _COMMANDS[found[0]], text)


def with_formulas(text: str) -> str:
    """Write a text of which the parts between dollar signs are formulas."""
    parts = _FORMULA.split(text)
    return "".join(part if place % 2 else as_tex(part) for place, part in enumerate(parts))


class _Renderer(RendererPgf):
    """Writes words as they read, and measures them without LaTeX."""

    def draw_text(self, gc: Any, x: float, y: float, s: str, *args: Any, **named: Any) -> None:
        formula = args[2] if len(args) > 2 else named.get("ismath", False)
        draw: Any = super().draw_text
        draw(gc, x, y, with_formulas(s) if formula else as_tex(s), *args, **named)

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> tuple[float, float, float]:
        sizes = text_to_path.get_text_width_height_descent(s, prop, ismath)
        width, height, descent = (size * self.dpi / 72.0 for size in sizes)
        return width, height, descent
