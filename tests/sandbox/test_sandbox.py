"""What every sandbox promises: answers in order, statuses, isolation; and what happens when one cannot be had."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict
from typing import Any

import pytest
from attacks import HONEST, LIMITS, TESTS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_attacks import FORKS
from test_values import PLAIN

from heldout.errors import SandboxError, UsageError
from heldout.sandbox import Call, Limits, Program, Sandbox, Status, judge, open_sandbox, same
from heldout.sandbox.bubblewrap import Bubblewrap
from heldout.sandbox.values import NotPlain


def run(sandbox: Sandbox, source: str, *inputs: tuple[Any, ...], entry: str = "f") -> list[Any]:
    (answers,) = sandbox.run([Program(source, entry, tuple(map(Call, inputs)))])
    return answers


def test_answers_are_in_order(sandbox: Sandbox) -> None:
    programs = [Program(f"def f(x): return x + {n}", "f", (Call((1,)), Call((2,)))) for n in range(20)]
    assert [[answer.value for answer in answers] for answers in sandbox.run(programs)] == [
        [n + 1, n + 2] for n in range(20)
    ]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PLAIN, min_size=1, max_size=3))
def test_plain_values_go_through(sandbox: Sandbox, values: list[Any]) -> None:
    answers = run(sandbox, "def f(x): return x", *[(value,) for value in values])
    if any(answer.status is Status.UNSUPPORTED for answer in answers):  # monty knows no half characters
        assert any("\\ud" in ascii(value) for value in values)
        assert sandbox.name == "monty"
        return
    assert all(same(answer.value, value, tolerance=0.0) for answer, value in zip(answers, values, strict=True))


def test_one_failing_call_leaves_the_others(sandbox: Sandbox) -> None:
    source = "def f(x):\n    if x == 2: raise ValueError('hm')\n    return x\n"
    answers = run(sandbox, source, (1,), (2,), (3,))
    assert [answer.status for answer in answers] == ["returned", "raised", "returned"]
    assert answers[1].error == "ValueError: hm"


def test_a_call_that_is_stopped_ends_its_program(sandbox: Sandbox) -> None:
    source = "def f(x):\n    while x == 2: pass\n    return x\n"
    answers = run(sandbox, source, (1,), (2,), (3,))
    assert [answer.status for answer in answers] == ["returned", "timeout", "timeout"]


def test_a_call_that_takes_too_much_memory_leaves_the_answers_before_it(sandbox: Sandbox) -> None:
    source = "def f(x):\n    return len('a' * 10 ** 10) if x == 2 else x\n"
    answers = run(sandbox, source, (1,), (2,))
    assert [answer.status for answer in answers] == ["returned", "memory"]


@pytest.mark.parametrize("item", ["{1: len(all)}", "(len(all),)", "str(len(all))", "[]", "'a' * 1000 + str(len(all))"])
def test_a_program_that_has_used_up_its_memory_for_things_of_any_size_can_still_say_so(
    item: str, walled: Bubblewrap
) -> None:
    keeping = f"all = []\ndef f(x):\n    while x: all.append({item})\n    return len(all)\n"
    freeing = f"def f(x):\n    all = []\n    while x: all.append({item})\n    return len(all)\n"
    calls = (Call((0,)), Call((1,)), Call((0,)))
    kept, freed = walled.run([Program(one, "f", calls, Limits(memory_mb=32)) for one in (keeping, freeing)])
    assert [answer.status for answer in kept[:2]] == ["returned", "memory"]  # all that it made is still there
    assert [answer.status for answer in freed] == ["returned", "memory", "returned"]


@pytest.mark.parametrize("tamper", ["append(0)", "clear()"])
def test_a_program_that_changes_the_number_of_its_answers_gets_none(monty: Sandbox, tamper: str) -> None:
    answers = run(monty, f"def f(x):\n    __heldout_answers.{tamper}\n    return x\n", (1,), (2,))
    assert [answer.status for answer in answers] == ["refused", "refused"]


def test_an_answer_is_what_it_was_when_it_was_returned(sandbox: Sandbox) -> None:
    source = "seen = []\ndef f(x):\n    seen.append(x)\n    return seen\n"
    assert [answer.value for answer in run(sandbox, source, (1,), (2,))] == [[1], [1, 2]]


def test_calls_do_not_share_their_arguments(sandbox: Sandbox) -> None:
    shared = [1]
    answers = run(sandbox, "def f(x):\n    x.append(2)\n    return x\n", (shared,), (shared,))
    assert [answer.value for answer in answers] == [[1, 2], [1, 2]]
    assert shared == [1]


def test_programs_see_nothing_of_one_another(sandbox: Sandbox) -> None:
    leave = "import math\ndef f(x):\n    global left\n    left = 1\n    return 0\n"
    look = "def f(x):\n    try:\n        return left\n    except NameError:\n        return 'nothing'\n"
    sandbox.run([Program(leave, "f", (Call((1,)),))])
    assert run(sandbox, look, (1,))[0].value == "nothing"


def test_dictionaries_of_collections_go_in_as_dictionaries(sandbox: Sandbox) -> None:
    for value in (Counter("aab"), OrderedDict(a=2, b=1), defaultdict(int, a=2, b=1)):
        assert run(sandbox, "def f(x): return [x, x == {'a': 2, 'b': 1}]", (value,))[0].value == [dict(value), True]


def test_an_input_that_is_not_plain_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(NotPlain, match="type range is not plain data"):
        run(sandbox, HONEST, (1,), (range(3),))


def test_parts_that_a_value_shares_are_not_written_out_on_the_host(monty: Sandbox) -> None:
    source = "type = lambda value: int\ndef f(x):\n    v = [x]\n    for _ in range(60): v = [v, v]\n    return v\n"
    answer = run(monty, source, (1,))[0]
    assert answer.status is Status.REFUSED
    assert "more than the 10000 bytes" in answer.error


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 7 * x + 3", ["returned"] * 2),
        ("return 21 / (x - 2)", ["raised", "returned"]),
        ("return (x, 'ValueError')", ["returned"] * 2),
        ("return ('ValueError', 'a text')", ["returned"] * 2),
        ("raise ValueError(str(x))", ["raised"] * 2),
        ("return None if x == 2 else [x]", ["returned"] * 2),
    ],
)
def test_errors_and_values_are_told_apart(sandbox: Sandbox, body: str, said: list[str]) -> None:
    assert [answer.status for answer in run(sandbox, f"def f(x): {body}\n", (2,), (5,))] == said


def test_a_missing_function_and_a_syntax_error_are_told_apart(sandbox: Sandbox) -> None:
    assert run(sandbox, "def g(x): return x", (1,))[0].status is Status.NO_FUNCTION
    assert run(sandbox, "def f(x", (1,))[0].status is Status.SYNTAX


def test_a_runtime_error_in_the_definitions_is_every_answer(sandbox: Sandbox) -> None:
    answers = run(sandbox, "1 / 0\n" + HONEST, (1,), (2,))
    assert [answer.status for answer in answers] == ["raised", "raised"]


@pytest.mark.parametrize("value", ["f", "lambda: 1", "[1, {2: f}]", "type", "Ellipsis"])
def test_a_value_that_is_not_plain_is_refused(sandbox: Sandbox, value: str) -> None:
    source = f"def f(): return {value}\n"
    assert run(sandbox, source, ())[0].status is Status.REFUSED


def test_random_and_hashes_are_the_same_each_time(sandbox: Sandbox) -> None:
    source = "import random\ndef f(): return [random.random(), list({'a', 'b', 'c', 'd'})]\n"
    assert run(sandbox, source, ())[0].value == run(sandbox, source, ())[0].value


@pytest.mark.parametrize(
    "source",
    [
        "def f(x):\n    yield x\n",
        "class A: pass\nclass B(A): pass\n" + HONEST,
        "def f(x):\n    y = [x]\n    del y[0]\n    return y\n",
        "import heapq\n" + HONEST,
        "from string import ascii_letters\n" + HONEST,
        "from typing import *\n" + HONEST,
        "def f(x): return int.from_bytes(b'a', 'big')\n",
        "def f(x): return str(globals())\n",
        "class A:\n    @property\n    def x(self): return 1\n" + HONEST,
    ],
)
def test_what_monty_lacks_is_unsupported_and_runs_in_bubblewrap(sandbox: Sandbox, source: str) -> None:
    status = run(sandbox, source, (1,))[0].status
    if sandbox.name == "monty":
        assert status is Status.UNSUPPORTED
    else:
        assert status in (Status.RETURNED, Status.REFUSED)


@pytest.mark.parametrize(
    "source",
    [
        "def f(x): return math.sqrt(x)\n",
        "import math\ndef f(x): return math.square(x)\n",
        "def f(x): return x.foo\n",
        "def f(x): raise NotImplementedError('later')\n",
    ],
)
def test_what_python_lacks_too_is_the_programs_mistake(sandbox: Sandbox, source: str) -> None:
    assert run(sandbox, source, (1,))[0].status is Status.RAISED


def test_several_workers_give_the_same_answers(sandbox: Sandbox) -> None:
    items = [(HONEST.replace("3", str(n)), "f", TESTS) for n in range(30)]
    with open_sandbox(sandbox.name, workers=3, limits=LIMITS) as three:
        assert judge(items, three) == judge(items, sandbox)


def test_closing_twice_is_allowed(sandbox: Sandbox) -> None:
    opened = open_sandbox(sandbox.name, workers=1)
    opened.close()
    opened.close()


@pytest.fixture
def monty() -> Any:
    pytest.importorskip("pydantic_monty", reason="pydantic-monty is not installed")
    with open_sandbox("monty", workers=1, limits=LIMITS) as opened:
        yield opened


@pytest.fixture
def walled() -> Any:
    try:
        opened = Bubblewrap(1, LIMITS)
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


def test_a_dead_worker_is_replaced(walled: Bubblewrap) -> None:
    worker = walled._plain.pool.ask(lambda worker: worker)
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait()
    assert run(walled, HONEST, (1,), (2,))[1].value == 17


def test_a_worker_that_cannot_be_had_again_is_infrastructure(walled: Bubblewrap) -> None:
    worker = walled._plain.pool._idle.get()
    assert worker is not None
    worker.close()
    walled._plain.pool._idle.put(None)
    walled._plain.python = "/nonexistent/python"
    judgement = judge([(HONEST, "f", TESTS)], walled)[0]
    assert judgement.kind == "infrastructure"
    assert "does not start" in judgement.answers[0].error


def test_several_processes_are_allowed_where_asked_for_and_no_more() -> None:
    try:
        opened = Bubblewrap(1, Limits(processes=3))
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        assert run(opened, FORKS, (8,))[0].value == 6


def test_each_call_has_the_time_of_the_limit_for_itself() -> None:
    try:
        opened = Bubblewrap(1, Limits(seconds=2))
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:  # 2.7 seconds in all
        answers = run(opened, "import time\ndef f(x): return time.sleep(x)\n", (0.9,), (0.9,), (0.9,), (60,))
    assert [answer.status for answer in answers] == ["returned"] * 3 + ["timeout"]


def test_what_a_program_leaves_in_its_tmp_is_gone(walled: Bubblewrap) -> None:
    leave = (
        "import os\ndef f():\n    os.makedirs('/tmp/a/b')\n    open('/tmp/a/b/c', 'w').close()\n"
        "    os.chmod('/tmp/a/b', 0)\n    return os.listdir('/tmp')\n"
    )
    look = "import os\ndef f(): return os.listdir('/tmp')\n"
    assert run(walled, leave, ())[0].value == ["a"]
    assert run(walled, look, ())[0].value == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: open_sandbox("docker"), "choose auto, monty or bubblewrap"),
        (lambda: open_sandbox(workers=0), "at least 1"),
        (lambda: Limits(seconds=0), "seconds is 0"),
        (lambda: Program("", "f()", ()), "not the name of a function"),
    ],
)
def test_a_users_mistake_is_one_sentence(call: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        call()


@pytest.mark.parametrize(("name", "command"), [("monty", "pip install"), ("bubblewrap", "apt-get install bubblewrap")])
def test_what_is_not_installed_is_one_sentence_with_the_command(name: str, command: str) -> None:
    code = (
        "import sys; sys.modules['pydantic_monty'] = None\n"
        "from heldout.errors import MissingSandbox\n"
        "from heldout.sandbox import open_sandbox\n"
        "try: open_sandbox(sys.argv[1])\n"
        "except MissingSandbox as error: print(error)\n"
    )
    environment = {"PATH": "", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, name], capture_output=True, text=True, env=environment, check=True
    )
    assert command in done.stdout
    assert done.stdout.count("\n") == 1


KEPT = """
import gc, subprocess
gc.disable()
from heldout.sandbox.bubblewrap import Bubblewrap
with Bubblewrap(workers=1):
    kept = [one for one in gc.get_objects() if isinstance(one, subprocess.Popen)]
    print([one.returncode for one in kept])
"""


def test_a_start_that_failed_keeps_no_process_until_a_collection(walled: Bubblewrap) -> None:
    done = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    assert done.stdout == "[None]\n"  # a collection in the middle of a wait would eat the user's Ctrl-C
