"""The forms of the page: their fields from the body, as browsers send them."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from ingest.errors import InputError

MOST_FIELDS = 50
"""A guess: far more than any form of the page has."""
_TYPE = "application/x-www-form-urlencoded"


async def _fields(request: Request) -> dict[str, str]:
    if not request.headers.get("content-type", "").startswith(_TYPE):
        raise InputError("body: it is not a form", hint=f"send it as `{_TYPE}`")
    body = await request.body()
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise InputError("body: it is not a form of this page", hint="go back and send it again") from error


Form = Annotated[dict[str, str], Depends(_fields)]
"""Fields by name; empty ones are left out."""
