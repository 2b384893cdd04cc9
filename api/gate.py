"""The gate: every request passes here first; who may ask, from where, how much it may send, and its body unpacked."""

import base64
import binascii
import hmac
import zlib

import zstandard
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.page.render import wants_page
from api.page.session import OPEN_PREFIXES, SAFE_METHODS, SESSION_PATH, has_session, is_same_origin
from api.page.sign_in import sign_in_page
from api.reply import JsonReply, error_reply
from api.setting_text import is_loopback_host

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""Asked by machines that hold no token."""
RAW_PATHS = frozenset({"/v1/chunks"})
"""Routes that read their own compression."""
IN_FLIGHT_BODIES = 3
"""How many bodies of the largest size may be in memory at once. A guess, to stay under 1 GB."""


SIGNED_BODY = 1 << 20
"""Bytes of a request that is yet to prove itself by its signature: Slack's are some kilobytes."""
SIGN_IN_BODY = 32_768
"""Bytes of the form that asks for the token: a token and an address fit in."""


class _Refused(Exception):  # noqa: N818 it carries a reply; it never leaves this file
    def __init__(self, reply: JsonReply) -> None:
        super().__init__()
        self.reply = reply


class Gate:
    """ASGI middleware. Bodies arrive at the routes whole, unpacked and at most `max_body` long.

    `has_page`: browsers may sign in, and then bring a cookie instead of the token. `signed_paths`: POST to them comes
    from anywhere, brings no token, and is let through to a route that checks its signature.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        is_loopback: bool,
        max_body: int,
        has_page: bool = False,
        signed_paths: frozenset[str] = frozenset(),
    ) -> None:
        self._app = app
        self._signed_paths = signed_paths
        self._has_page = has_page
        self._token = token.encode()
        self._is_loopback = is_loopback
        self._max_body = max_body
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 the ASGI protocol
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        if scope["method"] in {"GET", "HEAD", "OPTIONS", "DELETE"}:
            await self._app(scope, receive, send)
            return
        await self._with_body(scope, headers, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if scope["method"] == "POST" and scope["path"] in self._signed_paths:
            return None if _is_small(headers, SIGNED_BODY) else self._too_large()
        if self._is_loopback:
            refusal = _foreign(headers)
            if refusal is not None:
                return refusal
        if not self._token or scope["path"] in OPEN_PATHS:
            return None
        given = _given_token(headers.get("authorization", ""))
        if hmac.compare_digest(given, self._token):
            return None
        if self._has_page:
            if _is_for_signing_in(scope):
                return self._too_large() if _is_no_small_form(scope, headers) else None
            if not given and has_session(headers, self._token):
                return None if scope["method"] in SAFE_METHODS else _foreign_form(headers)
            if wants_page(headers):
                return sign_in_page(Request(scope))
        return error_reply(
            401,
            "unauthorized",
            "this server asks for its bearer token" if not given else "the bearer token is not this server's",
            hint="send `Authorization: Bearer <token>`; the command line takes it from DEJALOG_TOKEN",
            headers={"WWW-Authenticate": "Bearer"},
        )

    async def _with_body(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        parts: list[bytes] = []
        try:
            if not await self._read(headers, receive, parts):
                return
            body = b"".join(parts)
            if scope["path"] not in RAW_PATHS:
                body = self._unpacked(body, headers.get("content-encoding", "identity"))
                scope["headers"] = _without_encoding(scope["headers"], len(body))
            await self._app(scope, _Replayed(body, receive), send)
        except _Refused as refused:
            await refused.reply(scope, receive, send)
        finally:
            self._held_bytes -= sum(map(len, parts))

    async def _read(self, headers: Headers, receive: Receive, parts: list[bytes]) -> bool:
        """Fill `parts`; whether the client was there to the end. Raises _Refused past a limit."""
        self._check_length(headers)
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            self._held_bytes += len(part)
            if size > self._max_body:
                raise _Refused(self._too_large())
            if self._held_bytes > self._max_body * IN_FLIGHT_BODIES:
                raise _Refused(_busy())
            if not message.get("more_body", False):
                return True

    def _check_length(self, headers: Headers) -> None:
        length = headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length) > self._max_body:
            raise _Refused(self._too_large())

    def _unpacked(self, body: bytes, encoding: str) -> bytes:
        encoding = encoding.strip().lower()
        if encoding in {"", "identity"}:
            return body
        if encoding not in {"gzip", "x-gzip", "deflate", "zstd"}:
            raise _Refused(
                error_reply(
                    415,
                    "bad_encoding",
                    f"Content-Encoding {encoding[:40]!r} is not known",
                    hint="send gzip, deflate or zstd",
                )
            )
        try:
            unpacked = _unzstd(body, self._max_body) if encoding == "zstd" else _inflate(body, encoding, self._max_body)
        except (zlib.error, zstandard.ZstdError) as error:
            raise _Refused(
                error_reply(400, "bad_body", f"the body is not {encoding}: {error}", hint="it may be cut short")
            ) from error
        if unpacked is None:
            raise _Refused(self._too_large())
        return unpacked

    def _too_large(self) -> JsonReply:
        return error_reply(
            413,
            "too_large",
            f"the body is larger than {self._max_body} bytes, as sent or when unpacked",
            hint="send it in parts, or raise DEJALOG_MAX_BODY",
        )


def _given_token(authorization: str) -> bytes:
    """The token that a request brings: as a bearer token, or where shippers made for Elasticsearch can put one, as the
    password of any user (Basic) or the secret of any API key (ApiKey).
    """
    kind, _, given = authorization.partition(" ")
    if kind.lower() == "bearer":
        return given.strip().encode()
    if kind.lower() not in {"basic", "apikey"}:
        return b""
    try:
        return base64.b64decode(given.strip(), validate=True).partition(b":")[2]
    except binascii.Error:
        return b""


def _is_for_signing_in(scope: Scope) -> bool:
    """What a browser needs before it can bring a cookie: the form's target, and the files of its page."""
    if scope["method"] == "POST":
        return bool(scope["path"] == SESSION_PATH)
    return scope["method"] == "GET" and bool(scope["path"].startswith(OPEN_PREFIXES))


def _is_no_small_form(scope: Scope, headers: Headers) -> bool:
    """Who brings no token yet may send no more than the form that asks for it."""
    return scope["method"] == "POST" and not _is_small(headers, SIGN_IN_BODY)


def _is_small(headers: Headers, most: int) -> bool:
    length = headers.get("content-length", "")
    return length.isascii() and length.isdigit() and int(length) <= most and "content-encoding" not in headers


def _foreign_form(headers: Headers) -> JsonReply | None:
    """Browsers send cookies along with what other sites make them send; their Origin tells."""
    if is_same_origin(headers):
        return None
    return error_reply(
        403,
        "foreign_origin",
        f"Origin {headers.get('origin', 'none')[:80]!r} is not this server",
        hint="signed in by cookie, only this server's own pages may change something; programs send the token",
    )


def _busy() -> JsonReply:
    return error_reply(
        429, "refused", "too many large bodies at once", hint="try again in 1 s", headers={"Retry-After": "1"}
    )


def _foreign(headers: Headers) -> JsonReply | None:
    """A page of another site may reach a loopback server through its user's browser, under a name of its own (DNS
    rebinding) or with a form. Both show in Host or Origin.
    """
    host = headers.get("host", "")
    if not is_loopback_host(_name(host)):
        return error_reply(
            403,
            "foreign_host",
            f"Host {host[:80]!r} is not this machine",
            hint="use http://127.0.0.1 or http://localhost",
        )
    if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
        refused = "requests of other sites' pages are refused"
        return error_reply(403, "foreign_origin", "another site's page asked for this", hint=refused)
    origin = headers.get("origin")
    if origin is None or is_same_origin(headers):
        return None
    return error_reply(
        403,
        "foreign_origin",
        f"Origin {origin[:80]!r} is another site",
        hint="requests of other sites' pages are refused",
    )


def _name(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0].strip("[")
    return host.partition(":")[0]


def _inflate(body: bytes, encoding: str, limit: int) -> bytes | None:
    """Unpacked gzip (any number of members) or zlib; None past the limit."""
    parts: list[bytes] = []
    size = 0
    while body:
        unpacker = zlib.decompressobj(wbits=15 if encoding == "deflate" else 31)
        parts.append(unpacker.decompress(body, limit - size + 1))
        size += len(parts[-1])
        if size > limit:
            return None
        if not unpacker.eof:
            raise zlib.error("it ends before its end")
        body = unpacker.unused_data
    return b"".join(parts)


def _unzstd(body: bytes, limit: int) -> bytes | None:
    """Unpacked zstd (any number of frames); None past the limit."""
    with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(body, read_across_frames=True) as reader:
        size = 0
        while part := reader.read(1 << 20):
            size += len(part)
            if size > limit:
                return None
    # The reader does not tell a frame that was cut short; now that the size is known to be harmless, this does.
    parts: list[bytes] = []
    while body:
        unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        parts.append(unpacker.decompress(body))
        if not unpacker.eof:
            raise zstandard.ZstdError("it ends before its end")
        body = unpacker.unused_data
    return b"".join(parts)


def _without_encoding(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in headers if name not in {b"content-encoding", b"content-length"}]
    return [*kept, (b"content-length", str(length).encode())]


class _Replayed:
    """The body in one message, then whatever the server says next."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
