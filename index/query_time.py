"""Times as they are written in queries: RFC 3339, or a unix time in s, ms, us or ns; never relative to a clock."""

import datetime as dt
import re

_MOST_NS = 9_223_372_036_000_000_000
"""The last second that 64 bits of nanoseconds can hold (2262)."""
_UNIX = re.compile(r"-?\d{1,19}(?:\.\d{1,9})?")
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(Z|z|[+-]\d\d:?\d\d)?")


def time_ns(text: str) -> int | None:
    """Nanoseconds since 1970, UTC; a date without zone is UTC, and one that 64 bits cannot hold is the nearest
    they can. None when the text is no time.
    """
    if _UNIX.fullmatch(text):
        return _unix_ns(text)
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return None
    day, minute, second, fraction, zone = found.groups()
    offset = "+00:00" if zone in (None, "Z", "z") else zone
    try:
        moment = dt.datetime.fromisoformat(f"{day}T{minute or '00:00'}:{second or '00'}{offset}")
    except ValueError:
        return None
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    exact = (since.days * 86_400 + since.seconds) * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
    return min(max(exact, -_MOST_NS), _MOST_NS)


def _unix_ns(text: str) -> int | None:
    """The unit follows from the size, as elsewhere in Dejalog: seconds up to 1e11, then ms, us, ns."""
    whole, _, fraction = text.partition(".")
    size = abs(int(whole))
    scale = 9 if size < 10**11 else 6 if size < 10**14 else 3 if size < 10**17 else 0
    scaled = int(whole) * 10**scale + int(fraction[:scale].ljust(scale, "0") or "0")
    return scaled if abs(scaled) < 2**63 else None
