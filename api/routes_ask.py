"""Routes of questions, and of what people tell Dejalog: notes, feedback, saved views."""

import dataclasses
import threading
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from api.answer import AnsweredClaim, claim_json
from api.ask_step import AskStep, Look, going_on
from api.content_ask import forget_view, keep_feedback, keep_note, keep_view, question_of
from api.content_documents import keep_document
from api.from_thread import Line
from api.json_route import JsonRoute
from api.line_json import note_json
from api.models import AskRequest, DocumentRequest, FeedbackRequest, NoteRequest, NotesRequest, ViewRequest
from api.parts import Dejalog, Question
from api.reply import Timed, dejalog_error_reply, unexpected_reply
from api.running import Running
from api.until_closed import until_closed
from ingest.errors import DejalogError, StoppedError

router = APIRouter(prefix="/v1", route_class=JsonRoute)


@router.post("/ask", summary="A question in words, answered with the lines that prove it", tags=["ask"])
async def post_ask(request: Request, dejalog: Running, asked: AskRequest) -> Response:
    """Answers as CONTRACT says: verdict, confidence, claims with citations, similar incidents. With `Accept:
    text/event-stream` the same comes as events: `started`, a `step` as each begins, a `claim` each as they are
    made, `answer` with the whole, which is what holds, or `error`. Closing the connection stops the work.
    """
    timed = Timed()
    question = question_of(asked)
    if "text/event-stream" in request.headers.get("accept", ""):
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_events(dejalog, question, timed), media_type="text/event-stream", headers=headers)

    def work(closed: threading.Event) -> Response:
        return timed.reply(dejalog.ask(question, going_on(closed.is_set), is_gone=closed.is_set))

    return await until_closed(request, work)


@router.get("/notes", summary="Notes", tags=["notes"])
def get_notes(dejalog: Running, asked: Annotated[NotesRequest, Query()]) -> Response:
    """`{"notes": […]}`, oldest first."""
    timed = Timed()
    notes = [each for each in dejalog.knowledge.notes() if asked.target in {"", each.target}]
    return timed.reply({"notes": [note_json(each) for each in notes]})


@router.post("/notes", summary="Say what an incident or a pattern was", tags=["notes"], status_code=201)
def post_note(dejalog: Running, asked: NoteRequest) -> Response:
    """`{"note": {…}}`, when answers can use it."""
    timed = Timed()
    return timed.reply({"note": note_json(keep_note(dejalog, asked))}, status=201)


@router.post("/documents", summary="Have a post-mortem or a runbook remembered", tags=["notes"], status_code=201)
def post_document(dejalog: Running, asked: DocumentRequest) -> Response:
    """Takes Markdown and finds by rule what it speaks of: incidents by time and services, patterns by the lines that it
    quotes. Answers `{"source", "title", "kind", "window", "services", "matches": [{"target", "what", "title", "why"}],
    "notes": […], "outcome"}`; `outcome` is `kept`, `replaced`, `unchanged`, or on a `dry_run` `would keep`, `would
    replace`.
    """
    timed = Timed()
    return timed.reply(keep_document(dejalog, asked), status=201)


@router.post("/feedback", summary="Say whether an answer helped", tags=["notes"], status_code=201)
def post_feedback(dejalog: Running, asked: FeedbackRequest) -> Response:
    """`{"feedback": {…}}`, once kept."""
    timed = Timed()
    return timed.reply({"feedback": keep_feedback(dejalog, asked)}, status=201)


@router.get("/views", summary="Saved views", tags=["views"])
def get_views(dejalog: Running) -> Response:
    """`{"views": […]}`, by name."""
    timed = Timed()
    return timed.reply({"views": [{"name": name, **view} for name, view in dejalog.knowledge.views().items()]})


@router.post("/views", summary="Save a view under its name", tags=["views"], status_code=201)
def post_view(dejalog: Running, asked: ViewRequest) -> Response:
    """`{"view": {…}}`; takes the place of an older view of the same name."""
    timed = Timed()
    keep_view(dejalog, asked)
    return timed.reply({"view": asked.model_dump()}, status=201)


@router.delete("/views/{name:path}", summary="Forget a saved view", tags=["views"])
def delete_view(dejalog: Running, name: Annotated[str, Path(max_length=200)]) -> Response:
    """`{"deleted": name}`."""
    timed = Timed()
    forget_view(dejalog, name)
    return timed.reply({"deleted": name})


async def _events(dejalog: Dejalog, question: Question, timed: Timed) -> AsyncIterator[bytes]:
    line: Line[bytes] = Line()
    async for event in line.heard(lambda: _say_answer(dejalog, question, timed, line)):
        yield event


def _say_answer(dejalog: Dejalog, question: Question, timed: Timed, line: Line[bytes]) -> None:
    """All events of an answer, from the thread that makes it."""
    told: list[dict[str, Any]] = []

    def claim(made: AnsweredClaim) -> None:
        told.append(claim_json(made))
        line.say(_event("claim", told[-1]))

    def step(begun: AskStep | Look) -> None:
        what = {"step": begun} if isinstance(begun, str) else {"step": "look", **dataclasses.asdict(begun)}
        line.say(_event("step", what))

    line.say(_event("started", {"question": question.text}))
    try:
        answer = dejalog.ask(question, step, claim, line.is_gone)
    except StoppedError:
        raise
    except Exception as error:  # noqa: BLE001 - the reply has begun: its status cannot tell any more, an event does
        told_as = dejalog_error_reply(error) if isinstance(error, DejalogError) else unexpected_reply("/v1/ask", error)
        line.say(b"event: error\ndata: %s\n\n" % bytes(told_as.body))
        return
    for each in answer["claims"]:
        if each not in told:
            line.say(_event("claim", each))
    line.say(b"event: answer\ndata: %s\n\n" % bytes(timed.reply(answer).body))


def _event(name: str, content: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(content))
