"""The cursor of a search: the key of the last line shown, sealed so that what is not one of ours is told apart."""

import base64
import binascii
import zlib

import orjson
import polars as pl

from index.line_store import Order
from ingest.errors import InputError

Key = tuple[int, str, int]
"""(time_ns, source, position): the total order of lines."""


def cursor_of(lines: pl.DataFrame, order: Order) -> str:
    """The cursor behind the last of some lines."""
    last = lines.row(-1, named=True)
    body = orjson.dumps([order, last["time_ns"], last["source"], last["position"]])
    return base64.urlsafe_b64encode(zlib.crc32(body).to_bytes(4, "big") + body).decode()


def key_of(cursor: str, order: Order) -> Key:
    """The key that a cursor holds. Raises InputError when it is not one of ours, or of the other order."""
    try:
        data = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        if zlib.crc32(data[4:]).to_bytes(4, "big") != data[:4]:
            raise InputError("the cursor is not one of ours", hint="pass the cursor of the page before, unchanged")
        its_order, time_ns, source, position = orjson.loads(data[4:])
        key = int(time_ns), str(source), int(position)
    except (ValueError, TypeError, binascii.Error, UnicodeEncodeError) as fault:
        raise InputError(
            "the cursor is not one of ours", hint="pass the cursor of the page before, unchanged"
        ) from fault
    if its_order != order:
        raise InputError(f"the cursor is of a search by {its_order}, not by {order}", hint="keep order and filter")
    return key
