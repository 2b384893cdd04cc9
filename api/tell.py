"""What is told once: keys stand in the knowledge before a notice is queued, and are taken back where it was not."""

from collections.abc import Iterable, Sequence

from api.notice import Notice
from api.parts import Dejalog, PeoplesKnowledge
from api.time_text import SECOND_NS
from index.incident import Incident

PART_NS = 120 * SECOND_NS
"""Two incidents of a service that are less than this apart may be told as one."""
SAME_NS = 600 * SECOND_NS
"""The start of an incident may move by as much when it is mined again with more lines (a guess)."""
LONGEST_NS = 3 * 3600 * SECOND_NS
"""So much of an incident is compared with others: longer ones are rare, and each part is a write (a guess)."""


def first_told(knowledge: PeoplesKnowledge, keys: Iterable[str], *, now_ns: int) -> list[str]:
    """Those of the keys that nobody was told of before."""
    return [key for key in keys if knowledge.tell_once(key, time_ns=now_ns)]


def first_told_incident(knowledge: PeoplesKnowledge, incident: Incident, *, now_ns: int) -> list[str]:
    """The incident's keys if nobody was told of it, nor of what it was when it was mined before; else none.

    It is the same as one of the same service that its span meets. Both are looked at in small parts, in the order of
    time and up to the first that is taken: so of two processes, whatever each has mined, one tells.
    """
    service = incident.services[0] if incident.services else ""
    end_ns = min(max(incident.end_ns, incident.start_ns + SAME_NS), incident.start_ns + LONGEST_NS)
    taken = []
    for part in range(incident.start_ns // PART_NS, end_ns // PART_NS + 1):
        key = f"incident:{service}:{part}"
        if not knowledge.tell_once(key, time_ns=now_ns):
            return []
        taken.append(key)
    return taken


def send_told(dejalog: Dejalog, notice: Notice, keys: Sequence[str]) -> bool:
    """Whether the notice waits to be sent; if it does not, nobody was told of `keys`."""
    if dejalog.notifier.send(notice):
        return True
    for key in keys:
        dejalog.knowledge.untell(key)
    return False
