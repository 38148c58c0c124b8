"""A served model, asked over real connections to a server of this file that answers, refuses and breaks as told."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import heldout
from heldout.errors import ServerError, UsageError
from heldout.evaluation.score import Completion
from heldout.evaluation.seeds import seed_of
from heldout.evaluation.served import ServedPolicy
from heldout.evaluation.server import Server

KEY = "sk-very-secret-7"
DROP = "drop"  # close the connection without an answer
Fault = tuple[int, dict[str, str], Any] | str


class Standin:
    """A server of one model whose answer is told by prompt and seed; `faults` come first, one for each request."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []  # bodies of the requests that were answered, in the order they came
        self.requests = 0  # all of them, also those that met a fault
        self.headers: list[dict[str, str]] = []
        self.faults: list[Fault | None] = []
        self.refused: set[str] = set()  # settings that are unknown here
        self.models = ["tiny"]
        self.change: Callable[[dict[str, Any], dict[str, Any]], Any] = lambda body, answer: answer
        self.before: Callable[[], None] = lambda: None
        standin = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listed = {"data": [{"id": name, "owned_by": "nobody"} for name in standin.models]}
                self.reply(200 if standin.models else 500, {}, listed)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                standin.headers.append(dict(self.headers))
                standin.requests += 1
                fault = standin.faults.pop(0) if standin.faults else None
                unknown = sorted(standin.refused & body.keys())
                if fault == DROP:
                    self.close_connection = True
                elif isinstance(fault, tuple):
                    self.reply(*fault)
                elif unknown:
                    self.reply(400, {}, {"error": {"message": f"Unrecognized argument: {unknown[0]}"}})
                else:
                    standin.before()
                    standin.asked.append(body)
                    self.reply(200, {}, standin.change(body, standin.answer(body)))

            def reply(self, status: int, headers: dict[str, str], body: Any) -> None:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(BrokenPipeError):  # who asked may have left
                    self.wfile.write(data)

            def log_message(self, *given: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @staticmethod
    def answer(body: dict[str, Any]) -> dict[str, Any]:
        text = f"    return {body.get('seed', 0)}  # {len(str(body.get('prompt', body.get('messages'))))}\n"
        said = {"text": text} if "prompt" in body else {"message": {"role": "assistant", "content": text}}
        usage = {"completion_tokens": 5 + body.get("seed", 0)}
        return {"choices": [{**said, "finish_reason": "stop"}], "usage": usage, "system_fingerprint": "fp1"}

    def policy(self, **settings: Any) -> ServedPolicy:
        key = settings.pop("key_variable", "")
        return ServedPolicy(Server(self.url, key_variable=key, pause=0.001, tries=4, timeout=20), **settings)


def seed_sent(prompt: str, number: int, seed: int = 0) -> int:
    """Return with which seed a sample of a prompt is asked for."""
    return seed_of(seed, prompt, number, bits=31)


def answer_to(prompt: str) -> str:
    """Return the text of the first sample of a prompt."""
    return f"    return {seed_sent(prompt, 0)}  # {len(prompt)}\n"


@pytest.fixture
def standin() -> Iterator[Standin]:
    one = Standin()
    yield one
    one.server.shutdown()
    one.server.server_close()


def test_every_sample_has_its_own_seed_and_all_settings_are_sent(standin: Standin) -> None:
    policy = standin.policy(temperature=0.5, top_p=0.9, seed=7, max_new_tokens=33, stop=["\nif"])
    found = policy.sample(["a", "bbb"], 2)
    seeds = {prompt: [seed_sent(prompt, number, 7) for number in range(2)] for prompt in ("a", "bbb")}
    assert found == [
        [Completion(f"    return {s}  # {len(prompt)}\n", 5 + s, "eos") for s in of] for prompt, of in seeds.items()
    ]
    probe, *asked = standin.asked
    assert probe["max_tokens"] == 1
    assert {(one["prompt"], one["seed"]) for one in asked} == {(prompt, s) for prompt, of in seeds.items() for s in of}
    settings = {"temperature": 0.5, "top_p": 0.9, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
    for one in asked:
        assert one.items() >= {**settings, "stop": ["\nif"], "max_tokens": 33, "model": "tiny"}.items()
    assert policy.about()["fingerprints"] == {"fp1": 4}
    assert policy.notes == []


def test_no_two_prompts_and_no_two_samples_get_the_same_seed(standin: Standin) -> None:
    prompts = [f"problem {place}" for place in range(100)]
    standin.policy(model="tiny").sample(prompts, 3)
    of = {one["seed"]: one["prompt"] for one in standin.asked[1:]}
    assert len(of) == 300
    assert all(0 <= seed < 2**31 for seed in of)
    standin.asked = []
    standin.policy(model="tiny").sample(prompts[50:], 3)  # in another measurement a prompt has the same ones
    assert all(of[one["seed"]] == one["prompt"] for one in standin.asked[1:])


def test_a_chat_gets_messages_and_thinking_that_was_split_off_comes_back(standin: Standin) -> None:
    answers: list[dict[str, Any]] = [
        {"content": "x", "reasoning_content": "Hm"},
        {"content": None, "reasoning": "Hm, and"},
        {"content": None},
        {"content": "y"},
    ]
    number = {seed_sent("?", place): place for place in range(4)}
    standin.change = lambda body, answer: {
        "choices": [
            {"message": {"role": "assistant", **answers[number.get(body["seed"], 0)]}, "finish_reason": "length"}
        ]
    }
    (found,) = standin.policy(chat=True).sample(["?"], 4)
    assert [one.text for one in found] == ["<think>Hm</think>x", "<think>Hm, and</think>", "", "y"]
    assert {(one.stop, one.tokens) for one in found} == {("length", 0)}
    assert standin.asked[-1]["messages"] == [{"role": "user", "content": "?"}]
    assert standin.asked[-1]["max_tokens"] == 4096


@pytest.mark.parametrize(
    "fault",
    [
        (429, {"Retry-After": "0"}, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}),
        (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, {}),
        (429, {}, b""),
        (408, {}, {}),
        (409, {}, {}),
        (500, {}, b"<html>oh"),
        (503, {}, {"error": {"message": "Loading model"}}),
        (200, {}, b"no json"),
        (200, {}, {"error": {"message": "the engine behind died", "code": 502}}),
        DROP,
    ],
)
def test_trouble_that_passes_is_waited_out(standin: Standin, fault: Fault) -> None:
    standin.faults = [None, fault, fault, fault]  # the first question is answered
    assert standin.policy().sample(["a"], 1)[0][0].text == answer_to("a")
    assert standin.requests == 5
    standin.faults = [None, *[fault] * 4]
    with pytest.raises(ServerError, match="was asked 4 times and gave no answer"):
        standin.policy().sample(["a"], 1)
    busy = isinstance(fault, tuple) and fault[0] in (429, 503)  # there, and loading
    standin.faults = [fault] * 4
    with pytest.raises(ServerError, match=f"was asked {4 if busy else 3} times and gave no answer"):
        standin.policy().sample(["a"], 1)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"error": {"message": f"Incorrect API key {KEY}"}}, "refuses the key or the lack of one .401"),
        (403, {"detail": "no"}, "--api-key-env"),
        (404, {"error": {"message": "no such model"}}, "refuses the request .404: no such model"),
        (429, {"error": {"message": "pay", "code": "insufficient_quota"}}, "no quota left: pay"),
        (429, {"error": {"message": "pay", "type": "insufficient_quota"}}, "no quota left: pay"),
    ],
)
def test_what_is_refused_is_asked_once_and_the_key_is_never_told(
    standin: Standin, monkeypatch: pytest.MonkeyPatch, status: int, body: Any, said: str
) -> None:
    monkeypatch.setenv("A_KEY", KEY + "\n")
    standin.faults = [(status, {}, body)]
    with pytest.raises(ServerError, match=said) as told:
        standin.policy(key_variable="A_KEY").sample(["a"], 1)
    assert standin.requests == 1
    assert standin.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in str(told.value)
    assert "\n" not in str(told.value)


def test_an_answer_that_no_model_writes_is_refused_and_not_asked_for_again(standin: Standin) -> None:
    text = json.dumps({"choices": [{"text": "x", "finish_reason": "stop"}]}).encode()
    standin.faults = [None, (200, {}, text.ljust(2**26 + 1))]
    with pytest.raises(ServerError, match="gives more than 64 MiB in one answer"):
        standin.policy().sample(["a"], 1)
    assert standin.requests == 2
    standin.faults = [(200, {}, text.ljust(2**26))]
    assert standin.policy().sample(["a"], 1)[0][0].text

    standin.faults = [None, (400, {}, b"no! " * 2**20)]
    with pytest.raises(ServerError, match=r"refuses the request .400: no! no!") as told:
        standin.policy().sample(["a"], 1)
    assert len(str(told.value)) < 500


def test_a_server_that_asks_to_wait_for_an_hour_is_given_up(standin: Standin) -> None:
    standin.faults = [(429, {"Retry-After": "3600"}, {})]
    with pytest.raises(ServerError, match="asks to wait for 3600 seconds"):
        standin.policy().sample(["a"], 1)


def test_a_request_that_is_refused_while_others_are_under_way_ends_all(standin: Standin) -> None:
    first = {0, *(seed_sent("a", number) for number in range(9))}
    standin.change = lambda body, answer: answer if body["seed"] in first else {"choices": []}
    with pytest.raises(ServerError, match="an answer without a text"):
        standin.policy(concurrency=2).sample(["a"], 40)
    assert standin.requests < 20


@pytest.mark.parametrize("refused", ["seed", "stop", "top_k", "min_p", "temperature", "repetition_penalty"])
def test_a_setting_that_the_server_does_not_know_is_left_out_and_told(standin: Standin, refused: str) -> None:
    standin.refused = {refused, "max_tokens"}
    standin.change = lambda body, answer: {
        "choices": [{"text": "    return 1\nprint(2)", "finish_reason": "length"}],
        "usage": {"completion_tokens": 9},
    }
    policy = standin.policy(stop=["\nprint("])
    assert policy.sample(["a", "b"], 2) == [[Completion("    return 1", 9, "stop")] * 2] * 2  # cut here in any case
    assert policy.notes == [f"The server refuses {refused}; its own default holds there."]
    assert standin.asked[-1]["max_completion_tokens"] == 512
    assert refused not in standin.asked[-1]
    assert standin.asked[-1].keys() >= {"seed", "stop", "top_k", "min_p", "temperature", "top_p"} - {refused}


def test_a_refusal_that_no_setting_explains_is_told(standin: Standin) -> None:
    standin.refused = {"prompt"}
    with pytest.raises(ServerError, match="Unrecognized argument: prompt"):
        standin.policy().sample(["a"], 1)


def test_no_more_than_four_stops_are_sent_and_all_are_cut_at(standin: Standin) -> None:
    standin.change = lambda body, answer: {"choices": [{"text": "1\n5 and\n4", "finish_reason": "stop"}]}
    found = standin.policy(stop=["\n1", "\n2", "\n3", "\n4", "\n5"]).sample(["a"], 1)
    assert (found[0][0].text, standin.asked[-1]["stop"]) == ("1", ["\n1", "\n2", "\n3", "\n4"])


def test_interrupted_and_resumed_gives_what_one_go_gives(standin: Standin, tmp_path: Path) -> None:
    prompts, ids, cache = [f"{'x' * n}" for n in range(1, 9)], [f"p{n}" for n in range(8)], tmp_path / "a.jsonl"
    whole = standin.policy(model="tiny").sample(prompts, 3, ids)
    standin.faults = [(500, {}, {})] * 2
    count = 0

    def break_off() -> None:
        nonlocal count
        count += 1
        if count == 12:
            standin.faults = [(400, {}, {"error": {"message": "out of memory"}})] * 9

    standin.before = break_off
    with pytest.raises(ServerError, match="out of memory"):
        standin.policy(model="tiny", cache=cache, concurrency=3).sample(prompts, 3, ids)
    kept = [json.loads(line) for line in cache.read_text().splitlines()]
    assert 8 <= len(kept) < 24
    assert {row["id"] for row in kept} <= set(ids)
    cache.write_text(cache.read_text() + '{"id": "p7", "index": 0, "req')  # cut as the machine went down
    standin.faults, standin.asked = [], []
    policy = standin.policy(model="tiny", cache=cache)
    assert policy.sample(prompts, 3, ids) == whole
    asked = {(one["prompt"], one["seed"]) for one in standin.asked if one["max_tokens"] > 1}
    there = {(prompts[ids.index(row["id"])], row["seed"]) for row in kept}
    assert asked == {(prompt, seed_sent(prompt, number)) for prompt in prompts for number in range(3)} - there
    assert policy.notes == [f"{len(kept)} answers of 24 taken from {cache}."]
    standin.server.shutdown()  # nothing is missing, so no server is needed
    assert standin.policy(model="tiny", cache=cache).sample(prompts, 3, ids) == whole
    assert len([json.loads(line) for line in cache.read_text().splitlines() if line.endswith("}")]) == 24


def test_answers_to_other_settings_are_not_taken_from_the_cache(standin: Standin, tmp_path: Path) -> None:
    cache = tmp_path / "a.jsonl"
    for settings in ({}, {"temperature": 0.5}, {"seed": 3}, {"max_new_tokens": 9}, {"chat": True}, {"stop": ["\n"]}):
        standin.asked = []
        standin.policy(cache=cache, **settings).sample(["a"], 1)
        assert len(standin.asked) == 2


def test_two_problems_with_one_prompt_get_samples_of_their_own(standin: Standin, tmp_path: Path) -> None:
    found = standin.policy(cache=tmp_path / "a.jsonl").sample(["a", "b", "a"], 2)
    assert len({one.tokens for several in found for one in several}) == 6  # which tell the seed
    assert standin.policy(cache=tmp_path / "a.jsonl").sample(["a", "b", "a"], 2) == found


def test_so_many_requests_are_under_way_together(standin: Standin) -> None:
    together = threading.Barrier(4, timeout=20)  # the server answers only when four are there
    standin.change = lambda body, answer: (together.wait(), answer)[1] if body["max_tokens"] > 1 else answer
    seen: list[tuple[int, int]] = []
    standin.policy(concurrency=4, progress=lambda done, total: seen.append((done, total))).sample(["a"], 8)
    assert seen == [(n, 8) for n in range(1, 9)]


def test_a_redirect_is_not_followed(standin: Standin) -> None:
    standin.faults = [(307, {"Location": "http://127.0.0.1:9/v1"}, b"")]
    with pytest.raises(ServerError, match=r"points to http://127\.0\.0\.1:9/v1; give"):
        standin.policy().sample(["a"], 1)
    assert standin.requests == 1


def test_the_only_model_is_taken_and_of_several_one_must_be_named(standin: Standin) -> None:
    policy = standin.policy()
    policy.sample(["a"], 1)
    assert (policy.model, policy.about()["owner"]) == ("tiny", "nobody")
    standin.models = ["a", "b"]
    with pytest.raises(UsageError, match="give --model: a and b"):
        standin.policy().sample(["a"], 1)
    standin.models = []  # and a list that is broken is no matter where one is named
    assert len(standin.policy(model="c").sample(["a"], 2)[0]) == 2
    with pytest.raises(ServerError, match=r"gave no answer .500"):
        standin.policy().sample(["a"], 1)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://", "no address of a server"),
        ("http://me:word@here/v1", "hold no password"),
        ("http://here/v1?key=1", "hold no password"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Server(url)


@pytest.mark.parametrize("typed", ["http://a:8000", "http://a:8000/v1/", "http://a:8000/v1/chat/completions"])
def test_an_address_is_completed_or_shortened_to_its_version(typed: str) -> None:
    assert Server(typed).url == "http://a:8000/v1"


def test_a_key_that_is_not_there_or_none_is_refused_without_being_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_KEY", raising=False)
    with pytest.raises(UsageError, match="A_KEY is not set"):
        Server("http://a", key_variable="A_KEY")
    monkeypatch.setenv("A_KEY", "se cret")
    with pytest.raises(UsageError, match="A_KEY holds is no key") as told:
        Server("http://a", key_variable="A_KEY")
    assert "cret" not in str(told.value)


def command(url: str, out: Path) -> list[str]:
    task = out.parent / "task.jsonl"
    rows = [
        {"id": f"p{n}", "prompt": f"# {n}\ndef f(x):\n", "entry_point": "f", "tests": [f"f(1) % 3 == {n % 3}"]}
        for n in range(6)
    ]
    task.write_text("".join(json.dumps({**row, "split": "test"}) + "\n" for row in rows))
    line = [sys.executable, "-m", "heldout", "eval", url, "--task", str(task), "--split", "test", "--samples", "2"]
    return [*line, "--concurrency", "2", "--api-key-env", "A_KEY", "-o", str(out)]


def test_ctrl_c_and_the_same_command_again_give_the_numbers_of_one_go(standin: Standin, tmp_path: Path) -> None:
    pytest.importorskip("pydantic_monty", reason="programs run in monty, of the extra `sandbox`")
    settings = {**os.environ, "A_KEY": KEY}
    hangs, release = threading.Event(), threading.Event()

    def hang() -> None:
        if len(standin.asked) == 7:
            hangs.set()
            release.wait(60)

    standin.before = hang
    child = subprocess.Popen(
        command(standin.url, tmp_path / "two"), env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert hangs.wait(60)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode != 0
    assert "Traceback" not in err
    release.set()
    standin.before = lambda: None
    resumed, whole = (
        subprocess.run(command(standin.url, tmp_path / name), env=settings, capture_output=True, text=True, check=True)
        for name in ("two", "one")
    )
    assert "answers of 12 taken from" in resumed.stdout
    assert "pass@1" in whole.stdout
    runs = [heldout.read(tmp_path / name).measured[0] for name in ("two", "one")]
    solved = sum(seed_sent(f"# {n}\ndef f(x):\n", number) % 3 == n % 3 for n in range(6) for number in range(2))
    assert runs[0].rate == runs[1].rate == pytest.approx(solved / 12)
    assert 0 < solved < 12
    files = [(tmp_path / name / "samples-step-00000000.jsonl").read_text() for name in ("two", "one")]
    assert files[0] == files[1]
    config = json.loads((tmp_path / "one" / "run.json").read_text())["config"]
    assert (config["server"]["model"], config["server"]["fingerprints"]) == ("tiny", {"fp1": 12})
    assert config["key_variable"] == "A_KEY"
    everything = "".join(file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    assert KEY not in everything + out + err + resumed.stdout + whole.stdout


def test_a_server_that_is_not_there_is_given_up_sooner_than_one_that_stumbles() -> None:
    with pytest.raises(ServerError, match=r"was asked 3 times and gave no answer .*refused"):
        ServedPolicy(Server("http://127.0.0.1:9/v1", pause=0.001)).sample(["a"], 1)
