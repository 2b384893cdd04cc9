"""What people do to several patterns at once, chosen in the list."""

from collections.abc import Sequence

from api.asked import asked
from api.content_patterns import keep_edit
from api.models import EditRequest
from api.parts import Dejalog
from ingest.errors import InputError


def edit_chosen(dejalog: Dejalog, action: str, chosen: Sequence[str], argument: str) -> str:
    """Do it to each, or merge all into the first. Returns what was done, as a key of the macro `said`. Raises
    InputError, NotFoundError.
    """
    if not chosen:
        raise InputError("no pattern is chosen", hint="tick the patterns to change in the first column")
    if action == "rename" and len(chosen) > 1:
        raise InputError(f"{len(chosen)} patterns are chosen, and a name is one pattern's", hint="choose one to rename")
    if action == "merge" and len(chosen) == 1:
        raise InputError("one pattern is chosen, and merging needs two or more", hint="the first one keeps its id")
    first, *others = chosen
    edited, argument = (others, first) if action == "merge" else (chosen, argument)
    edit = asked(EditRequest, action=action, argument=argument)
    for pattern_id in edited:
        keep_edit(dejalog, pattern_id, edit)
    return edit.action if len(chosen) == 1 or action == "merge" else f"{edit.action}_more"
