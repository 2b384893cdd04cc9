"""The steps of an answer as it is made, for whoever wants to say what is being done meanwhile."""

import dataclasses
from collections.abc import Callable
from typing import Literal

from ingest.errors import StoppedError

AskStep = Literal["read", "retrieve", "gather", "claim", "check", "model"]
"""The question is read; patterns and incidents are looked for; their lines are read and counted; what to say is
drafted and past incidents compared; each claim is checked against its lines; a language model writes.
"""


@dataclasses.dataclass(frozen=True)
class Look:
    """One look that a language model took, done."""

    tool: str
    asked: str
    found: int
    """How many lines, patterns or incidents there were."""


OnStep = Callable[[AskStep | Look], None]
"""Called as a step begins and after each look, in the thread that answers. What it raises ends the work."""


def going_on(is_gone: Callable[[], bool]) -> OnStep:
    """Says nothing and ends the work, by a StoppedError, at the first step at which nobody waits for it any more."""

    def on_step(_step: AskStep | Look) -> None:
        if is_gone():
            raise StoppedError("the client has closed the connection")

    return on_step


def untold(_step: AskStep | Look) -> None:
    """For those who want the answer alone."""
