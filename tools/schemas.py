"""Write the JSON Schemas into the docs, from the types that reports, comparisons and charts are written of.

python tools/schemas.py

A test sees that they are the same; where a field was added on purpose, this puts it in.
"""

from __future__ import annotations

import json
from pathlib import Path

from heldout.charts.schema import schema as of_charts
from heldout.compare.schema import schema as of_comparisons
from heldout.report.schema import schema as of_reports

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
SCHEMAS = {"report-1.json": of_reports, "compare-1.json": of_comparisons, "chart-1.json": of_charts}


def published() -> dict[str, str]:
    """Return the text of each file."""
    return {name: json.dumps(of(), indent=1, ensure_ascii=False) + "\n" for name, of in SCHEMAS.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in published().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
