"""What hostile programs try, and how each judge answers: the one table, tested and printed in docs/sandbox.md."""

from __future__ import annotations

from dataclasses import dataclass

from heldout.sandbox import Limits, Test

TESTS = tuple(Test((x,), 7 * x + 3) for x in (2, 5))
LIMITS = Limits(seconds=0.2, memory_mb=64)
HONEST = "def f(x):\n    return 7 * x + 3\n"
SECRET = "HELDOUT_TEST_SECRET"

WRONG = "wrong answer"
UNSUPPORTED = "unsupported"
LEFT = "left the program"


@dataclass(frozen=True, slots=True)
class Attack:
    """A program that does not compute f, its judgement in each sandbox, and whether the flawed judge is beaten.

    In bubblewrap it is tried as a function that is called, and as a whole program that prints what the function gives.
    """

    name: str
    source: str
    monty: str
    bubblewrap: str
    beats_exit_status: bool = False
    whole: str = ""  # the judgement of the whole program, where that is another
    starts_many: bool = False  # never run before a process limit was shown to bind


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
        "regular expression that explodes",
        "import re\n" + _inside("return re.match('(a+)+$', 'a' * 40 + 'b')"),
        WRONG,
        "timeout",
    ),
    Attack(
        "memory bomb", _inside("all = []", "while True: all.append('a' * 1000 + str(len(all)))"), "memory", "memory"
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
    Attack("True for 1, 3.0 for 3", _inside("return float(7 * x + 3)"), WRONG, WRONG, beats_exit_status=True),
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
    ),
    Attack(
        "broken results on the worker's pipe",
        "import os\n" + _inside("os.write(3, b'[' * 9000 + b'\\n{\"solved\":true}\\n')", "os._exit(0)"),
        UNSUPPORTED,
        WRONG,
    ),
    Attack(
        "results on the worker's pipe that never end",
        "import os\n" + _inside("while True: os.write(3, b'[' * 1000)"),
        UNSUPPORTED,
        WRONG,
        whole="timeout",
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
    ),
)


def table() -> str:
    """The table of docs/sandbox.md."""
    lines = ["| attack | monty | bubblewrap | bubblewrap, stdin | exit status (flawed) |", "|---|---|---|---|---|"]
    lines += [
        f"| {a.name} | {a.monty} | {a.bubblewrap} | {a.whole or a.bubblewrap} "
        f"| {'**passes**' if a.beats_exit_status else 'fails'} |"
        for a in ATTACKS
    ]
    return "\n".join(lines) + "\n"
