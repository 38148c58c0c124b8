"""When does evalplus take an answer for right? A program of its own: its text goes where the tests run.

It uses the standard library alone. Source of the rule and of its exceptions: ``evalplus/eval`` of evalplus 0.3.
"""

import math
from typing import Any

# Problems of MBPP+ with a rule of their own, by the name of the function.
AS_SETS = (
    *("similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly", "larg_nnum"),
    *("intersection_array", "find_dissimilar", "Diff"),
)
NOT_NONE = ("check_str", "text_match_three", "text_starta_endb")


def agrees(name: str, args: list[Any], out: Any, expected: Any, atol: float) -> bool:
    """Say whether what a function of this name gives on these arguments agrees with what the reference gives.

    >>> agrees("f", [1], 0.1 + 0.2, 0.3, 0), agrees("f", [1], [2, 1], [1, 2], 0), agrees("Diff", [1], [2, 1], [1, 2], 0)
    (True, False, True)
    """
    if name == "find_zero":
        return bool(abs(sum(factor * math.pow(out, power) for power, factor in enumerate(args[0]))) <= atol)
    if name in NOT_NONE:
        found = expected is not None
        return bool(out == found) if isinstance(out, bool) else found == (out is not None)
    if name in AS_SETS:
        return set(out) == set(expected)
    return bool(out == expected) or _is_right_as_well(name, args, out, atol) or _is_near(out, expected, atol)


def _is_right_as_well(name: str, args: list[Any], out: Any, atol: float) -> bool:
    """Second answers that the text of some problems allows for, too."""
    if name == "are_equivalent":
        return True
    if name == "sum_div":
        return bool(out == 0)
    if name == "surface_Area":  # the height from the middle of the base, not along a side
        edge, height = args
        whole = round(edge * edge + 2 * edge * math.sqrt(edge * edge / 4 + height * height))
        return bool(abs(out - whole) <= atol)
    if name == "digit_distance_nums":  # digit by digit, after zeros before the shorter one
        one, other = (str(arg) for arg in args)
        longest = max(len(one), len(other))
        pairs = zip(one.zfill(longest), other.zfill(longest))  # noqa: B905 (not in every Python)
        return bool(out == sum(abs(int(digit) - int(another)) for digit, another in pairs))
    return False


def _is_near(out: Any, expected: Any, atol: float) -> bool:
    items = expected if isinstance(expected, (list, tuple)) else [expected]
    allowed = atol or (1e-6 if all(isinstance(item, float) for item in items) else 0.0)
    return allowed != 0.0 and type(out) is type(expected) and _close(out, expected, allowed)


def _close(out: Any, expected: Any, atol: float) -> bool:
    several = (list, tuple)
    if isinstance(out, several) and isinstance(expected, several):
        return len(out) == len(expected) and all(_close(one, other, atol) for one, other in zip(out, expected))  # noqa: B905
    numbers = (int, float, complex)
    if not isinstance(out, numbers) or not isinstance(expected, numbers):
        return False
    return bool(out == expected) or bool(abs(out - expected) <= atol + 1e-7 * abs(expected) < math.inf)
