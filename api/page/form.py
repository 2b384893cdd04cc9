"""The forms of the page: their fields from the body, as browsers send them."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from ingest.errors import InputError

MOST_FIELDS = 120
"""More than any form of the page has: a page of patterns that are all chosen has 104."""
_TYPE = "application/x-www-form-urlencoded"


async def _pairs(request: Request) -> list[tuple[str, str]]:
    """The fields; `request.state.zone` is that of the screen that they come from, for the page of an error."""
    if not request.headers.get("content-type", "").startswith(_TYPE):
        raise InputError("body: it is not a form", hint=f"send it as `{_TYPE}`")
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode(), max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise InputError("body: it is not a form of this page", hint="go back and send it again") from error
    request.state.zone = dict(pairs).get("zone", "")
    return pairs


FormPairs = Annotated[list[tuple[str, str]], Depends(_pairs)]
"""Fields as they stand in the form, names that occur more than once included; empty ones are left out."""


def _fields(pairs: FormPairs) -> dict[str, str]:
    return dict(pairs)


Form = Annotated[dict[str, str], Depends(_fields)]
"""Fields by name."""
