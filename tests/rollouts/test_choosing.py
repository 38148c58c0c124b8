"""Answers are chosen by step, problem, judges and pattern; what is not there is said in a sentence."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from answers_given import Given, rollouts_of
from heldout.errors import UsageError
from heldout.rollouts.choosing import chosen

SOME = rollouts_of(
    [
        Given(" return x+1", 10, "add/1", 1.0, 1.0),
        Given(" exit()", 10, "add/2", 1.0, 0.0),
        Given(" exit()\n# why", 20, "add/1", 1.0, 0.0),
        Given(" return 0", 20, "sub/1", 0.0, 0.0),
        Given(" return x-1", 30, "sub/1", 0.0),
    ]
)


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"step": 20}, [2, 3]),
        ({"steps": (10, 20)}, [0, 1, 2, 3]),
        ({"steps": (15, 1e9)}, [2, 3, 4]),
        ({"problems": ["add/1"]}, [0, 2]),
        ({"problems": ["add/1", "add/2"]}, [0, 1, 2]),
        ({"problems": ["sub"]}, [3, 4]),  # one problem's alone
        ({"rewarded": True}, [0, 1, 2]),
        ({"failed": True}, [1, 2, 3]),
        ({"rewarded": True, "failed": True}, [1, 2]),
        ({"grep": r"exit\(\)$"}, [1, 2]),  # at the end of a line
        ({"grep": "^# "}, [2]),
        ({"grep": "return", "step": 10}, [0]),
        ({"grep": "nowhere"}, []),
        ({"rewarded": True, "failed": True, "problems": ["add/2"], "step": 10, "grep": "exit"}, [1]),
    ],
)
def test_answers_are_chosen_by_all_that_is_asked(by: dict[str, Any], rows: list[int]) -> None:
    assert chosen(SOME, **by).tolist() == rows


@pytest.mark.parametrize(
    ("by", "why"),
    [
        ({"step": 12}, "has no answers of step 12; the nearest steps that it has are 10, 20 and 30, of 10 to 30."),
        ({"problems": ["add"]}, "has no problem 'add'; problems whose ids begin so are 'add/1' and 'add/2'."),
        ({"problems": ["sum/1"]}, "has no problem 'sum/1'; it has such as 'sub/1' and 'add/1'."),
        ({"problems": [""]}, "has no problem ''; it has such as 'add/1', 'add/2' and 'sub/1'."),
        (
            {"grep": "exit("},
            "The pattern exit( is no regular expression (missing ), unterminated subpattern at position 4)",
        ),
    ],
)
def test_what_is_not_there_is_said_with_what_is(by: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=re.escape(why)):
        chosen(SOME, **by)


def test_where_nobody_judged_no_failures_can_be_chosen() -> None:
    bare = rollouts_of([Given("x", 1, "p", np.nan)])
    with pytest.raises(
        UsageError, match=r"no answer was judged by hidden tests; heldout audit here --task TASK does it"
    ):
        chosen(bare, failed=True)
    with pytest.raises(UsageError, match="no answer has a reward"):
        chosen(bare, rewarded=True)
