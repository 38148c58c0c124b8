"""What of a completion is the answer: without thinking, special tokens, further turns and tags around it."""

from __future__ import annotations

import html
import re

_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_QUOTES = "\"'`"

# Thinking, by its tags. An opening tag counts at the start of a line only: code may speak of one.
_WORDS = "think|thinking|thought|thoughts|reasoning|analysis|reflection|scratchpad|seed:think"
_OPENED = re.compile(
    rf"^[ \t]*(?:<(?:{_WORDS})>|\[think\]|◁think▷|<\|begin_of_thought\|>|<\|start_thinking\|>|<\|think\|>)", re.I | re.M
)
_CLOSED = re.compile(rf"</(?:{_WORDS})>|\[/think\]|◁/think▷|<\|end_of_thought\|>|<\|end_thinking\|>|<\|/think\|>", re.I)
_CHANNEL = re.compile(r"<\|channel\|>")
_FINAL = re.compile(r"<\|channel\|>[ \t]*final\b[^<\n]*(?:<\|constrain\|>[^<\n]*)?<\|message\|>")
_BARE_CHANNEL = re.compile(r"\s*analysis(?=[A-Z\s])")  # the same without its special tokens
_BARE_FINAL = "assistantfinal"

# Tokens that begin a turn, and those that end one; in quotes they are a matter of the code.
_BEGINS = re.compile(
    r"\s*(?:<\|im_start\|>(?:assistant)?|<\|start_header_id\|>assistant<\|end_header_id\|>|<start_of_turn>(?:model)?"
    r"|<\|start\|>(?:assistant)?|<[|｜]assistant[|｜]>|<｜Assistant｜>|<\|(?:CHATBOT_TOKEN|START_RESPONSE|START_TEXT)\|>"
    r"|<(?:s|bos|pad)>|<\|(?:begin_of_text|startoftext|begin_of_solution)\|>|<｜begin▁of▁sentence｜>"
    r"|<\|fim_(?:middle|prefix|suffix)\|>|<fim_(?:middle|prefix|suffix)>|\[/INST\])"
)
_ENDS = re.compile(
    r"(?:<[|｜][A-Za-z0-9_▁-]+[|｜]>|</s>|<s>|<eos>|<EOT>|<end_of_turn>|<start_of_turn>|<file_sep>"
    r"|<fim_(?:middle|prefix|suffix|pad)>|<(?:repo_name|reponame|filename|gh_stars|commit_before|commit_msg|commit_after"
    r"|issue_start|issue_comment|issue_closed|jupyter_start|jupyter_text|jupyter_code|jupyter_output|empty_output)>"
    r"|\[/?INST\]|<\|$)|^(?:Human|### Instruction|### User)[ \t]*:",
    re.M,
)
_ANSWER = re.compile(r"<(answer|final_answer|response)>(.*?)(?:</\1>|\Z)", re.I | re.S)
_CODE = re.compile(r"^[ \t]*(?:<pre[^>\n]*>[ \t]*)?<(solution|code)\b[^>\n]*>(.*?)(?:</\1>|\Z)", re.I | re.S | re.M)
_PYTHON = re.compile(r"\[PYTHON\](.*?)(?:\[/PYTHON\]|\Z)", re.S)
_DONE = re.compile(r"^(.*?)\[DONE\]", re.S)


def answer_of(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the part of a completion that is its answer, and what was taken away around it, in short words.

    Thinking that never ended, or that nothing follows, leaves "".
    """
    plain = _ESCAPES.sub("", text.lstrip("\ufeff")).replace("\r\n", "\n").replace("\r", "\n")
    dropped: list[str] = []
    for rule, name in ((_after_thinking, "thinking"), (_turn, "end of turn"), (_tagged, "text around tags")):
        shorter = rule(plain)
        if shorter.strip() != plain.strip():
            dropped.append(name)
        plain = shorter
    return plain, tuple(dropped)


def _after_thinking(text: str) -> str:
    """Never look inside: a draft is no answer."""
    if _CHANNEL.search(text):
        finals = list(_FINAL.finditer(text))
        return text[finals[-1].end() :] if finals else ""
    if _BARE_CHANNEL.match(text):
        _, mark, final = text.rpartition(_BARE_FINAL)
        if mark or "assistantcommentary" in text:
            return final if mark else ""
    if closed := _unquoted(_CLOSED, text):
        text = text[closed[-1].end() :]
    return "" if _OPENED.search(text) else text


def _turn(text: str) -> str:
    """The first turn, without the tokens that begin and end it."""
    place = 0
    while begins := _BEGINS.match(text, place):
        place = begins.end()
    text = text[place:]
    place = 0
    for end in _unquoted(_ENDS, text):
        if text[place : end.start()].strip():
            return text[place : end.start()]
        place = end.end()
    return text[place:]


def _tagged(text: str) -> str:
    """What stands in the last tags that say where the answer is."""
    if answers := _unquoted(_ANSWER, text):
        text = answers[-1][2]
    codes = [one for one in _CODE.finditer(text) if "\n" in one[2].strip() or "def " in one[2]]
    if codes and text.count("```", 0, codes[-1].start()) % 2 == 0:  # not within a block
        text = codes[-1][2]
        text = html.unescape(text) if re.search(r"&(?:lt|gt|amp|quot|#39);", text) else text
    if pythons := _PYTHON.findall(text):
        text = pythons[-1]
    return done[1] if (done := _DONE.match(text)) and done[1].strip() else text


def _unquoted(tokens: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """Find the tokens that no text of the code or the prose speaks of.

    One is quoted where the mark before it opens a quotation: by what its line says so far, or as the same mark follows.
    A mark that closes one (``return "no"<|endoftext|>``), or is the end of three, is nothing of the token's.
    """
    marks = _Marks(text)
    return [found for found in tokens.finditer(text) if not marks.quote(found.start(), found.end())]


class _Marks:
    """The quotation marks before each of some places in a text, which come in order; each line is counted once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line = 0  # where the line begins of the last place
        self._last = 0
        self._counted: dict[str, tuple[int, int]] = {}  # of each mark: up to where, and how many in this line

    def quote(self, start: int, end: int) -> bool:
        """Whether what stands from one place to another is quoted."""
        text = self._text
        begins = text.rfind("\n", self._last, start) + 1
        self._last = start
        if begins:
            self._line, self._counted = begins, {}
        mark = text[start - 1 : start]
        if not mark or mark not in _QUOTES or text.endswith(mark * 3, 0, start):
            return False
        place, count = self._counted.get(mark, (self._line, 0))
        count += text.count(mark, place, start) - 3 * text.count(mark * 3, place, start)
        self._counted[mark] = start, count
        return count % 2 == 1 or text.startswith(mark, end)
