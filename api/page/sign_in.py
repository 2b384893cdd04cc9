"""The page that asks for the token."""

from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response

from api.page.address import Address
from api.page.render import page_reply
from api.page.session import GO_ON_PATH, SAFE_METHODS, SESSION_PATH, may_be_held_back, own_path, own_referer


def sign_in_page(request: Request, *, back: str = "", is_wrong: bool = False) -> Response:
    """Asks for the token; on success the browser goes to `back`, by default where it wanted to go.

    Browsers hold the cookie back (SameSite=Strict) when a page of another site leads here. Then the page that comes
    first goes on by itself: that is a step from this server to this server, with the cookie. It opens no more to other
    sites than a click of theirs on "go on" did: what is opened so is a GET, which changes nothing, and they can neither
    frame nor read it. It leads to an address of its own, because browsers treat a page that refreshes to itself like
    one that is loaded again, by whoever led there first; at that address the token is asked for, so it cannot go round.
    """
    is_sent = request.method not in SAFE_METHODS
    if request.url.path == GO_ON_PATH:
        back = own_path(request.query_params.get("back", "/"))
    goes_on = not back and not is_sent and may_be_held_back(request.headers)
    back = back or (own_referer(request.headers) if is_sent else _wanted(request))
    go_on = f"{GO_ON_PATH}?{urlencode({'back': back})}"
    reply = page_reply(
        request,
        "sign_in.html",
        Address(SESSION_PATH),
        status=401,
        back=back,
        go_on=go_on,
        goes_on=goes_on,
        is_sent=is_sent and not is_wrong,
        is_wrong=is_wrong,
    )
    reply.headers["WWW-Authenticate"] = "Bearer"
    if goes_on:
        reply.headers["Refresh"] = f"0; url={go_on}"
    return reply


def _wanted(request: Request) -> str:
    return own_path(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
