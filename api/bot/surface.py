"""What the handlers know of where they are talked to: places, messages, replies, and the two things they ask."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, Protocol

Block = dict[str, Any]
"""One block of Slack's Block Kit."""
Outcome = Literal["answered", "limited", "invalid", "failed"]
"""Whether a reply is an answer; or says that its user asks too often, that what was said cannot be answered as it is,
or that answering it failed.
"""


@dataclasses.dataclass(frozen=True)
class Place:
    """Who speaks where. `thread` is empty outside of any thread."""

    team: str
    channel: str
    thread: str
    user: str

    @property
    def conversation_id(self) -> str:
        """Of the conversation in which follow-ups are understood."""
        return f"{self.team}:{self.channel}:{self.thread or self.user}"


@dataclasses.dataclass(frozen=True)
class Message:
    """One message of a thread. `text` is all that can be read in it, attachments and blocks included."""

    text: str
    user: str
    time_ns: int
    is_ours: bool = False
    is_human: bool = True
    incident: str = ""
    """Of our own answers: the past incident that it told of."""


@dataclasses.dataclass(frozen=True)
class Reply:
    """What is said back: `text` where blocks cannot be shown. Private replies only who asked may see."""

    text: str
    blocks: tuple[Block, ...]
    is_private: bool = False
    outcome: Outcome = "answered"


class Backend(Protocol):
    """A Dejalog as `api.client.Client` reaches it. Raises DejalogError."""

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """The reply to GET."""

    def post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        """The reply to POST."""


class Surface(Protocol):
    """The chat that the handlers look into. Raises ChatError."""

    def thread(self, place: Place) -> Sequence[Message]:
        """The thread's messages, oldest first; none outside of a thread."""

    def user_name(self, user: str) -> str:
        """What people call a user."""
