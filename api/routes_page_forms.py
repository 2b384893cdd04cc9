"""Routes of the web page that change something: each does it and sends the browser on to a page that shows it."""

import dataclasses
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.asked import asked
from api.content_ask import forget_view, keep_feedback, keep_note, keep_view
from api.content_patterns import keep_edit
from api.models import EditRequest, FeedbackRequest, NoteRequest
from api.page.address import Address
from api.page.form import Form, FormPairs
from api.page.pattern_edits import edit_chosen
from api.page.route import PageRoute, redirect
from api.page.session import GO_ON_PATH, is_right_token, is_same_origin, own_path, signed_in, signed_out
from api.page.sign_in import sign_in_page
from api.page.views import view_of
from api.reply import error_reply
from api.running import Running

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.post("/incidents/{incident_id}/notes")
def post_incident_note(dejalog: Running, incident_id: str, form: Form) -> Response:
    """Keep what somebody knows of an incident."""
    names = ("text", "name", "cause", "fix", "runbook", "author")
    keep_note(dejalog, asked(NoteRequest, target=incident_id, **{name: form.get(name, "").strip() for name in names}))
    return redirect(str(_said(f"/incidents/{incident_id}", form, "note")) + "#notes")


@router.post("/patterns/{pattern_id}/edits")
def post_pattern_edit(dejalog: Running, pattern_id: str, form: Form) -> Response:
    """Rename, merge, split, mute or unmute; a pattern that was merged is shown as what it is now."""
    edit = asked(EditRequest, action=form.get("action", ""), argument=form.get("argument", ""))
    kept = keep_edit(dejalog, pattern_id, edit)
    shown = kept.argument if kept.action == "merge" else kept.pattern_id
    return redirect(str(_said(f"/patterns/{shown}", form, kept.action)))


@router.post("/patterns/edits")
def post_pattern_edits(dejalog: Running, pairs: FormPairs) -> Response:
    """The same to patterns that were chosen in the list, which is shown again."""
    form = dict(pairs)
    chosen = [value for name, value in pairs if name == "pattern"]
    said = edit_chosen(dejalog, form.get("action", ""), chosen, form.get("argument", ""))
    back = Address.read("/patterns", parse_qsl(urlsplit(own_path(form.get("back", "/patterns"))).query))
    return redirect(str(dataclasses.replace(back, said=said)))


@router.post("/feedback")
def post_page_feedback(dejalog: Running, form: Form) -> Response:
    """Keep what somebody thought of an answer."""
    names = ("verdict", "question", "target", "revision", "text")
    keep_feedback(dejalog, asked(FeedbackRequest, **{name: form.get(name, "") for name in names}))
    back = _said("/", form, "feedback")
    return redirect(str(back.with_(q=form.get("question", ""), said=back.said)))


@router.post("/views")
def post_page_view(dejalog: Running, form: Form) -> Response:
    """Keep the lines shown under a name."""
    back = own_path(form.get("back", "/lines"))
    keep_view(dejalog, view_of(form.get("name", ""), back))
    return redirect(back)


@router.post("/views/forget")
def post_page_view_forgotten(dejalog: Running, form: Form) -> Response:
    """Forget a saved view."""
    forget_view(dejalog, form.get("name", ""))
    return redirect(own_path(form.get("back", "/lines")))


@router.post("/session")
def post_session(request: Request, dejalog: Running, form: Form) -> Response:
    """Sign in: the right token makes the cookie."""
    if "origin" in request.headers and not is_same_origin(request.headers):
        return error_reply(403, "foreign_origin", "this form was sent by another site", hint="sign in on this page")
    token, back = dejalog.settings.server.token, own_path(form.get("back", "/"))
    if not token:
        return redirect(back)
    if not is_right_token(form.get("token", ""), token):
        return sign_in_page(request, back=back, is_wrong=True)
    return signed_in(redirect(back), token, is_https=request.url.scheme == "https")


@router.get(GO_ON_PATH)
def get_session_go_on(request: Request) -> Response:
    """On to where a link of another site led: see `sign_in_page`."""
    return redirect(own_path(request.query_params.get("back", "/")))


@router.post("/session/end")
def post_session_end() -> Response:
    """Sign out."""
    return signed_out(redirect("/"))


def _said(path: str, form: Mapping[str, str], what: str) -> Address:
    """Where what was done is told, over the window and in the zone that the form names."""
    pairs = [(name, form.get(name, "")) for name in ("start", "end", "zone")]
    return dataclasses.replace(Address.read(path, pairs), said=what)
