"""A language model behind any server that speaks OpenAI's chat completions; every failure of it becomes a ModelError.

One thread runs all requests of a model in an event loop, so that each can be given up at any moment, before the server
has answered too: its connection is closed then, and servers stop working for it. The caller's thread hands out text.
"""

import asyncio
import concurrent.futures
import contextlib
import itertools
import queue
import random
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import httpx2
import openai

from api.llm import Completion, Message, Tool
from api.llm_client import chunks, open_client
from api.llm_dialect import Dialect, request_body, to_leave_out
from api.llm_refusal import is_too_long, may_heal, said_by, told
from api.llm_stream import Answer
from api.setting_text import is_loopback_host
from ingest.errors import ModelError, SettingError
from ingest.retry_after import retry_after_s

TRIES = 3
FIRST_RETRY_S = 0.5
WORTH_S = 0.5
"""With less time left nothing is tried again: models seldom answer in it, and the failure would be called slow."""
WAIT_SHARE = 0.25
"""How much of its time a question may wait for its turn. A guess."""
LOOK_S = 0.05
"""How often is looked whether the caller has lost interest."""

_T = TypeVar("_T")
_Hand = Callable[[str], None]
_Coming = Coroutine[Any, Any, Completion]


class OpenAIModel:
    """A LanguageModel. Close it when done."""

    def __init__(self, url: str, *, key: str = "", model: str = "", concurrency: int = 4) -> None:
        """`url` is what the protocol calls base URL, mostly ending in /v1. Without `model`, the first that the server
        lists. Proxies of the environment are used for servers elsewhere, never for this machine. Raises SettingError.
        """
        try:
            host = httpx2.URL(url).host
        except httpx2.InvalidURL as error:
            raise SettingError(f"OPENAI_BASE_URL is not a URL: {error}") from error
        if not host:
            raise SettingError("OPENAI_BASE_URL names no server; it takes http://HOST:PORT/v1")
        self.where = host
        self._asked_for = model
        self._listed = ""
        self._is_closed = False
        self._dialect = Dialect()
        self._places = threading.BoundedSemaphore(concurrency)
        self._concurrency = concurrency
        self._loop = asyncio.new_event_loop()
        self._client = open_client(url, key, trusts_environment=not is_loopback_host(host))
        self._thread = threading.Thread(target=self._loop.run_forever, name="language-model", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends its thread. Requests that are running are given up, and none are taken any more."""
        if self._is_closed:
            return
        self._is_closed = True
        asyncio.run_coroutine_threadsafe(self._close_client(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def name(self) -> str:
        """The model that is asked for; empty while the server was not yet asked which it has."""
        return self._asked_for or self._listed

    @property
    def parameters(self) -> Mapping[str, float]:
        """Temperature and seed, as far as the server takes them."""
        return self._dialect.parameters()

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
        """As `api.llm.LanguageModel` says; until the first piece of text came, what may be tried again is."""
        until = time.monotonic() + deadline_s
        pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        if self._is_closed or is_cancelled():
            raise _cancelled()
        with self._place(deadline_s, is_cancelled):
            if self._is_closed:  # while it waited for its place
                raise _cancelled()
            asked = self._ask(messages, tools, most_tokens, until, pieces.put)
            future = asyncio.run_coroutine_threadsafe(asked, self._loop)
            future.add_done_callback(lambda _future: pieces.put(None))
            try:
                for piece in _coming(pieces, is_cancelled):
                    on_text(piece)
                return future.result()
            except concurrent.futures.CancelledError:
                raise _cancelled() from None
            finally:
                future.cancel()

    @contextlib.contextmanager
    def _place(self, deadline_s: float, is_cancelled: Callable[[], bool]) -> Iterator[None]:
        until = time.monotonic() + deadline_s * WAIT_SHARE
        while not self._places.acquire(timeout=min(LOOK_S, max(0.0, until - time.monotonic()))):
            if is_cancelled():
                raise _cancelled()
            if time.monotonic() >= until:
                raise ModelError(f"{self._concurrency} questions are with the model already", reason="busy")
        try:
            yield
        finally:
            self._places.release()

    async def _ask(
        self, messages: Sequence[Message], tools: Sequence[Tool], most_tokens: int, until: float, hand: _Hand
    ) -> Completion:
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                model = self.name or await self._first_listed(until)
                return await self._as_taken(
                    lambda refused: request_body(model, messages, tools, most_tokens, refused),
                    lambda body: self._tries(body, most_tokens, until, hand),
                )
        except TimeoutError:
            raise ModelError(f"the model at {self.where} did not answer in time", reason="slow") from None
        except openai.APIStatusError as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> ModelError:
        """Never chained to its cause, whose text may hold the prompt: tracebacks are logged."""
        if isinstance(error, openai.NotFoundError):
            self._listed = ""  # the server may have another one by now
        return told(error, self.where)

    async def _as_taken(
        self, body_without: Callable[[frozenset[str]], dict[str, Any]], tries: Callable[[dict[str, Any]], _Coming]
    ) -> Completion:
        """What a request gives once it holds nothing more that the server refuses; what that was is remembered."""
        refused = self._dialect.refused
        while True:
            body = body_without(refused)
            try:
                completion = await tries(body)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                leave_out = to_leave_out(said_by(error), body) - refused
                if not leave_out or is_too_long(error):
                    raise
                refused |= leave_out
            else:
                self._dialect.remember(refused)
                return completion

    async def _first_listed(self, until: float) -> str:
        """The model that the server lists first."""
        listed = await self._again(self._list, until, may_repeat=lambda: True)
        data = listed.get("data") if isinstance(listed, Mapping) else None
        first = data[0].get("id") if isinstance(data, list) and data and isinstance(data[0], Mapping) else None
        if not isinstance(first, str) or not first:
            raise ModelError(f"{self.where} lists no model: set DEJALOG_LLM_MODEL to the one to use", reason="wrong")
        self._listed = first
        return first

    async def _list(self) -> object:
        return await self._client.get("/models", cast_to=object)

    async def _tries(self, body: dict[str, Any], most_tokens: int, until: float, hand: _Hand) -> Completion:
        has_text = False

        def keep(text: str) -> None:
            nonlocal has_text
            has_text = True
            hand(text)

        return await self._again(lambda: self._once(body, most_tokens, keep), until, may_repeat=lambda: not has_text)

    async def _again(self, once: Callable[[], Awaitable[_T]], until: float, *, may_repeat: Callable[[], bool]) -> _T:
        """What `once` gives, tried again where that may help and time is left. Every failure becomes a ModelError, but
        what the server refuses because of a part of the request is left to the caller.
        """
        for tried in itertools.count(1):
            try:
                return await once()
            except (openai.BadRequestError, openai.UnprocessableEntityError):
                raise
            except (openai.OpenAIError, httpx2.RequestError, ValueError, RecursionError) as error:
                wait_s = _wait_s(tried, error)
                is_over = tried >= TRIES or time.monotonic() + wait_s + WORTH_S >= until
                if is_over or not may_heal(error) or not may_repeat():
                    raise self._failure(error) from None
            await asyncio.sleep(wait_s)
        raise AssertionError  # count() has no end

    async def _once(self, body: dict[str, Any], most_tokens: int, hand: _Hand) -> Completion:
        answer = Answer(most_tokens)
        stream = await self._client.post(
            "/chat/completions", cast_to=object, body=body, stream=True, stream_cls=openai.AsyncStream[object]
        )
        async with stream:
            async for chunk in chunks(stream, self.where):
                if text := answer.take(chunk):
                    hand(text)
                if answer.is_too_long:
                    answer.finish = "length"
                    break
        if text := answer.end():
            hand(text)
        return self._judged(answer)

    def _judged(self, answer: Answer) -> Completion:
        if not answer.choices:
            raise ModelError(f"{self.where} answered nothing that is of OpenAI's protocol", reason="wrong")
        completion = answer.completion()
        if not answer.finish:
            raise ModelError(f"the answer of {self.where} broke off in the middle", reason="away")
        if answer.finish == "content_filter":
            raise ModelError(f"{self.where} keeps its answer back (content_filter)", reason="wrong")
        if not completion.text.strip() and not completion.calls:
            told = "used up its tokens before it wrote anything" if completion.finish == "length" else "wrote nothing"
            raise ModelError(f"the model at {self.where} {told}", reason="wrong")
        return completion

    async def _close_client(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._client.close()
        await self._loop.shutdown_asyncgens()


def _coming(pieces: "queue.SimpleQueue[str | None]", is_cancelled: Callable[[], bool]) -> Iterator[str]:
    """The pieces until None."""
    while True:
        if is_cancelled():
            raise _cancelled()
        with contextlib.suppress(queue.Empty):
            piece = pieces.get(timeout=LOOK_S)
            if piece is None:
                return
            yield piece


def _cancelled() -> ModelError:
    return ModelError("the question was withdrawn", reason="cancelled")


def _wait_s(tried: int, error: Exception) -> float:
    """What the server asks for, else twice as long each time, less up to half by chance."""
    pause = FIRST_RETRY_S * 2.0 ** (tried - 1)
    if isinstance(error, openai.APIStatusError) and (asked := error.response.headers.get("Retry-After", "")):
        return retry_after_s(asked, otherwise=pause)
    return pause * (1 - random.random() / 2)  # noqa: S311 no secret
