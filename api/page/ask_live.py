"""An answer as it comes, as server-sent events whose data is JSON: what is being done, then parts of the page.

`step` is a sentence for people. `part` is markup with places (`data-part`) that it fills, `claim` one sentence to be
put after the others, `fault` what is wrong with the question, `failed` a sentence on why there is no answer. `done` is
last and comes only after a whole answer. Claims may come at any time before it, one by one.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import orjson
from fastapi.concurrency import run_in_threadpool

from api.ask_step import AskStep, Look
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
PARTS = ("fold", "window", "citations", "similar", "next")
"""After the claims, in the order of the page."""


async def live_answer(dejalog: Dejalog, address: Address) -> AsyncIterator[bytes]:
    """The events. Work that goes on when the client has gone ends at its next step."""
    said: asyncio.Queue[bytes | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    gone = threading.Event()

    def say(event: bytes) -> None:
        if gone.is_set():
            raise StoppedError("the client has gone")
        loop.call_soon_threadsafe(said.put_nowait, event)

    work = asyncio.create_task(run_in_threadpool(_answer, dejalog, address, say))
    work.add_done_callback(lambda _: said.put_nowait(None))
    try:
        while (event := await said.get()) is not None:
            yield event
        await work
    finally:
        gone.set()
        work.add_done_callback(_forget)


def _answer(dejalog: Dejalog, address: Address, say: Callable[[bytes], None]) -> None:
    """Say all events of an answer, from the thread that makes it."""
    try:
        answered = ask.answer(dejalog, address, lambda step: say(_event("step", _doing(step))))
        say(_event("step", "Writing it down…"))
        for event in _whole(answered, address):
            say(event)
    except StoppedError:
        return
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


def _forget(work: asyncio.Task[None]) -> None:
    """Whoever asked has gone: that the work ended is all there is to know."""
    if not work.cancelled():
        work.exception()
