"""`Retry-After` of an HTTP reply, which may be a number or a date (RFC 9110, section 10.2.3)."""

import email.utils
import time

MOST_S = 300.0


def retry_after_s(text: str, *, otherwise: float = 1.0) -> float:
    """Seconds from 0 to 300; `otherwise` when the header is absent or cannot be read."""
    try:
        seconds = float(text)
    except ValueError:
        date = email.utils.parsedate_tz(text)
        seconds = email.utils.mktime_tz(date) - time.time() if date else otherwise
    return min(max(seconds, 0.0), MOST_S) if seconds == seconds else otherwise  # noqa: PLR0124 - only NaN differs
