"""The body of a request to a model's server, and what that server was found not to take."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from api.llm import Message, Tool

TEMPERATURE = 0.0
SEED = 7
"""Any fixed number will do."""
_GUESSED = ("seed", "stream_options")
"""Left out where a server says that something is amiss and not what."""
_TOLD_BY = {
    "stream_options": ("stream_options", "include_usage"),
    "seed": ("seed",),
    "tools": ("tool",),
    "temperature": ("temperature",),
    "max_tokens": ("max_completion_tokens",),
}
"""By what words a refusal names the part of the request."""


class Dialect:
    """What one server takes. Safe to use from several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refused: frozenset[str] = frozenset()

    @property
    def refused(self) -> frozenset[str]:
        """Parts of a request that it does not take."""
        return self._refused

    def remember(self, refused: frozenset[str]) -> None:
        """A request without these was answered."""
        with self._lock:
            self._refused |= refused

    def parameters(self) -> dict[str, float]:
        """What goes with each request and changes its answer."""
        wanted = {"temperature": TEMPERATURE, "seed": SEED}
        return {name: value for name, value in wanted.items() if name not in self._refused}


def request_body(
    model: str, messages: Sequence[Message], tools: Sequence[Tool], most_tokens: int, refused: frozenset[str]
) -> dict[str, Any]:
    """In the form of OpenAI's chat completions, without what is refused."""
    limit = "max_completion_tokens" if "max_tokens" in refused else "max_tokens"
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(each) for each in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": TEMPERATURE,
        "seed": SEED,
        limit: most_tokens,
    }
    if tools:
        body["tools"] = [_tool(each) for each in tools]
    return {name: value for name, value in body.items() if name not in refused}


def to_leave_out(said: str, body: Mapping[str, Any]) -> frozenset[str]:
    """Which parts of the request a refusal may mean: those that it names, else those that servers know least.

    Empty when nothing is left to be left out.
    """
    told = said.lower()
    named = {part for part, words in _TOLD_BY.items() if part in body and any(word in told for word in words)}
    return frozenset(named or {part for part in _GUESSED if part in body})


def _message(message: Message) -> dict[str, Any]:
    told: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.call_id:
        told["tool_call_id"] = message.call_id
    if message.calls:
        told["tool_calls"] = [
            {"id": each.id, "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
            for each in message.calls
        ]
    return told


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}
