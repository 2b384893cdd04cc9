"""An answer as it comes, as server-sent events whose data is JSON: what is being done, then parts of the page.

`step` is a sentence for people. `part` is markup with places (`data-part`) that it fills, `claim` one sentence to be
put after the others, `fault` what is wrong with the question, `failed` a sentence on why there is no answer. `done` is
last and comes only after a whole answer. Claims may come at any time before it, one by one.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson

from api.ask_step import AskStep, Look
from api.from_thread import Line
from api.page import ask
from api.page.address import Address
from api.page.lines import fault_of
from api.page.render import environment
from api.parts import Dejalog
from ingest.errors import DejalogError, InputError, StoppedError

DOING: dict[AskStep, str] = {
    "read": "Reading the question…",
    "retrieve": "Looking through patterns and incidents…",
    "gather": "Reading and counting their lines…",
    "claim": "Comparing with past incidents…",
    "check": "Checking every claim against its lines…",
    "model": "A language model is writing…",
}
PARTS = ("fold", "hypotheses", "window", "citations", "similar", "next")
"""After the claims, in the order of the page."""


async def live_answer(dejalog: Dejalog, address: Address) -> AsyncIterator[bytes]:
    """The events. Work that goes on when the client has gone ends at its next step."""
    line: Line[bytes] = Line()
    async for event in line.heard(lambda: _answer(dejalog, address, line)):
        yield event


def _answer(dejalog: Dejalog, address: Address, line: Line[bytes]) -> None:
    """Say all events of an answer, from the thread that makes it."""
    say = line.say
    try:
        answered = ask.answer(dejalog, address, lambda step: say(_event("step", _doing(step))), line.is_gone)
        say(_event("step", "Writing it down…"))
        for event in _whole(answered, address):
            say(event)
    except StoppedError:
        raise
    except InputError as error:
        say(_event("fault", _markup("fault", address, fault=fault_of(error))))
    except DejalogError as error:
        say(_event("failed", str(error)))


def _doing(step: AskStep | Look) -> str:
    return f"Looked: {step.tool} {step.asked}, found {step.found}" if isinstance(step, Look) else DOING[step]


def _whole(answered: ask.Answered, address: Address) -> Iterator[bytes]:
    yield _event("part", _markup("opening", address, answered=answered))
    for claim in answered.claims:
        yield _event("claim", _markup("claim", address, answered=answered, claim=claim))
    for part in PARTS:
        yield _event("part", _markup(part, address, answered=answered))
    yield _event("done", "")


def _markup(part: str, address: Address, **values: Any) -> str:
    return environment().get_template("ask/part.html").render(part=part, address=address, **values)


def _event(name: str, data: str) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data.encode("utf-8", "replace").decode()))
