"""What Dejalog asks of a language model: text for a conversation, streamed, within bounds. It never trusts the text."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol


@dataclasses.dataclass(frozen=True)
class ToolCall:
    """A tool that the model asks for. `arguments` is the model's own text, which need not be JSON."""

    id: str
    name: str
    arguments: str


@dataclasses.dataclass(frozen=True)
class Message:
    """One turn of the conversation. `calls` are of the assistant; `call_id` says what a tool's turn answers."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""


@dataclasses.dataclass(frozen=True)
class Tool:
    """What the model may ask for. `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Completion:
    """What the model wrote. `tokens` counts both ways, as the model's server tells it (0 where it does not)."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    tokens: int = 0
    finish: Literal["stop", "length", "tools"] = "stop"
    """`length`: it was cut off at `most_tokens`."""
    model: str = ""
    """As its server names it."""


Outcome = Literal["used", "unsupported", "away", "slow", "busy", "too_long", "wrong", "resting"]


@dataclasses.dataclass(frozen=True)
class ModelUse:
    """What became of asking a model for an answer; recorded with it."""

    model: str
    prompt: str
    """Version of the prompt."""
    parameters: Mapping[str, float]
    outcome: Outcome
    """`unsupported`: nothing that it wrote held. `too_long`: the question is, for it, with a single statement too."""
    why: str = ""
    """In words, where it did not help."""
    calls: int = 0
    tokens: int = 0
    refused: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Sentences that were dropped, by reason."""


class LanguageModel(Protocol):
    """A model behind some server. Safe to call from several threads at once; keeps no state between calls."""

    @property
    def name(self) -> str:
        """The model that is asked for."""

    @property
    def parameters(self) -> Mapping[str, float]:
        """What its answers depend on beside the prompt (temperature, seed), to be recorded with each answer."""

    def complete(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Tool] = (),
        most_tokens: int,
        deadline_s: float,
        on_text: Callable[[str], None] = lambda _text: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Completion:
        """Ask it once. `on_text` is called with each piece of text as it comes, in order; the pieces joined are the
        completion's text. At most about `deadline_s` seconds in all, tries included; `is_cancelled` is looked at
        between pieces and ends the request. Raises ModelError, and nothing of what came before is to be used then.
        """
