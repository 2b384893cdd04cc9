"""Signing in where a token is set: a cookie that proves the token and does not hold it, and who may use it.

The cookie's value is an HMAC under the token, so a new token signs everybody out and nothing need be kept.
"""

import hashlib
import hmac
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.requests import cookie_parser

COOKIE = "dejalog_session"
LASTS_S = 30 * 86400
"""How long a browser keeps it (a guess: a month of on-call)."""
SESSION_PATH = "/session"
GO_ON_PATH = "/session/go"
"""Leads on to the address that it is given (`back`)."""
OPEN_PREFIXES = ("/assets/",)
"""Needed by the page that asks for the token, and the same for everybody."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def session_value(token: bytes) -> str:
    """What the cookie holds."""
    return hmac.new(token, b"dejalog web session, version 1", hashlib.sha256).hexdigest()


def has_session(headers: Headers, token: bytes) -> bool:
    """Whether the request brings the cookie that the token makes; takes the same time whatever it brings."""
    given = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
    return hmac.compare_digest(given.encode(), session_value(token).encode())


def is_session(request: Request) -> bool:
    """Whether the request brings a cookie of ours; the gate has looked whether it is right."""
    return COOKIE in request.cookies


def is_same_origin(headers: Headers) -> bool:
    """Whether a page of this very server sent the request. Browsers name the origin with all that changes something."""
    try:
        origin = urlsplit(headers.get("origin", ""))
    except ValueError:  # `http://[`
        return False
    return origin.scheme in {"http", "https"} and origin.netloc == headers.get("host", "")


def may_be_held_back(headers: Headers) -> bool:
    """Whether the browser may have a cookie that it did not send, because a page of another site (a chat) led here.
    What it opens of its own accord says `none`; over plain HTTP browsers do not tell.
    """
    is_opened = headers.get("sec-fetch-dest", "document") == "document"
    return is_opened and headers.get("sec-fetch-site", "cross-site") == "cross-site"


def own_referer(headers: Headers) -> str:
    """The address of the page of this server that sent the request, else its front."""
    try:
        referer = urlsplit(headers.get("referer", ""))
    except ValueError:  # `http://[`
        return "/"
    if referer.netloc != headers.get("host", ""):
        return "/"
    return own_path(referer.path + (f"?{referer.query}" if referer.query else ""))


def is_right_token(given: str, token: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(given.strip().encode(), token.encode())


def signed_in(reply: Response, token: str, *, is_https: bool) -> Response:
    """The reply with the cookie."""
    reply.set_cookie(
        COOKIE,
        session_value(token.encode()),
        max_age=LASTS_S,
        httponly=True,
        samesite="strict",
        secure=is_https,
        path="/",
    )
    return reply


def signed_out(reply: Response) -> Response:
    """The reply that takes the cookie away."""
    reply.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return reply


def own_path(back: str) -> str:
    """Where to go after a form: an address of this page, else its front."""
    is_own = back.startswith("/") and back[1:2] not in {"/", "\\"} and back.isprintable()
    return back if is_own else "/"
