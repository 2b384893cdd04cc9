"""Routes in OpenAI's shape, so that chat clients made for it ask Dejalog: `/v1/chat/completions` and `/v1/models`."""

import dataclasses
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Literal

import orjson
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response, StreamingResponse

from api.answer import OnClaim, untold_claim
from api.ask_step import AskStep, Look, OnStep, going_on
from api.chat_markdown import pieces, references
from api.chat_progress import Progress
from api.chat_task import question_in, side_task
from api.conversation_read import language_of
from api.from_thread import Line
from api.json_route import JsonRoute
from api.models_chat import ChatRequest
from api.parts import Dejalog, Question
from api.reply import JsonReply, dejalog_error_reply, error_reply, unexpected_reply
from api.running import Running
from api.time_text import format_time, parse_time
from api.until_closed import until_closed
from ingest.errors import DejalogError, InputError, NotFoundError, StoppedError

MODELS: dict[str, Literal["auto", "deterministic", "llm"]] = {
    "dejalog": "auto",
    "dejalog-deterministic": "deterministic",
    "dejalog-investigate": "llm",
}
"""The mode in which each has a question answered."""
BESIDE = (
    "verdict", "confidence", "mode", "window", "similar", "next_queries", "read_as", "revision", "as_of",
    "model", "hypotheses", "looks",
)  # fmt: skip
"""What of an answer stands beside the text, for programs; the last three where a language model was asked."""
MOST_CHARACTERS = 8192
"""Of a question, as of POST /v1/ask."""
CREATED = 1_767_225_600
"""When the models were made: OpenAI's shape wants a number (2026-01-01)."""
CLOSED = 499
"""What proxies log for a client that has gone."""
_HOST = re.compile(r"[A-Za-z0-9.\-:\[\]]{1,255}")
_Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class OpenAiRoute(JsonRoute):
    """Errors as OpenAI's clients read them, with what Dejalog's errors have beside it."""

    def get_route_handler(self) -> _Handle:
        """The handler, with its errors in that shape."""
        handle = super().get_route_handler()

        async def handle_or_tell(request: Request) -> Response:
            try:
                return await handle(request)
            except StoppedError:
                return Response(status_code=CLOSED)
            except DejalogError as error:
                return _error(error)
            except RequestValidationError as error:
                first = error.errors()[0]
                place = ".".join(str(part) for part in first["loc"] if part != "body")
                message = str(first["msg"]).removeprefix("Value error, ")
                return _error(InputError(f"{place or 'body'}: {message}", hint="docs/how-to/chat.md says what is read"))

        return handle_or_tell


router = APIRouter(prefix="/v1", route_class=OpenAiRoute, tags=["chat"])


@router.get("/models", summary="The models that chat clients can choose")
def get_models(dejalog: Running) -> Response:
    """`{"object": "list", "data": [{"id", "object", "created", "owned_by"}]}`; `dejalog-investigate` where there is a
    language model to investigate.
    """
    return JsonReply({"object": "list", "data": [_model(name) for name in _models(dejalog)]})


@router.get("/models/{model}", summary="One of them")
def get_model(dejalog: Running, model: str) -> Response:
    """`{"id", "object", "created", "owned_by"}`."""
    if model not in _models(dejalog):
        raise _unknown_model(model, dejalog)
    return JsonReply(_model(model))


@router.post("/chat/completions", summary="A question in OpenAI's shape")
async def post_chat(request: Request, dejalog: Running, asked: ChatRequest) -> Response:
    """The last user message is the question, answered in Markdown with references; follow-ups are understood from the
    user messages before. With `stream`, what is done meanwhile comes at once, as `reasoning_content`, and the answer
    claim by claim once it is whole. Beside OpenAI's fields: `references`, `citations` (addresses) and `dejalog`
    (verdict, confidence, window, read_as, revision and the like).
    """
    wanted = _wanted(dejalog, asked)
    reply = _Reply(asked.model, _base(dejalog.settings.notify.page_url, request))
    if asked.stream:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        includes_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        events = _events(dejalog, wanted, reply, includes_usage=includes_usage)
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)
    return await until_closed(
        request,
        lambda closed: reply.whole(
            _answered(dejalog, wanted, reply.base, going_on(closed.is_set), is_gone=closed.is_set)
        ),
    )


@dataclasses.dataclass(frozen=True)
class _Answered:
    """What is told, in pieces, and what stands beside it."""

    pieces: list[str]
    more: dict[str, Any] = dataclasses.field(default_factory=dict)
    tokens: int = 0


def _wanted(dejalog: Dejalog, asked: ChatRequest) -> Question | str:
    """The question; or the text that answers a prompt on the side. Raises InputError, NotFoundError."""
    if asked.model not in _models(dejalog):
        raise _unknown_model(asked.model, dejalog)
    if asked.n not in {None, 1}:
        raise InputError("n: one answer is all there is to a question", hint="leave n out, or send 1")
    if asked.tool_choice not in (None, "auto", "none") or asked.function_call not in (None, "auto", "none"):
        raise InputError("tool_choice: tools are never called", hint="auto and none are accepted")
    form = asked.response_format
    if form is not None and not (isinstance(form, dict) and form.get("type") == "text"):
        raise InputError("response_format: answers are text", hint='{"type": "text"} is accepted')
    said = [message.text for message in asked.messages if message.role == "user"]
    if not said or not said[-1].strip():
        raise InputError("messages: no user message with text is among them", hint="the last one is the question")
    if (reply := side_task(said[-1])) is not None:
        return reply
    *before, text = [question_in(each) for each in said]
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"messages: the question has {len(text)} characters, at most {MOST_CHARACTERS} are read")
    return Question(text, mode=MODELS[asked.model], before=tuple(each for each in before if each.strip()))


def _answered(
    dejalog: Dejalog,
    wanted: Question | str,
    base: str,
    on_step: OnStep,
    on_claim: OnClaim = untold_claim,
    *,
    is_gone: Callable[[], bool],
) -> _Answered:
    """Raises StoppedError once the client has gone."""
    if isinstance(wanted, str):
        return _Answered([wanted])
    answer = dejalog.ask(wanted, on_step, on_claim=on_claim, is_gone=is_gone)
    as_of_ns = parse_time(answer["as_of"], now_ns=0, name="as_of")
    notes = dejalog.knowledge.notes(before_ns=as_of_ns) if answer["similar"] else ()
    found = references(answer, base)
    more = {
        "references": found,
        "citations": [each["url"] for each in found],
        "dejalog": {name: answer[name] for name in BESIDE if name in answer},
    }
    told = pieces(answer, notes, base, _window_to_search(dejalog, answer, as_of_ns))
    return _Answered(told, more, int(answer["usage"]["tokens"]))


def _window_to_search(dejalog: Dejalog, answer: dict[str, Any], as_of_ns: int) -> dict[str, Any]:
    """Where the next queries find what the answer told: the time of the best incident, else what was searched."""
    for similar in answer["similar"][:1]:
        for incident in dejalog.generation().incidents:
            if incident.incident_id == similar["incident_id"] and incident.start_ns < as_of_ns:
                return {"start": format_time(incident.start_ns), "end": format_time(incident.end_ns)}
    return dict(answer["window"])


class _Reply:
    """One reply in OpenAI's shape, whole or in chunks."""

    def __init__(self, model: str, base: str) -> None:
        self.base = base
        self._head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": model}

    def whole(self, answered: _Answered) -> Response:
        """At once."""
        message = {"role": "assistant", "content": "".join(answered.pieces), "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        content = {**self._head, "object": "chat.completion", "choices": [choice], "usage": _usage(answered)}
        return JsonReply({**content, **answered.more})

    def chunk(self, delta: dict[str, Any], *, finish: str | None = None, **more: Any) -> bytes:
        """A piece of it."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _data({**self._head, "object": "chat.completion.chunk", "choices": [choice], **more})

    def chunks(self, answered: _Answered, *, includes_usage: bool) -> Iterator[bytes]:
        """Everything after the first chunk."""
        for piece in answered.pieces:
            yield self.chunk({"content": piece})
        yield self.chunk({}, finish="stop", **answered.more)
        if includes_usage:
            content = {**self._head, "object": "chat.completion.chunk", "choices": [], "usage": _usage(answered)}
            yield _data(content)


async def _events(
    dejalog: Dejalog, wanted: Question | str, reply: _Reply, *, includes_usage: bool
) -> AsyncIterator[bytes]:
    line: Line[bytes] = Line()
    language = language_of(wanted if isinstance(wanted, str) else wanted.text)
    progress = Progress(language, lambda text: line.say(reply.chunk({"reasoning_content": text})))
    go_on = going_on(line.is_gone)

    def step(begun: AskStep | Look) -> None:
        go_on(begun)
        progress.step(begun)

    def say() -> None:
        line.say(reply.chunk({"role": "assistant", "content": ""}))
        try:
            answered = _answered(dejalog, wanted, reply.base, step, progress.claim, is_gone=line.is_gone)
            for chunk in reply.chunks(answered, includes_usage=includes_usage):
                line.say(chunk)
        except StoppedError:
            raise
        except Exception as error:  # noqa: BLE001 - the reply has begun: its status cannot tell any more, an event does
            told_as = (
                _error(error) if isinstance(error, DejalogError) else unexpected_reply("/v1/chat/completions", error)
            )
            line.say(_data(orjson.loads(bytes(told_as.body))))
        line.say(b"data: [DONE]\n\n")

    async for chunk in line.heard(say):
        yield chunk


def _data(content: dict[str, Any]) -> bytes:
    return b"data: %s\n\n" % orjson.dumps(content)


def _usage(answered: _Answered) -> dict[str, int]:
    """Tokens that a language model took, which tells them as one sum; none without a model."""
    return {"prompt_tokens": answered.tokens, "completion_tokens": 0, "total_tokens": answered.tokens}


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "dejalog"}


def _models(dejalog: Dejalog) -> list[str]:
    """Those that can be asked: without a language model nothing investigates."""
    return [name for name, mode in MODELS.items() if mode != "llm" or dejalog.model is not None]


def _unknown_model(name: str, dejalog: Dejalog) -> NotFoundError:
    hint = f"accepted are {', '.join(_models(dejalog))}"
    if name in MODELS:
        return NotFoundError(f"model: {name} needs a language model, and none is set (docs/how-to/model.md)", hint=hint)
    return NotFoundError(f"model: there is no model {name[:80]!r}", hint=hint)


def _error(error: DejalogError) -> JsonReply:
    told = dejalog_error_reply(error)
    content = orjson.loads(bytes(told.body))["error"]
    place = re.match(r"([a-z_]+)[.:]", content["message"])
    kind = "invalid_request_error"
    if told.status_code >= 429:
        kind = "rate_limit_error" if told.status_code == 429 else "server_error"
    is_model = isinstance(error, NotFoundError) and content["message"].startswith("model:")
    headers = {"Retry-After": told.headers["Retry-After"]} if "Retry-After" in told.headers else None
    return error_reply(
        told.status_code,
        "model_not_found" if is_model else content["code"],
        content["message"],
        hint=content["hint"],
        headers=headers,
        type=kind,
        param=place[1] if place else None,
    )


def _base(page_url: str, request: Request) -> str:
    """Where links lead: to the page where people reach it, else to this server as the client knows it; without an
    address where that names an odd one.
    """
    if page_url:
        return page_url.rstrip("/")
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host}" if _HOST.fullmatch(host) else ""
