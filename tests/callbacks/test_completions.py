"""What TRL itself writes of its completions is read as rollouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heldout.rollouts.reading import rollouts_of

pytest.importorskip("trl")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # TRL and transformers warn of their own calls


def test_the_completions_that_trl_logs(grpo: Callable[..., Any], tmp_path: Path) -> None:
    from transformers import TrainerCallback

    def letters(completions: Sequence[str], **given: Any) -> list[float]:
        return [len(set(text)) / 8 for text in completions]

    def even(completions: Sequence[str], **given: Any) -> list[float | None]:
        return [None if place == 3 else float(len(text) % 2 == 0) for place, text in enumerate(completions)]

    grpo([letters, even], TrainerCallback(), max_steps=3, log_completions=True, num_completions_to_print=0).train()
    found = rollouts_of(tmp_path / "trl")
    assert (found.format, found.step.tolist()) == ("TRL's completions", [1] * 4 + [2] * 4 + [3] * 4)
    assert list(found.parts) == ["letters", "even"]
    first = list(found)
    assert [one.parts["letters"] for one in first] == [len(set(one.text)) / 8 for one in first]
    assert {one.prompt for one in first} <= {"a b c", "d e f", "g h i", "j k l"}
    assert np.isnan(found.parts["even"]).sum() == 3
    np.testing.assert_allclose(found.reward, np.nansum(list(found.parts.values()), axis=0))
    for group in np.unique(found.group):  # four answers to one prompt, whose advantages add up to nothing
        rows = found.group == group
        assert rows.sum() == 4
        assert abs(found.advantage[rows].sum()) < 1e-5
        assert np.all(np.diff(found.advantage[rows][np.argsort(found.reward[rows])]) >= 0)
