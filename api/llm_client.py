"""The client of OpenAI's protocol as Dejalog uses it: bounded, without redirects, silent about what it carries."""

import logging
from collections.abc import AsyncIterator

import httpx2
import openai

from ingest.errors import ModelError

CONNECT_S = 5.0
SILENCE_S = 60.0
"""Longest pause before and within an answer. A guess: slow processors read a prompt of 4,000 tokens that long."""
MOST_BYTES = 8 << 20
"""Of one reply. A guess: 300 bytes a streamed token, and ten thousand tokens thought of before."""


def open_client(url: str, key: str, *, trusts_environment: bool) -> openai.AsyncOpenAI:
    """One whose connections are made when it is used. `trusts_environment`: through the proxies that it names."""
    for name in ("openai", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)  # below it they may log prompts
    timeout = httpx2.Timeout(SILENCE_S, connect=CONNECT_S)
    http = httpx2.AsyncClient(
        timeout=timeout,
        trust_env=trusts_environment,
        follow_redirects=False,  # a prompt goes where the settings say and nowhere else
        headers={"Accept-Encoding": "identity"},  # so that MOST_BYTES holds
        event_hooks={"response": [_bound]},
    )
    return openai.AsyncOpenAI(
        base_url=url,
        api_key=key or "none",  # the client wants one, servers without keys ignore it
        timeout=timeout,
        max_retries=0,  # its own know neither of the deadline nor that text was handed out
        http_client=http,
    )


class _BoundedStream(httpx2.AsyncByteStream):
    """A reply of at most MOST_BYTES."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for piece in self._stream:
            seen += len(piece)
            if seen > MOST_BYTES:
                raise ModelError(f"the model's server answered more than {MOST_BYTES >> 20} MiB", reason="wrong")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: httpx2.Response) -> None:
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = _BoundedStream(response.stream)


async def chunks(stream: openai.AsyncStream[object], where: str) -> AsyncIterator[object]:
    """The chunks of a stream; of a server that does not stream, its whole answer."""
    kind = stream.response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/html":
        told = f"{where} answered with a web page: set OPENAI_BASE_URL to the address of its API, mostly ending in /v1"
        raise ModelError(told, reason="wrong")
    if kind == "application/json":
        await stream.response.aread()
        yield stream.response.json()
        return
    async for chunk in stream:
        yield chunk
