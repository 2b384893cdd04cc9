"""Joins what a model's server streams into one completion. It reads any JSON, and promises nothing of what it says."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from api.llm import Completion, ToolCall

_OPENS, _CLOSES = "<think>", "</think>"
_CHARACTERS_A_TOKEN = 16
"""More than a token is long on average in any language: past it the server does not keep to `most_tokens`. A guess."""
_FINISHES: Mapping[str, Literal["stop", "length", "tools"]] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tools",
    "function_call": "tools",
}


class ThoughtFilter:
    """Leaves out the `<think>` block that reasoning models begin with where their server does not."""

    def __init__(self) -> None:
        self._held = ""
        self._state: Literal["start", "thinking", "text"] = "start"

    def feed(self, piece: str) -> str:
        """What of it, and of what was held back, is text."""
        if self._state == "text":
            return piece
        self._held += piece
        if not self._is_text():
            return ""
        text, self._held, self._state = self._held, "", "text"
        return text

    def end(self) -> str:
        """What was held back and turned out to be text."""
        text, self._held = ("" if self._state == "thinking" else self._held), ""
        return text

    def _is_text(self) -> bool:
        """Whether what is held back is text, now that the thoughts in it are taken away."""
        if self._state == "start":
            begun = self._held.lstrip()
            if not begun.startswith(_OPENS):
                return not _OPENS.startswith(begun)
            self._state, self._held = "thinking", begun.removeprefix(_OPENS)
        _thought, closed, after = self._held.partition(_CLOSES)
        if not closed:
            self._held = self._held[-len(_CLOSES) + 1 :]
            return False
        text = after.lstrip()
        self._held = text or _CLOSES
        return bool(text)


@dataclasses.dataclass
class _Call:
    """One whose pieces are still coming. `index` is None where the server does not number them."""

    index: Any
    id: str
    name: str
    arguments: str


class Answer:
    """What has come of one answer."""

    def __init__(self, most_tokens: int) -> None:
        self.choices = 0
        """Chunks that held one."""
        self.finish = ""
        """As the server calls it; empty while it has not said so."""
        self._most_characters = most_tokens * _CHARACTERS_A_TOKEN
        self._characters = 0
        self._pieces: list[str] = []
        self._thoughts = ThoughtFilter()
        self._calls: list[_Call] = []
        self._tokens = 0
        self._model = ""

    def take(self, chunk: object) -> str:
        """The text in one chunk of a stream, or in a whole answer of a server that does not stream."""
        if not isinstance(chunk, Mapping):
            return ""
        self._model = _text(chunk.get("model")) or self._model
        usage = chunk.get("usage")
        if isinstance(usage, Mapping):
            self._tokens = _count(usage.get("total_tokens"))
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
            return ""
        self.choices += 1
        return self._choice(choices[0])

    def end(self) -> str:
        """The text that was held back until it was clear that nothing follows."""
        return self._keep(self._thoughts.end())

    @property
    def has_text(self) -> bool:
        """Some of it was handed out."""
        return bool(self._pieces)

    @property
    def is_too_long(self) -> bool:
        """Longer than what was asked for can be."""
        return self._characters > self._most_characters

    def completion(self) -> Completion:
        """All of it. Text that is only blanks is none."""
        calls = tuple(
            ToolCall(each.id or f"call_{number}", each.name, each.arguments)
            for number, each in enumerate(self._calls)
            if each.name
        )
        finish = _FINISHES.get(self.finish, "stop")
        if calls and finish == "stop":
            finish = "tools"
        return Completion("".join(self._pieces), calls, self._tokens, finish, self._model)

    def _choice(self, choice: Mapping[str, Any]) -> str:
        self.finish = _text(choice.get("finish_reason")) or self.finish
        said = choice.get("delta") or choice.get("message")
        if not isinstance(said, Mapping):
            return ""
        calls = said.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            if isinstance(call, Mapping):
                self._join_call(call)
        piece = _text(said.get("content"))
        self._characters += len(piece)
        return self._keep(self._thoughts.feed(piece))

    def _keep(self, text: str) -> str:
        if text:
            self._pieces.append(text)
        return text

    def _join_call(self, piece: Mapping[str, Any]) -> None:
        """Pieces belong together by index; a new id begins a new call also where every index is the same."""
        index, call_id = piece.get("index"), _text(piece.get("id"))
        function = piece.get("function")
        named = function if isinstance(function, Mapping) else {}
        begun = next((each for each in reversed(self._calls) if each.index == index), None)
        if begun is None or (call_id and begun.id and call_id != begun.id):
            begun = _Call(index, call_id, "", "")
            self._calls.append(begun)
        begun.id = begun.id or call_id
        begun.name = begun.name or _text(named.get("name"))
        arguments = _text(named.get("arguments"))
        self._characters += len(arguments)
        begun.arguments += arguments


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
