"""The text of an answer, out of what servers and harnesses wrap it in: messages, choices, lists, reasoning apart.

And the keys under which rows of samples hold the answer, the problem's id and its prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heldout.errors import TaskError
from heldout.text import sentence_list

# In this order: what continues the prompt, then whole programs, then the raw text that they were cut out of.
SAMPLE_KEYS = (
    "completion",
    "completions",
    "solution",
    "solutions",
    "code_list",
    "raw_solution",
    "output",
    "outputs",
    "output_list",
    "response",
    "responses",
    "generation",
    "generations",
    "generated_text",
    "model_output",
    "prediction",
    "resps",
    "samples",
    "messages",
    "code",
)
PLACE_KEYS = ("doc_id", "index", "idx")  # may count the problems of a set, from 0
ID_KEYS = ("id", "task_id", "question_id", "problem_id", "example_id", "name", "unique_id", "custom_id", *PLACE_KEYS)
PROMPT_KEYS = ("prompt", "question", "input", "problem", "instruction")
_REASONING = ("reasoning_content", "reasoning")  # what servers call thinking that they split off
_WRAPPED = ("message", "body", "text", "content", "choices", *SAMPLE_KEYS)
_DEEPEST = 8  # lists and objects around a text; what lies deeper is no sample


def joined(reasoning: str | None, content: str | None) -> str:
    """Put thinking that was split off back in front of the answer, between the usual tags.

    Where the thinking never ended there is no answer behind the tags, and whoever looks for one sees that.

    >>> joined("Add one.", "x + 1")
    '<think>Add one.</think>x + 1'
    """
    return f"<think>{reasoning}</think>{content or ''}" if reasoning else content or ""


def message_text(message: Mapping[str, Any]) -> str:
    """Return what one message of a chat says: thinking that was split off, then the content, whose parts are joined."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [one.get("text") if isinstance(one, Mapping) else one for one in content]
        content = "".join(part for part in parts if isinstance(part, str))
    if not isinstance(content, str | None):
        raise TaskError(f"a message whose content is a {type(content).__name__}")
    reasoning = next((message[key] for key in _REASONING if isinstance(message.get(key), str)), None)
    return joined(reasoning, content)


def texts_of(value: Any, depth: int = _DEEPEST) -> list[str | None]:
    """Return the texts that a value holds, in order, None for each that is null.

    A text; a message or a choice of a server; a conversation, of which the last answer counts; an object with one of
    `SAMPLE_KEYS`; a list of these. A message without content is an answer without text, not a null. Anything else is
    a TaskError that says what is there.
    """
    if value is None or isinstance(value, str):
        return [value]
    if depth and isinstance(value, list):
        if value and all(isinstance(one, Mapping) and "role" in one for one in value):
            answers: list[str | None] = [message_text(one) for one in value if one["role"] in ("assistant", "model")]
            if not answers:
                raise TaskError("a conversation without an answer")
            return answers if len(answers) == len(value) else answers[-1:]  # alone they are samples, not one talk
        return [text for one in value for text in texts_of(one, depth - 1)]
    if depth and isinstance(value, Mapping):
        if "role" in value or any(key in value for key in _REASONING):
            return [message_text(value)]
        key = next((key for key in _WRAPPED if value.get(key) is not None), None)
        if key is not None:
            return texts_of(value[key], depth - 1)
        raise TaskError(f"an object with {_keys(value)}")
    raise TaskError(f"a {type(value).__name__}" if depth else "too deep a nest of lists")


def _keys(value: Mapping[str, Any]) -> str:
    return sentence_list([repr(key) for key in sorted(map(str, value))]) or "no keys"
