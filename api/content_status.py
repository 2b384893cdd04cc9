"""How far everything has come, as plain values: for /v1/status and the web page."""

from typing import Any

from api.parts import Dejalog, Status
from api.reply import Content
from api.time_text import format_time


def status_content(dejalog: Dejalog) -> Content:
    """The status, with how many lines are held and of which span."""
    held = dejalog.store.high_water()
    values = status_json(dejalog.status()) | {
        "lines": held.lines,
        "first": None if held.first_ns is None else format_time(held.first_ns),
        "last": None if held.last_ns is None else format_time(held.last_ns),
    }
    return Content(values)


def status_json(status: Status) -> dict[str, Any]:
    """The status as /v1/status shows it."""
    return {
        "revision": status.revision,
        "sources": [
            {
                "id": each.id,
                "host": each.host,
                "path": each.path,
                "service": each.service,
                "position": each.position,
                "lag_bytes": each.lag_bytes,
            }
            for each in status.sources
        ],
        "lag_bytes": status.lag_bytes,
        "caught_up_to": None if status.caught_up_to_ns is None else format_time(status.caught_up_to_ns),
        "nearline": {
            name: {
                "sequence": step.sequence,
                "pending_lines": step.pending_lines,
                "count": step.count,
                "seconds": round(step.seconds, 3),
                "error": step.error,
            }
            for name, step in sorted(status.nearline.items())
        },
        "received": dict(sorted(status.received.items())),
        "stored_lines": status.stored_lines,
        "dropped": dict(sorted(status.dropped.items())),
        "marked": dict(sorted(status.marked.items())),
        "refused": status.refused,
        "store_bytes": status.store_bytes,
        "queue_bytes": status.queue_bytes,
    }
