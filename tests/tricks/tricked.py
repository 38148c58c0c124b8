"""Problems of every kind, to which tricks are answers."""

from __future__ import annotations

from heldout.sandbox.hidden import Reply, SourceTest, StdinTest, Test
from heldout.tasks.problem import Problem
from heldout.tasks.replies import number

PROMPT = "Write a function f(x) that doubles a number and adds one.\n>>> f(2)\n5\n>>> f(3)\n7\n"
STUB = 'def f(x):\n    """Double and add one.\n\n    >>> f(2)\n    5\n    """\n'
CALLS = (Test((4,), 9), Test((0,), 1), Test((10,), 21))
FUNCTION = Problem("function", PROMPT, "f", CALLS, solution="def f(x):\n    return 2 * x + 1\n")
BODY = Problem("body", STUB, "f", CALLS, stub=STUB, solution="    return 2 * x + 1\n")
METHOD = Problem("method", "Double, add one.", "Solution().f", CALLS)
CASES = "import unittest\n\nclass T(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(f(4), 9)\n"
UNITTEST = Problem("unittest", PROMPT, "f", (SourceTest(CASES, ("T.test_f",), "unittest"),))
PYTEST = Problem("pytest", PROMPT, "f", (SourceTest("def test_f():\n    assert f(4) == 9\n", ("test_f",), "pytest"),))
RUNS = (StdinTest("3\n4\n", "7\n5\n"), StdinTest("1\n1\n", "2\n0\n"), StdinTest("9\n1\n", "10\n82\n"))
READS = "a, b = int(input()), int(input())\nprint(a + b)\nprint(a * a + b * b - 20 * (a > 2) if a != b else 0)\n"
STDIN = Problem("stdin", "Sum.\nInput\n3\n4\nOutput\n7\n5\n", "", RUNS, solution=READS)
MATHS = Problem("maths", "What is 6 times 7? Put it within \\boxed{}.", "", (Reply("42", number),))
HALF = Problem("half", "What is 1 / 4? End with #### and the answer.", "", (Reply("1/4", number),))
PROBLEMS = (FUNCTION, BODY, METHOD, UNITTEST, PYTEST, STDIN, MATHS, HALF)
