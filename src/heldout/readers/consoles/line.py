"""What stands in one printed line: a stamp before it, of what it is, and names with their numbers."""

from __future__ import annotations

import ast
import json
import re
from typing import Any, NamedTuple

from heldout.metrics import means
from heldout.readers.consoles.console import NUMBER
from heldout.readers.consoles.trl import scan_dict

# What numbers the lines of training loops. Those that count finer come first: an epoch has many steps.
STEPS = (
    *("global_step", "train/global_step", "trainer/global_step", "step", "_step", "steps", "training_step"),
    *("train_step", "iteration", "iter", "update", "it", "步数", "schritt", "batch", "episode", "round", "epoch", "#"),
)
LONGEST = 20_000  # characters; a longer line is none of metrics that were printed for people

# Of what the numbers are, each with the name that is put before theirs: "eval: step=3 acc=0.4" has eval/acc.
_SPLITS = {
    "train": r"train(?:ing)?",
    "eval": r"eval(?:uat(?:ion|ed|ing))?",
    "val": r"val(?:id(?:ation)?)?",
    "test": r"test(?:ing)?",
    "dev": r"dev",
    "heldout": r"held[-_ ]?out",
}
_SPLIT = re.compile("|".join(f"(?P<{name}>{words})" for name, words in _SPLITS.items()), re.IGNORECASE)
_SPLIT_COLUMN = frozenset(("split", "phase", "mode", "stage"))
# Words that add nothing to what the numbers of a line say.
_SMALL = frozenset(
    (
        *(
            "a",
            "after",
            "all",
            "and",
            "at",
            "complete",
            "completed",
            "current",
            "done",
            "end",
            "ended",
            "finished",
            "for",
        ),
        *("from", "global", "in", "is", "its", "metric", "metrics", "now", "of", "on", "result", "results", "set"),
        *("starting", "stats", "summary", "the", "to", "took", "was", "with"),
    )
)
# Of what lists are read.
_OF_SAMPLES = frozenset(("reward", "reward_component", "score", "train_pass_rate", "held_out"))
_DOING = frozenset(("running", "performing", "starting", "beginning", "begin", "start"))  # before "validation"
_ABBREVIATED = 5  # letters of "Seq." and its dot at most; a longer word with a dot ends a sentence
_NO_STEP_AFTER = frozenset(("per", "each", "this", "max", "total", "best", "last", "num", "of"))

# loss   pass@1   val-core/math/acc   Seq. Length   Avg Reward (last 100)
_WORD = r"[^\W\d](?:[\w/@%#+]|\.(?!\.)|-(?=[^\W\d]))*+"
_PHRASE = rf"{_WORD}(?:[ \t]{{1,2}}(?:{_WORD}|(?<=ast )\d{{1,6}}(?= [^\W\d])|\([^\W\d][^()=:|\n]{{0,30}}+\))){{0,5}}+"
_UNIT_WORDS = r"tok(?:en)?s?|samples?|seq(?:uence)?s?|m?s|sec(?:ond)?s?|min(?:ute)?s?|hours?|[KMGT]i?B|TFLOPS?|points?"
_UNIT = (
    rf"[ ]?%|[a-zA-Zµ][\w/%]{{0,11}}+(?!=)|[ ](?:{_UNIT_WORDS})(?:/\w{{1,12}}+)?+"
    r"(?![\w@.])(?![ \t]{0,8}[=:])(?![ \t]{1,8}[-+.]?\d)"
)
# 1,024 has its thousands in a group; 0,25 and 1,5 a decimal comma, as people write it in much of Europe.
_GROUPS = r"[-+]?[1-9]\d{0,2}(?:,\d{3})++(?:\.\d++)?+"
_COMMA = r"[-+]?(?:0,\d++|\d++,(?!\d{3}(?!\d))\d++)"
_DIGITS = rf"(?!0[xX]|[-+]?(?:nan|NaN|inf)\w)(?:{_GROUPS}(?!\d|,\d)|{_COMMA}(?![.,]?\d)|{NUMBER}(?!,\d))"
_GROUPED = re.compile(_GROUPS)
_CLOCK = r"\d{1,3}:\d\d(?::\d\d)?+(?:\.\d++)?+"
_CAST = r"(?:(?:np|numpy|torch)\.)?(?:float|int|tensor)\d{0,3}\("


def _value(number: str, unit: str) -> str:
    """Return the form of 0.5, 1,024, 21.5%, 12/60, 3.2 s, 12k tok/s, np.float64(0.5), tensor(0.25, …), 0.41 ± 0.02."""
    return (
        rf"(?:{_CAST})?+(?P<{number}>{_DIGITS})(?:(?:,[ ]\w{{1,20}}=[^()\n]{{1,60}}+)?+\))?+"
        rf"(?P<{unit}>/\d{{1,15}}|{_UNIT})?+(?:[ \t]?\(?(?:±|\+/-)[ \t]?{NUMBER}%?+)?+(?!\w|\.\w|-\d|:\d|/\d)"
    )


_TOKEN = re.compile(
    rf"(?P<listed>{_PHRASE})[ \t]{{0,20}}+[=:：][ \t]{{0,20}}+"
    rf"\[(?P<values>{NUMBER}(?:,[ ]?{NUMBER}){{1,200}}+)\](?!\w)|"
    r"\[[-+\d., ]{1,200}+\](?!\w)|"
    rf"(?P<junk>https?://\S++|(?<!\S)--?(?=\w)\S++)|[\w/]{{1,60}}+\.py:\d++"
    rf"|(?P<name>{_PHRASE})[ \t]{{0,20}}+[=:：](?!=)[ \t]{{0,20}}+[\[(]?+{_value('number', 'unit')}"
    rf"|{_WORD}[ \t]{{1,8}}+{_CLOCK}(?![\w.])"
    rf"|(?P<bare>{_WORD})[ \t]{{1,8}}+[\[(#]?+{_value('digits', 'of')}"
    r"|(?P<counter>\d{1,15})/\d{1,15}(?![\w/.])|\d{1,3}(?:\.\d{1,4}+)?%"
    rf"|(?P<key>{_WORD})(?:=['\"]?|:[ \t]{{1,3}}+)"
    rf"(?P<text>[^\W\d][^\s,|;=:'\"]*+|{_CLOCK})['\"]?+(?=[ \t]{{0,3}}(?:[,|;)\]]|$|[ \t]\S*=))"
    rf"|(?P<group>{_WORD}):(?=[ \t]{{1,8}}{_WORD}=)"
    rf"|(?P<word>{_WORD}[\w.'’-]*+)|{_CLOCK}|{_value('lone', 'lone_unit')}|(?P<stray>\d[\w.:-]*+)|(?P<bar>[|;])"
)
# What is counted where no sign stands before the number: "Evaluating gsm8k (150 samples)" has no score of 150.
_COUNTED = re.compile(r"\s?(?:samples?|examples?|problems?|questions?|prompts?|items?|tasks?|rows?|seq(?:uence)?s?)$")
VALUE = re.compile(_value("number", "unit"))  # a number alone, as in a cell
# What stands before a line: "2026-04-15 07:57:53,123 - trainer - INFO - ", "INFO:root:", "[rank 0] loop.py:12 ", "• "
_TIME = r"(?:\d{4}[/-]\d\d[/-]\d\d[T ]?)?(?:\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)?(?<=\d\d|.Z)"
_LEVEL = (
    r"(?:DEBUG|INFO|SUCCESS|NOTICE|TRACE|WARN(?:ING)?|ERROR|CRITICAL)(?::[\w.]{1,60}+)?|[IWE]\d{4}(?= )"
    r"|std(?:out|err) [FP]"
)
_NAMED = rf"{_WORD}[ \t]{{0,8}}[=:][ \t]{{0,8}}{NUMBER}"
_STAMP = re.compile(
    rf"(?:[^\w\s\[({{\"'<|│┃║-]{{1,4}}[ \t]{{1,4}}|(?!\[?(?:{'|'.join(_SPLITS.values())})\b(?! - {_LEVEL} - )(?i:))"
    rf"(?:{_TIME}|{_LEVEL}|\w{{1,60}}+\.py:\d{{1,6}}|[\w.<>]{{1,60}}+:[\w.<>]{{1,60}}+:\d{{1,6}}"
    rf"|[\w.]{{1,60}}+(?= - |: {_NAMED})|(?<= )\d{{1,8}}(?= \w{{1,60}}\.py:\d)"
    rf"|\[(?!(?:(?:{'|'.join(STEPS)})\W{{1,3}})?\d{{1,15}}[]/])[^]=\n]{{1,80}}+\])[ \t:|\]-]{{1,8}}+)"
)
# Which node or rank prints, as srun --label says it; or the number of the line's step, where nothing else tells it.
_LABEL = re.compile(r"[ \t|│┃]*+(?:(\d{1,9})[ \t]*[:|│┃)] )?(?:- )?")
_DICT = re.compile(r"\{[ \t]{0,20}+['\"]")
_NEXT_DICT = re.compile(rf",[ \t]{{1,4}}({_WORD})[=:][ \t]{{0,4}}(?=\{{)")  # "parts: {…}, counts: {…}"
_TENSOR = re.compile(rf"tensor\(({NUMBER})(?:,[ ]\w{{1,20}}=[^()\n]{{1,80}}+)?+\)")
_NAME_OF_DICT = re.compile(rf"(?<![\w/@%#+.-])(?P<name>{_WORD})[ \t]{{0,4}}[=:][ \t]{{0,4}}$")


class Line(NamedTuple):
    """What a line says."""

    row: dict[str, Any]  # names and numbers, also those that tell the step
    split: str = ""  # train, eval, val, test, dev or heldout, where it says so
    sure: bool = True  # whether nothing else stands in it: a sentence about reward=0.5 may be anything
    broken: bool = False  # whether it ends in a dict that cannot be read
    counts: bool = False  # whether its step is no more than the first number of "12/60"
    lists: bool = False  # whether a list of rewards, one for each sample, stands in it: their mean is taken

    @property
    def steps(self) -> list[str]:
        """The names of those numbers that tell the step."""
        return [key for key, value in self.row.items() if is_step(key) and isinstance(value, (int, float))]


def is_step(name: str) -> bool:
    """Whether a name is one of those that number lines."""
    return name.lower() in STEPS


def split_of(word: str) -> str:
    """Return what a word says of the numbers that follow: "Validation" is val; empty where it says nothing."""
    found = _SPLIT.fullmatch(word)
    return (found.lastgroup or "") if found else ""


def number_of(digits: str, unit: str) -> float:
    """Return a number in the unit of its column: thousands and millions written out, milliseconds as seconds."""
    value = float(digits.replace(",", "" if _GROUPED.fullmatch(digits) else "."))
    unit = unit.strip()
    scale = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9}.get(unit[:1], 1.0) if unit[1:2] in ("", "/") else 1.0
    return round(value * (1e-3 if unit == "ms" else scale), 9) if unit else value


def parsed(text: str, *, ends_open: bool = False) -> Line:
    """Take a line apart; the last number of one without an end may go on, and is left out."""
    label = _LABEL.match(text)
    at = label.end() if label else 0
    for _ in range(8):
        stamp = _STAMP.match(text, at)
        if stamp is None:
            break
        at = stamp.end()
    literal = _DICT.search(text, at)
    if literal is None:
        line = _items(text[at:], ends_open)
        if label and label[1] and line.sure and line.row and not line.steps:
            line.row["#"] = float(label[1])
        return line
    before, name = _without_name(text[at : literal.start()])
    line = _items(before, before_dict=True)
    beside = not all(map(is_step, line.row))
    found = _dict(text[literal.start() :].rstrip(" \t|,;"), name if beside else "")
    if found is None:
        return line._replace(row={}, broken=True)
    return line._replace(row={**line.row, **found}, split=line.split or _split_in(found))


def _without_name(before: str) -> tuple[str, str]:
    """Return what stands before a dict without the dict's own name, and that: "loss: 0.5, parts: {…}" holds parts."""
    found = _NAME_OF_DICT.search(before)
    name = found["name"] if found else ""
    says_nothing = is_step(name) or all(part in _SMALL or split_of(part) for part in name.lower().split("_"))
    return (before, "") if found is None or says_nothing else (before[: found.start()], name)


def _split_in(row: dict[str, Any]) -> str:
    return next((split_of(str(value)) for key, value in row.items() if key.lower() in _SPLIT_COLUMN), "")


class _Found:
    """What was found in a line so far."""

    def __init__(self) -> None:
        self.row: dict[str, Any] = {}
        self.split = self.counter = self.group = ""
        self.sure, self.lists = True, False
        self._bare: set[str] = set()  # names without a sign between them and their number
        self._words: list[str] = []  # that say something else

    def take(self, token: re.Match[str]) -> None:
        """Take in the next token."""
        if token["listed"]:
            self._list(*_named(token["listed"]), token["values"])
        elif token["name"] or token["bare"]:
            self._number(token)
        elif token["counter"] is not None:
            self.counter = self.counter or token["counter"]
        elif token["key"] is not None:
            self._of(token["text"] if token["key"].lower() in _SPLIT_COLUMN else "")
        elif token["group"] is not None:
            self.group = token["group"] if self.row else ""
            self._word("" if self.row else token["group"])
        elif token["word"] is not None:
            self._word(token["word"].rstrip("."))
        elif token["bar"] is not None:
            self.group = ""
        elif token["stray"] is not None or token["junk"] is not None or (token["lone"] and not token["lone_unit"]):
            self.sure = False

    def line(self, before_dict: bool) -> Line:
        """Return what the line says."""
        sure = self.sure and (not self._words or bool(self.split and len(self._words) == 1))
        row = {key: value for key, value in self.row.items() if sure or key not in self._bare}
        if sure and self._words:  # "Evaluated math500: acc=0.4"
            row = {key if is_step(key) else f"{self._words[0]}/{key}": value for key, value in row.items()}
        stepped = any(is_step(key) and key.lower() != "epoch" for key in row)
        counts = bool(self.counter and sure and (row or before_dict) and not stepped)
        if counts:
            row["step"] = float(self.counter)
        return Line(row, self.split, sure, counts=counts, lists=self.lists)

    def _of(self, word: str) -> None:
        self.split = self.split or split_of(word)

    def _word(self, word: str) -> None:
        parts = [part for part in word.lower().split("_") if part not in _SMALL | _DOING]
        if not all(map(split_of, parts)):
            self._words.append(word)
        elif all(map(is_step, self.row)):  # what the numbers are of stands before them
            self._of(parts[0] if parts else "")

    def _list(self, name: str, before: list[str], values: str) -> None:
        first, _, rest = name.partition(" ")
        if rest and first.isupper() and means(rest, _OF_SAMPLES):  # "SKIP rewards": what was done with them
            name, before = rest, [*before, first]
        for word in before:
            self._word(word)
        if means(name, _OF_SAMPLES):  # of anything else, such as a shape, the mean says nothing
            numbers = [float(number) for number in values.split(",")]
            self.row[name] = sum(numbers) / len(numbers)
            self.lists = True

    def _number(self, token: re.Match[str]) -> None:
        signed = token["name"] is not None
        name, before = _named(token["name"] or token["bare"])
        for word in before:
            self._word(word)
        digits, unit = (token["number"], token["unit"]) if signed else (token["digits"], token["of"])
        unit = unit or ""
        if not signed and unit.startswith("/") and split_of(name):  # "eval 3/9"
            self._of(name)
            self.counter = self.counter or digits
        elif signed or not (name.lower() in _SMALL or _COUNTED.match(unit)):
            key = f"{self.group}/{name}" if self.group and signed and not is_step(name) else name
            self.row[key] = number_of(digits, "" if unit.startswith("/") else unit)
            self._bare |= set() if signed or is_step(key) or _stands_alone(token) else {key}


def _stands_alone(token: re.Match[str]) -> bool:
    """Whether a name and its number are all that stands between two bars or commas."""
    start, end, text = token.start(), token.end(), token.string
    before, behind = text[max(start - 3, 0) : start].strip(), text[end : end + 3].strip()
    return (before[-1:] in "|,;" if before else start < 3) and (behind[:1] in "|,;" if behind else end + 3 >= len(text))


def _items(text: str, ends_open: bool = False, before_dict: bool = False) -> Line:
    found = _Found()
    for token in _TOKEN.finditer(text):
        if not (ends_open and token.end() == len(text)):
            found.take(token)
    return found.line(before_dict)


def _named(phrase: str) -> tuple[str, list[str]]:
    """Return the name in a phrase, and the words before it: of "in train epoch" it is the epoch."""
    words = phrase.split()
    ended = [i for i, word in enumerate(words[:-1], start=1) if word.endswith(".") and len(word) > _ABBREVIATED]
    if ended:  # a sentence before the name
        name, before = _named(" ".join(words[ended[-1] :]))
        return name, [word.rstrip(".") for word in words[: ended[-1]]] + before
    if len(words) > 1 and is_step(words[-1]) and words[-2].lower() not in _NO_STEP_AFTER:
        return words[-1], words[:-1]
    while len(words) > 1 and words[0].lower() in _SMALL:
        del words[0]
    return " ".join(words), []


def _dict(text: str, name: str = "") -> dict[str, Any] | None:
    """Return the JSON object, the Python dict, or the dicts with names that a line ends in; None where one is broken.

    `name` is that of the first one.
    """
    text = _TENSOR.sub(r"\1", text) if "tensor(" in text else text
    literal = scan_dict(text, 0)
    behind = _NEXT_DICT.match(text, literal.end) if literal.whole else None
    if behind is not None:
        more = _dict(text[behind.end() :], behind[1])
        return None if more is None else {**_under(name, literal.row), **more}
    found = _one_dict(text)
    return None if found is None else _under(name, found)


def _under(name: str, row: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}/{key}": value for key, value in row.items()} if name else row


def _one_dict(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        literal = scan_dict(text, 0)
        if literal.whole and not text[literal.end :].strip():
            return literal.row
        try:
            found = ast.literal_eval(text[:LONGEST])
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return None
    return found if isinstance(found, dict) and all(isinstance(key, str) for key in found) else None
