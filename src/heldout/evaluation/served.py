"""A served model as a policy: an OpenAI-compatible server is asked for each sample, and every answer is kept.

Each sample is a request of its own, with a seed of its own. Servers that share the work on equal prompts (all that are
in use do) lose little by it, and in return the length of each sample is known, an interrupted evaluation goes on with
just the samples that are missing, and servers that ignore ``n`` are no special case.
"""

from __future__ import annotations

import hashlib
import json
import queue
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from heldout.errors import ServerError, UsageError
from heldout.evaluation.score import Completion
from heldout.evaluation.seeds import seed_of, wanted
from heldout.evaluation.server import Server
from heldout.evaluation.stops import checked_stops, cut_at
from heldout.store.lines import LineFile, json_line, read_rows
from heldout.tasks.answer_text import message_text
from heldout.text import counted, sentence_list

LONGEST, LONGEST_CHAT = 512, 4096  # new tokens where nobody says; a chat model may think before it answers
_MOST_STOPS = 4  # that the protocol takes; longer lists are refused, or cut without a word
_ENDS = {"stop": "eos", "eos_token": "eos", "stop_sequence": "stop"}  # what servers call the ends that we name
_UNKNOWN = (400, 422)  # how servers refuse a setting
_BITS = 31  # of a seed: some servers keep 32, with a sign


class _Job(NamedTuple):
    """One sample that is wanted."""

    place: int  # of the prompt
    number: int  # among the samples of that text
    request: str  # fingerprint of prompt and settings


class ServedPolicy:
    """Samples from a model behind an OpenAI-compatible server: vLLM, SGLang, TGI, llama.cpp, or a hosted one.

    A question of one token first finds out which settings the server refuses. Those are left out and told in `notes`;
    texts at which answers end are cut here as well.

    Parameters
    ----------
    server
        Where it is.
    model
        What the server calls it; empty for the only one that it has.
    chat
        Give each prompt as a user's message; otherwise the model completes it.
    temperature, top_p, top_k
        Of the sampling, all sent: servers have defaults of their own. `top_k` 0 keeps all tokens.
    max_new_tokens
        Longest answer; None for 512, or 4096 of a chat, or what half of the model's context leaves.
    seed
        Each sample has one of its own, told by this one, its prompt and its number among the samples of that prompt.
    stop
        Texts at which an answer is cut.
    concurrency
        Requests that are under way together.
    cache
        File to which every answer is added as it comes, and from which those that it has are taken.
    progress
        Told after each answer how many are there, of how many.

    Raises
    ------
    UsageError
        When a setting is outside what is allowed, or the model has to be named.
    ServerError
        When the server refuses, or gives no answer.
    """

    def __init__(
        self,
        server: Server,
        model: str = "",
        *,
        chat: bool = False,
        temperature: float = 1.0,
        top_p: float = 1.0,
        top_k: int = 0,
        max_new_tokens: int | None = None,
        seed: int = 0,
        stop: Sequence[str] = (),
        concurrency: int = 16,
        cache: Path | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        if concurrency < 1:
            raise UsageError(f"concurrency is {concurrency}; it must be at least 1.")
        self.server, self.model, self.chat, self.seed, self.stop = server, model, chat, seed, checked_stops(stop)
        self.concurrency, self.cache, self.progress = concurrency, cache, progress
        self.notes: list[str] = []  # what the server refuses, and what the cache held
        self.prints: Counter[str] = Counter()  # fingerprints of the server's configuration, as its answers give them
        self.longest = max_new_tokens or (LONGEST_CHAT if chat else LONGEST)
        self._as_asked = max_new_tokens is not None
        self._wanted: dict[str, Any] = {
            "temperature": temperature,
            "top_p": top_p,
            "top_k": top_k or -1,  # what vLLM, SGLang and llama.cpp take for all tokens
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            **({"stop": list(self.stop[:_MOST_STOPS])} if self.stop else {}),
        }
        self._sampling = self._wanted  # less what the server refuses
        self._limit = "max_tokens"  # newer models want max_completion_tokens
        self._seeded = True
        self._card: Mapping[str, Any] | None = None  # what the server says of the model
        self._ready = False

    def sample(self, prompts: Sequence[str], samples: int, ids: Sequence[str] = ()) -> list[list[Completion]]:
        """Return `samples` completions for each prompt, in the order of the prompts; `ids` name them in the cache."""
        if not self.model:
            self._card = self._chosen()
        requests = [self._fingerprint(prompt) for prompt in prompts]
        jobs = [_Job(one.place, one.number, requests[one.place]) for one in wanted(prompts, samples)]
        there = self._cached()
        if there and (known := sum((job.request, job.number) in there for job in jobs)):
            self.notes.append(f"{counted(known, 'answer')} of {len(jobs)} taken from {self.cache}.")
        missing = [job for job in jobs if (job.request, job.number) not in there]
        if missing:
            self._prepare(prompts[missing[0].place])
            there |= self._asked(missing, prompts, ids or [str(place) for place in range(len(prompts))])
        found: list[list[Completion]] = [[] for _ in prompts]
        for job in jobs:
            found[job.place].append(there[job.request, job.number])
        return found

    def about(self) -> dict[str, Any]:
        """Return what is known of server and model, for the record; the key is not part of it."""
        card = self._card or {}
        return {
            "url": self.server.url,
            "software": self.server.software or None,
            "model": self.model,
            "owner": card.get("owned_by"),
            "root": card.get("root"),
            "fingerprints": dict(self.prints),
            "sampling": self._settings(self.seed, self.longest),
        }

    # --- what the server takes

    def _prepare(self, prompt: str) -> None:
        """Find out which model there is, and which settings it takes; once."""
        if self._ready:
            return
        self._card, self._ready = self._card or self._chosen(), True
        context = self._card.get("max_model_len")
        if isinstance(context, int) and not self._as_asked:
            self.longest = min(self.longest, max(1, context // 2))
        refused = self._refusal(prompt, self._settings(self.seed, 1))
        if refused is None:
            return
        self._limit, short = self._accepted_limit(prompt, refused)
        optional = {**self._sampling, "seed": self.seed}
        bad = [name for name, value in optional.items() if self._refusal(prompt, {**short, name: value})]
        self._seeded = "seed" not in bad
        self._sampling = {name: value for name, value in self._sampling.items() if name not in bad}
        if again := self._refusal(prompt, {**self._settings(self.seed, 1), **short}):
            raise again
        if bad:
            self.notes.append(f"The server refuses {sentence_list(bad)}; its own default holds there.")

    def _chosen(self) -> Mapping[str, Any]:
        """Return what the server says of the model, and choose the only one where none was named."""
        try:
            cards = self.server.get("/models").get("data")
        except ServerError as error:
            if not self.model or error.status in (0, 401, 403):
                raise
            return {}  # a server whose list is missing or broken may answer all the same
        known = {str(card.get("id")): card for card in cards or () if isinstance(card, Mapping)}
        if not self.model and len(known) == 1:
            (self.model,) = known
        if not self.model:
            names = sentence_list(list(known)[:10]) or "none that it names"
            raise UsageError(f"{self.server.url} serves several models or says nothing of them; give --model: {names}.")
        return known.get(self.model, {})

    def _accepted_limit(self, prompt: str, refused: ServerError) -> tuple[str, dict[str, Any]]:
        """Return the name under which the server takes the longest length, and a short request that it takes."""
        # a model that thinks calls one token too few to answer at all
        for name, longest in (("max_tokens", 1), ("max_completion_tokens", 1), ("max_completion_tokens", 256)):
            if self._refusal(prompt, {name: longest}) is None:
                return name, {name: longest}
        raise refused

    def _refusal(self, prompt: str, settings: Mapping[str, Any]) -> ServerError | None:
        """Ask for as little as possible; return the refusal where these settings are not taken."""
        try:
            self.server.post(self._path(), {**self._question(prompt), **settings}, first=True)
        except ServerError as error:
            if error.status not in _UNKNOWN:
                raise
            return error
        return None

    # --- one answer, and all of them

    def _path(self) -> str:
        return "/chat/completions" if self.chat else "/completions"

    def _question(self, prompt: str) -> dict[str, Any]:
        asked = {"messages": [{"role": "user", "content": prompt}]} if self.chat else {"prompt": prompt}
        return {"model": self.model, **asked}

    def _settings(self, seed: int, longest: int) -> dict[str, Any]:
        return {self._limit: longest, **self._sampling, **({"seed": seed} if self._seeded else {})}

    def _fingerprint(self, prompt: str) -> str:
        """Name what is asked for, wherever the server is and whatever it refuses."""
        longest = self.longest if self._as_asked else None
        asked = [self.model, self.chat, prompt, self._wanted, longest, self.stop, self.seed]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]

    def _answer(self, prompt: str, seed: int, halted: threading.Event) -> tuple[Completion, str]:
        """Return one answer, and the fingerprint of the server that gave it."""
        body = {**self._question(prompt), **self._settings(seed, self.longest)}
        found = self.server.post(self._path(), body, halted)
        choices = found.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        content = choice.get("message" if self.chat else "text") if isinstance(choice, Mapping) else None
        if not isinstance(choice, Mapping) or not isinstance(content, Mapping if self.chat else str):
            raise ServerError(f"{self.server.url} gave an answer without a text; is it an OpenAI-compatible server?")
        whole = message_text(content) if isinstance(content, Mapping) else str(content)
        whole = whole.encode("utf-8", "replace").decode()  # half characters, which no file takes
        text = cut_at(whole, self.stop)
        usage = found.get("usage")
        tokens = usage.get("completion_tokens") if isinstance(usage, Mapping) else None
        ended = str(choice.get("finish_reason") or "")
        stop = "stop" if text != whole or isinstance(choice.get("stop_reason"), str) else _ENDS.get(ended, ended)
        return Completion(text, tokens if type(tokens) is int else 0, stop), str(found.get("system_fingerprint") or "")

    def _asked(
        self, jobs: Sequence[_Job], prompts: Sequence[str], ids: Sequence[str]
    ) -> dict[tuple[str, int], Completion]:
        """Ask for all of these, several at a time, and keep each as it comes.

        The threads are daemons: Ctrl-C does not wait for answers that take minutes.
        """
        todo: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        came: queue.SimpleQueue[tuple[_Job, Completion] | BaseException] = queue.SimpleQueue()
        halted, keep = threading.Event(), _Kept(self.cache)
        for job in jobs:
            todo.put(job)

        def work() -> None:
            try:
                while not halted.is_set():
                    job = todo.get_nowait()
                    seed = seed_of(self.seed, prompts[job.place], job.number, _BITS)
                    answer, server = self._answer(prompts[job.place], seed, halted)
                    keep.add(ids[job.place], job, seed, answer, server)
                    self.prints[server] += 1
                    came.put((job, answer))
            except queue.Empty:
                pass
            except BaseException as error:
                came.put(error)

        for _ in range(min(self.concurrency, len(jobs))):
            threading.Thread(target=work, daemon=True).start()
        found: dict[tuple[str, int], Completion] = {}
        try:
            for number in range(len(jobs)):
                one = came.get()
                if isinstance(one, BaseException):
                    raise one
                found[one[0].request, one[0].number] = one[1]
                self.progress(number + 1, len(jobs))
        finally:
            halted.set()
            keep.close()
        return found

    def _cached(self) -> dict[tuple[str, int], Completion]:
        """Return the answers that the cache holds, by request and number; lines that are none are passed over."""
        found = {}
        for row in read_rows(self.cache).rows if self.cache else ():
            request, index, text, tokens, stop = map(row.get, ("request", "index", "text", "tokens", "stop"))
            if isinstance(request, str) and type(index) is int and isinstance(text, str) and isinstance(stop, str):
                found[request, index] = Completion(text, tokens if type(tokens) is int else 0, stop)
        return found


class _Kept:
    """A file to which answers are added by several threads; none where there is no path."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._file = None if path is None else LineFile(path)
        self._lock = threading.Lock()

    def add(self, name: str, job: _Job, seed: int, answer: Completion, server: str) -> None:
        """Write an answer at once: what was paid for is never lost."""
        row = {"id": name, "index": job.number, "seed": seed, "request": job.request, "text": answer.text}
        row |= {"tokens": answer.tokens, "stop": answer.stop, "fingerprint": server or None}
        with self._lock:
            if self._file is not None:
                self._file.append(json_line(row))

    def close(self) -> None:
        """Close the file; answers that come later are not kept."""
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None
