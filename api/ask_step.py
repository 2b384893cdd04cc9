"""The steps of an answer as it is made, for whoever wants to say what is being done meanwhile."""

from collections.abc import Callable
from typing import Literal

AskStep = Literal["read", "retrieve", "gather", "claim", "check"]
"""The question is read; patterns and incidents are looked for; their lines are read and counted; what to say is
drafted and past incidents compared; each claim is checked against its lines.
"""
OnStep = Callable[[AskStep], None]
"""Called as a step begins, in the thread that answers. What it raises ends the work."""


def untold(_step: AskStep) -> None:
    """For those who want the answer alone."""
