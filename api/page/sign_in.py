"""The page that asks for the token."""

from fastapi import Request
from fastapi.responses import Response

from api.page.address import Address
from api.page.render import page_reply
from api.page.session import own_path


def sign_in_page(request: Request, *, back: str = "", is_wrong: bool = False) -> Response:
    """Asks for the token; on success the browser goes to `back`, by default where it wanted to go."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = back or own_path(wanted)
    reply = page_reply(
        request,
        "sign_in.html",
        Address(),
        status=401,
        title="Sign in",
        back=back,
        is_wrong=is_wrong,
    )
    reply.headers["WWW-Authenticate"] = "Bearer"
    return reply
