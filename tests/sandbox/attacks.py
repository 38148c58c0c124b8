"""What hostile programs try, and how each judge answers: the one table, tested and printed in docs/sandbox.md."""

from __future__ import annotations

from dataclasses import dataclass, replace

from heldout.sandbox import Limits, SourceTest, Test

TESTS = tuple(Test((x,), 7 * x + 3) for x in (2, 5))
LIMITS = Limits(seconds=0.2, memory_mb=64)
AMPLE = replace(LIMITS, seconds=2.0)
HONEST = "def f(x):\n    return 7 * x + 3\n"
WRONG_PROGRAM = HONEST.replace("3", "4")
SECRET = "HELDOUT_TEST_SECRET"

# The same tests as programs of each runner.
ASSERTS = SourceTest("assert f(2) == 17\nassert {f(x) for x in range(3)} == {3, 10, 17}\n", ("asserts",))
CHECK = SourceTest(
    "def check(candidate):\n    for x in (2, 5):\n        assert candidate(x) == 7 * x + 3\n", ("check",), "check"
)
UNITTEST = SourceTest(
    """
import unittest
from solution import f

class TestF(unittest.TestCase):
    def setUp(self):
        self.x = 2

    def test_value(self):
        self.assertEqual(f(self.x), 17)

    def test_near(self):
        self.assertAlmostEqual(f(5), 38)

    def test_in(self):
        self.assertIn(f(2), [16, 17, 18])
        self.assertEqual(f(2), 17)
""",
    ("TestF.test_value", "TestF.test_near", "TestF.test_in"),
    "unittest",
)
PYTEST = SourceTest(
    """
import pytest
from solution import f

@pytest.fixture
def two():
    return 2

@pytest.mark.parametrize(("x", "y"), [(2, 17), (5, 38)])
def test_values(x, y):
    assert f(x) == y

class TestNear:
    def test_near(self, two):
        assert f(two) == pytest.approx(17.0)

def test_difference():
    assert abs(f(2) - 17) < 1e-9
""",
    ("test_values", "TestNear::test_near", "test_difference"),
    "pytest",
)
RUNNERS = {"asserts": ASSERTS, "check": CHECK, "unittest": UNITTEST, "pytest": PYTEST}


WRONG = "wrong answer"
UNSUPPORTED = "unsupported"
LEFT = "left the program"
EQUAL = "equal to Python"  # and so no attack on tests that compare as Python does


@dataclass(frozen=True, slots=True)
class Attack:
    """A program that does not compute f, its judgement in each sandbox, and whether the flawed judge is beaten.

    In bubblewrap it is tried as a function that is called, as a whole program that prints what the function gives, and
    against tests that are a program, of every runner.
    """

    name: str
    source: str
    monty: str
    bubblewrap: str
    beats_exit_status: bool = False
    whole: str = ""  # the judgement of the whole program, where that is another
    tested: str = ""  # and that of tests which are a program
    starts_many: bool = False  # never run before a process limit was shown to bind


def limits_for(said: str) -> Limits:
    """Limits under which an attack is judged as the table says: no clock comes first on a busy machine."""
    return AMPLE if said in ("memory", WRONG, LEFT) else LIMITS


def _inside(*lines: str) -> str:
    return "def f(x):\n" + "".join(f"    {line}\n" for line in lines)


ATTACKS = (
    Attack("endless loop", _inside("while True: pass"), "timeout", "timeout"),
    Attack(
        "endless loop that catches every error",
        _inside("while True:", "    try:", "        while True: pass", "    except BaseException: pass"),
        "timeout",
        "timeout",
    ),
    Attack("endless loop while defining", "while True: pass\n", "timeout", "timeout"),
    Attack("sleeping", "import time\n" + _inside("time.sleep(60)", "return 0"), WRONG, "timeout"),
    Attack(
        "work in a process that nobody waits for",
        "import os, signal, time\n"
        + _inside(
            "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
            "child = os.fork()",
            "while not child and time.process_time() < 0.9: pass",
            "if not child: os._exit(0)",
            "time.sleep(1.0)",
            "return 7 * x + 3",
        ),
        UNSUPPORTED,
        "raised",
    ),
    Attack(
        "work in a process of its own",
        "import os, time\n"
        + _inside(
            "child = os.fork()",
            "while not child and time.process_time() < 0.9: pass",
            "if not child: os._exit(0)",
            "os.waitpid(child, 0)",
            "return 7 * x + 3",
        ),
        UNSUPPORTED,
        "timeout",
    ),
    Attack(
        "regular expression that explodes",
        "import re\n" + _inside("return re.match('(a+)+$', 'a' * 40 + 'b')"),
        WRONG,
        "timeout",
    ),
    Attack(
        "memory bomb", _inside("all = []", "while True: all.append('a' * 50_000 + str(len(all)))"), "memory", "memory"
    ),
    Attack(
        "memory bomb of small objects",
        _inside("all = []", "while True: all.append({1: len(all)})"),
        "memory",
        "memory",
    ),
    Attack("string of 10 GB", _inside("return 'a' * 10 ** 10"), "memory", "memory"),
    Attack("9 ** 9 ** 9", _inside("return 9 ** 9 ** 9"), "memory", "timeout"),
    Attack("endless recursion", _inside("return f(x)"), "raised", "raised"),
    Attack("source nested too deeply", "(" * 20_000 + ")" * 20_000, "syntax", "syntax"),
    Attack(
        "value nested too deeply",
        _inside("v = []", "for _ in range(3000): v = [v]", "return v"),
        WRONG,
        WRONG,
        whole="raised",
    ),
    Attack("crash of the interpreter", "import ctypes\n" + _inside("ctypes.string_at(0)"), UNSUPPORTED, "raised"),
    Attack("fork bomb", "import os\n" + _inside("while True: os.fork()"), UNSUPPORTED, "raised", starts_many=True),
    Attack(
        "thread bomb",
        "import threading, time\n"
        + _inside("while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"),
        UNSUPPORTED,
        "raised",
        starts_many=True,
    ),
    Attack("reading a file", _inside("return open('/etc/passwd').read()"), "raised", "raised"),
    Attack("reading the worker's memory", _inside("return open('/proc/1/mem', 'rb').read(1)"), "raised", "raised"),
    Attack("reading the environment", "import os\n" + _inside(f"return os.environ['{SECRET}']"), UNSUPPORTED, "raised"),
    Attack(
        "connecting to the network",
        "import socket\n" + _inside("return socket.create_connection(('1.1.1.1', 53), 5)"),
        UNSUPPORTED,
        "raised",
    ),
    Attack(
        "connecting to the host",
        "import socket\n" + _inside("return socket.create_connection(('127.0.0.1', PORT), 5)"),
        UNSUPPORTED,
        "raised",
    ),
    Attack(
        "listening on a port (its own network, alone)",
        "import socket\n" + _inside("s = socket.socket()", "s.bind(('127.0.0.1', PORT))", "s.listen()", "return True"),
        UNSUPPORTED,
        WRONG,
    ),
    Attack("writing a file outside", _inside("open('/usr/heldout', 'w').write('here')"), "raised", "raised"),
    Attack("writing over the worker", _inside("open('/heldout/worker.py', 'w').write('here')"), "raised", "raised"),
    Attack(
        "writing to /tmp (its own, emptied)",
        _inside("open('/tmp/heldout-attack', 'w').write('here')", "return open('/tmp/heldout-attack').read()"),
        "raised",
        WRONG,
    ),
    Attack(
        "filling the disk",
        _inside("for n in range(100):", "    with open(f'/tmp/{n}', 'w') as file: file.write('a' * 10 ** 6)"),
        "raised",
        "raised",
    ),
    Attack("killing the parent", "import os\n" + _inside("os.kill(os.getppid(), 9)", "return 0"), UNSUPPORTED, WRONG),
    Attack("stopping the parent", "import os\n" + _inside("os.kill(os.getppid(), 19)", "return 0"), UNSUPPORTED, WRONG),
    Attack("killing everybody", "import os\n" + _inside("os.kill(-1, 9)", "return 0"), UNSUPPORTED, "raised"),
    Attack(
        "tracing the worker",
        "import ctypes\n" + _inside("return ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0"),
        UNSUPPORTED,
        WRONG,
    ),
    Attack(
        "a namespace of its own",
        "import ctypes\n" + _inside("return ctypes.CDLL(None).unshare(0x10000000) == 0"),
        UNSUPPORTED,
        WRONG,
    ),
    Attack("flood of output", _inside("while True: print('a' * 1000)"), "timeout", "timeout", whole=WRONG),
    Attack("flood of values", _inside("return 'a' * 10 ** 6"), WRONG, WRONG),
    Attack(
        "`__eq__` that says yes",
        "class Yes:\n    def __eq__(self, other): return True\n" + _inside("return Yes()"),
        WRONG,
        WRONG,
        beats_exit_status=True,
    ),
    Attack(
        "an int with such an `__eq__`",
        "class Yes(int):\n    def __eq__(self, other): return True\n" + _inside("return Yes(1)"),
        UNSUPPORTED,
        WRONG,
    ),
    Attack(
        "True for 1, 3.0 for 3", _inside("return float(7 * x + 3)"), WRONG, WRONG, beats_exit_status=True, tested=EQUAL
    ),
    Attack("sys.exit(0)", "import sys\nsys.exit(0)\n", LEFT, LEFT, beats_exit_status=True, whole=WRONG),
    Attack("exit(0) in the function", _inside("exit(0)"), LEFT, LEFT, beats_exit_status=True, whole=WRONG),
    Attack("raise SystemExit", _inside("raise SystemExit"), LEFT, LEFT, beats_exit_status=True, whole=WRONG),
    Attack("os._exit(0)", "import os\n" + _inside("os._exit(0)"), LEFT, LEFT, whole=WRONG),
    Attack("return outside a function", "return 0\n", WRONG, "syntax", beats_exit_status=True),
    Attack(
        "forged results on the worker's pipe",
        "import os\n" + _inside("os.write(3, b'[\"returned\",0]\\n' * 100)", "os._exit(0)"),
        UNSUPPORTED,
        WRONG,
        tested=LEFT,
    ),
    Attack(
        "broken results on the worker's pipe",
        "import os\n" + _inside("os.write(3, b'[' * 9000 + b'\\n{\"solved\":true}\\n')", "os._exit(0)"),
        UNSUPPORTED,
        WRONG,
        tested=LEFT,
    ),
    Attack(
        "results on the worker's pipe that never end",
        "import os\n" + _inside("while True: os.write(3, b'[' * 1000)"),
        UNSUPPORTED,
        WRONG,
        whole="timeout",
        tested="raised",
    ),
    Attack(
        "expected values in the frames above",
        "import sys\n"
        + _inside(
            "frame, seen = sys._getframe(), []",
            "while frame:",
            "    seen += [v for v in frame.f_locals.values() if type(v) is int]",
            "    frame = frame.f_back",
            "return max(seen)",
        ),
        UNSUPPORTED,
        WRONG,
    ),
    Attack(
        "tests in the garbage collector's lists",
        "import gc\n" + _inside("return len([o for o in gc.get_objects() if hasattr(o, 'expected')])"),
        UNSUPPORTED,
        WRONG,
    ),
    Attack(
        "patched builtins",
        "import builtins\nbuiltins.all = builtins.bool = builtins.isinstance = lambda *a: True\n" + _inside("return 0"),
        UNSUPPORTED,
        "raised",
        whole=WRONG,
    ),
    Attack(
        "patched json",
        "import json\njson.dumps = lambda *a, **k: 'true'\n" + _inside("return 0"),
        UNSUPPORTED,
        WRONG,
    ),
    Attack(
        "pretending that a feature is missing",
        _inside("raise NotImplementedError('The monty syntax parser does not yet support this')"),
        "raised",
        "raised",
    ),
    Attack(
        "pretending that a package is missing",
        _inside("raise ModuleNotFoundError('No module', name='<b>numpy')"),
        UNSUPPORTED,
        WRONG,
        whole="raised",
        tested="raised",
    ),
    Attack(
        "lowering the worker's limits",
        "import resource\n"
        + _inside(
            "for what in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_CPU):",
            "    resource.prlimit(1, what, (1, 1))",
            "return 0",
        ),
        UNSUPPORTED,
        "raised",
    ),
    Attack(
        "limits of the worker, memory first, then a flood for it",
        "import os, resource\n"
        + _inside(
            "try:",
            "    resource.prlimit(1, resource.RLIMIT_AS, (1, 1))",
            "except OSError:",
            "    pass",
            "while True: os.write(3, b'a' * 150)",
        ),
        UNSUPPORTED,
        WRONG,
        whole="timeout",
        tested="raised",
    ),
    Attack(
        "slowing the worker down",
        "import os\n"
        + _inside(
            "done = 0",
            "for slow in (",
            "    lambda: os.setpriority(os.PRIO_PROCESS, 1, 19),",
            "    lambda: os.setpriority(os.PRIO_USER, os.getuid(), 19),",
            "    lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)),",
            "    lambda: os.sched_setaffinity(1, {0}),",
            "):",
            "    try:",
            "        slow()",
            "        done += 1",
            "    except OSError:",
            "        pass",
            "assert not done",
            "return 0",
        ),
        UNSUPPORTED,
        WRONG,
    ),
    Attack(
        "leaving shared memory, a queue, a semaphore",
        "import ctypes\n"
        + _inside(
            "libc = ctypes.CDLL(None)",
            "made = libc.shmget(7, 4096, 0o1666), libc.msgget(7, 0o1666), libc.semget(7, 1, 0o1666)",
            "queue = libc.syscall(240, b'left', 0o102, 0o666, None)",  # mq_open, on x86-64
            "assert max(*made, queue) < 0",
            "return 0",
        ),
        UNSUPPORTED,
        WRONG,
    ),
    Attack(
        "system calls that reach other processes, keys or namespaces",  # the numbers are those of x86-64
        "import ctypes\n"
        + _inside(
            "call = ctypes.CDLL(None).syscall",
            "numbers = (101, 165, 166, 155, 161, 248, 249, 250, 272, 298, 308, 310, 311, 312, 319, 321, 323, 425, 438)",
            "assert all(call(number, 1, 0, 0, 0, 0, 0) < 0 for number in numbers)",
            "return 0",
        ),
        UNSUPPORTED,
        WRONG,
    ),
    Attack(
        "folders too deep to be removed",
        "import os\n" + _inside("for _ in range(3000):", "    os.mkdir('a')", "    os.chdir('a')", "return 0"),
        "raised",
        WRONG,
    ),
    Attack(
        "files that nobody may open, names that are no text, a module that shadows",
        "import os\n"
        + _inside(
            "os.makedirs('/tmp/a/b', exist_ok=True)",
            "open(b'/tmp/\\xff\\n', 'w').close()",
            "open('/tmp/json.py', 'w').write('1 / 0')",
            "os.mkfifo('/tmp/fifo')",
            "os.chmod('/tmp/a', 0)",
            "return 0",
        ),
        "raised",
        WRONG,
        tested=f"raised or {WRONG}",
    ),
)

_OBJECT = "class Yes:\n    def __init__(self, x=0): self.x = x\n"
_YES = "    def __{}__(self, *a): return {}\n"
# What is tried against tests that are programs, and what every runner says of it; "or" where runners differ.
ON_TESTS = {
    "patched assertEqual": (
        "import unittest\nunittest.TestCase.assertEqual = unittest.TestCase.assertAlmostEqual = lambda *a: None\n"
        + _inside("return 0"),
        WRONG,
    ),
    "patched TestResult and loader": (
        "import unittest\nunittest.TestResult.wasSuccessful = lambda self: True\n"
        "unittest.TestResult.addFailure = unittest.TestResult.addError = lambda *a: None\n"
        "unittest.TestLoader.loadTestsFromModule = lambda *a: unittest.TestSuite()\n" + _inside("return 0"),
        WRONG,
    ),
    "a module of pytest's name": (
        "import sys, types\nsys.modules['pytest'] = types.ModuleType('pytest')\n"
        "open('/tmp/conftest.py', 'w').write('def pytest_runtest_makereport(): pass')\n" + _inside("return 0"),
        WRONG,
    ),
    "an object equal to everything": (
        _OBJECT
        + "".join(_YES.format(name, True) for name in ("eq", "ge", "le", "contains", "bool"))
        + _inside("return Yes()"),
        WRONG,
    ),
    "an object that subtracts to 0": (
        _OBJECT
        + "".join(_YES.format(name, "0") for name in ("sub", "rsub", "abs", "round", "float", "int", "index", "hash"))
        + _inside("return Yes()"),
        WRONG,
    ),
    "a number that subtracts to 0": (
        "class Yes(int):\n"
        + "".join(_YES.format(name, "0") for name in ("sub", "rsub", "abs"))
        + _inside("return Yes(1)"),
        WRONG,
    ),
    "an object that says it is a number": (
        "class Yes:\n    __class__ = property(lambda self: int)\n    __len__ = lambda self: 1\n"
        "    __iter__ = lambda self: iter([self])\n    __eq__ = lambda *a: True\n    __hash__ = lambda self: 17\n"
        + _inside("return Yes()"),
        WRONG,
    ),
    "a class whose classes say yes": (
        "class Meta(type):\n    __eq__ = __instancecheck__ = lambda *a: True\n    __hash__ = lambda c: 17\n"
        "class Yes(metaclass=Meta): pass\n" + _inside("return Yes"),
        WRONG,
    ),
    "an object whose class has dangerous names": (
        "Yes = type('Handle', (), {'__eq__': lambda *a: True, '_heldout_link': 1, '_heldout_number': 0})\n"
        + _inside("return Yes()"),
        WRONG,
    ),
    "the expected values in frames, collector, arguments": (
        "import gc, sys\n"
        + _inside(
            "frame, seen = sys._getframe(), [*sys.argv, *gc.get_objects()]",
            "while frame:",
            "    seen += list(frame.f_locals.values()) + list(frame.f_globals.values())",
            "    frame = frame.f_back",
            "return max([v for v in seen if type(v) is int] + [0])",
        ),
        WRONG,
    ),
    "an assertion error of its own": (_inside("raise AssertionError('passed')"), "raised"),
    "an error that skips": ("import unittest\n" + _inside("raise unittest.SkipTest('all is well')"), "raised"),
    "an error of unittest's own": ("import unittest.case\n" + _inside("raise unittest.case._ShouldStop"), "raised"),
    "an error that pretends to be another": (
        "class Skipped(BaseException):\n    allow_module_level = True\n"
        "Skipped.__module__, Skipped.__qualname__ = '_pytest.outcomes', 'Skipped'\n" + _inside("raise Skipped('x')"),
        "raised",
    ),
    "an error with the mark of another": (
        "class Odd(Exception):\n    pass\n" + _inside("error = Odd()", "error._heldout_text = None", "raise error"),
        "raised",
    ),
    "KeyboardInterrupt": (_inside("raise KeyboardInterrupt"), "raised"),
    "GeneratorExit": (_inside("raise GeneratorExit"), "raised"),
    "StopIteration": (_inside("raise StopIteration"), "raised"),
    "sys.exit(0) while defining": ("import sys\nsys.exit(0)\n", LEFT),
    "outcomes on every descriptor": (
        'import os\nline = b\'[0,"returned",true,""]\\n[1,"returned",true,""]\\n["end"]\\n\'\n'
        "for one in range(3, 64):\n    try: os.write(one, line)\n    except OSError: pass\n" + _inside("return 0"),
        WRONG,
    ),
    "frames on every descriptor, then death": (
        "import os\ntext = b'[\"returned\",true,null]'\nframe = len(text).to_bytes(8, 'big') + text\n"
        + _inside(
            "for one in range(3, 64):",
            "    try: os.write(one, frame * 50)",
            "    except OSError: pass",
            "os._exit(0)",
        ),
        f"{WRONG} or {LEFT}",
    ),
    "a frame that never ends": (
        "import os\n" + _inside("os.write(5, b'\\0' * 5 + b'\\x10\\0\\0')", "while True: os.write(5, b'[' * 1000)"),
        WRONG,
    ),
    "a frame of many bytes": ("import os\n" + _inside("os.write(5, b'\\xff' * 8)", "return 0"), WRONG),
    "frames that are no answers": (
        "import os\n" + _inside("os.write(5, (4).to_bytes(8, 'big') + b'[[]]')", "return 0"),
        WRONG,
    ),
    "a class that never ends to be described": (
        "import os\n"
        + _inside(
            'text = b\'["returned",{"handle":[%d,%d]},null]\'',
            "for n in range(2000):",
            "    one = text % (n + 9, n + 9)",
            "    os.write(5, len(one).to_bytes(8, 'big') + one)",
        ),
        WRONG,
    ),
    "closing what it answers through": ("import os\n" + _inside("os.closerange(3, 64)", "return 0"), "raised"),
    "a child that answers after its parent's death": (
        "import os\n" + _inside("if os.fork(): os._exit(0)", "return 0"),
        WRONG,
    ),
    "an endless generator": ("def f(x):\n    while True: yield x\n", WRONG),
    "an object that is long to say": (
        _OBJECT + "    def __repr__(self):\n        while True: pass\n" + _inside("return Yes()"),
        f"{WRONG} or timeout",
    ),
    "reading its tests": ("import solution, tests\n" + _inside("return tests"), "needs a package"),
    "patched frames of its own side": (
        "import sys\nside = sys.modules['heldout.sandbox.inside.frames']\n"
        "side.send = lambda descriptor, text: None\n" + _inside("return 0"),
        "timeout",
    ),
}


def table() -> str:
    """The table of docs/sandbox.md."""
    head = ("attack", "monty", "bubblewrap", "bubblewrap, stdin", "bubblewrap, test programs", "exit status (flawed)")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [
        f"| {a.name} | {a.monty} | {a.bubblewrap} | {a.whole or a.bubblewrap} | {a.tested or a.bubblewrap} "
        f"| {'**passes**' if a.beats_exit_status else 'fails'} |"
        for a in ATTACKS
    ]
    return "\n".join(lines) + "\n"


def table_on_tests() -> str:
    """The table of docs/sandbox.md of what is tried against tests that are programs."""
    lines = ["| attack on tests that are programs | asserts, check, unittest, pytest |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {said} |" for name, (_, said) in ON_TESTS.items())]) + "\n"
