"""Ships chunks to a server over HTTP: the ChunkSink of a collector that runs apart from its receiver."""

from types import TracebackType
from typing import Self

import httpx

from ingest import chunk_http, trace
from ingest.chunk import Chunk
from ingest.errors import ChunkError, RefusedError, SettingError
from ingest.retry_after import retry_after_s

_UNAUTHORIZED_RETRY_S = 30.0
"""A wrong token does not heal by itself: asked again slowly; once the server is corrected nothing restarts. A guess."""


class HttpShipper:
    """A ChunkSink over `POST /v1/chunks` with kept-alive connections. May be used from several threads."""

    def __init__(self, url: str, token: str = "", timeout_s: float = 30) -> None:
        """`url` is the server's root, as `http://127.0.0.1:8900`. Raises SettingError when it is not an HTTP URL."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise SettingError(f"{url!r} is not a URL: {error}") from error
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise SettingError(f"{url!r} is not the URL of a server: http://HOST:PORT is accepted")
        self._url = url.rstrip("/") + chunk_http.CHUNK_PATH
        self._client = httpx.Client(headers=headers, timeout=timeout_s, trust_env=False)

    def accept(self, chunk: Chunk) -> None:
        """Returns when the server has answered that the chunk is durable. Raises as ChunkSink says."""
        headers, body = chunk_http.encode(chunk)
        if sent_from := trace.traceparent():
            headers[trace.TRACEPARENT] = sent_from
        try:
            answer = self._client.post(self._url, content=body, headers=headers)
        except httpx.TransportError as error:
            raise RefusedError(f"{self._url} cannot be reached: {error!r}") from error
        _judge(self._url, answer)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _judge(url: str, answer: httpx.Response) -> None:
    status = answer.status_code
    if status in {200, 201, 202, 204}:
        return
    said = answer.text[:200]
    if status in {401, 403}:
        raise RefusedError(
            f"{url} answered {status}: the token is absent or wrong ({said})", retry_after_s=_UNAUTHORIZED_RETRY_S
        )
    if status in {400, 413, 415, 422}:
        raise ChunkError(f"{url} will never take this chunk: {status} {said}")
    # Everything else (429, 5xx, a proxy's page, a wrong address) may heal: the chunk is kept and sent again.
    raise RefusedError(
        f"{url} answered {status}: {said}", retry_after_s=retry_after_s(answer.headers.get("Retry-After", ""))
    )
