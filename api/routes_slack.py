"""Routes that Slack calls: each request proves itself by its signature, and is acknowledged before it is worked on."""

import time
from typing import TYPE_CHECKING

import anyio
from fastapi import APIRouter, Request
from fastapi.responses import Response
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response

from api.bot.scopes import PATHS
from api.reply import error_reply

if TYPE_CHECKING:
    from api.bot.slack_app import SlackBot

router = APIRouter(tags=["slack"])
ACKNOWLEDGING = 16
"""Requests that are verified at once: none waits behind questions, which have threads of their own (a guess)."""


@router.post(PATHS["events"], summary="Slack's events: mentions and direct messages")
async def post_slack_events(request: Request) -> Response:
    """Slack's Events API. Asks for Slack's signature instead of the token; 404 where no bot is set up."""
    return await _dispatched(request)


@router.post(PATHS["commands"], summary="Slack's slash commands")
async def post_slack_commands(request: Request) -> Response:
    """`/dejalog …`, signed as the events are."""
    return await _dispatched(request)


@router.post(PATHS["interactions"], summary="Presses of buttons in Slack")
async def post_slack_interactions(request: Request) -> Response:
    """Slack's block actions, signed as the events are."""
    return await _dispatched(request)


async def _dispatched(request: Request) -> Response:
    bot: SlackBot | None = getattr(request.app.state, "slack", None)
    if bot is None or not bot.takes_http:
        hint = "set SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET; with Socket Mode Slack calls no address"
        return error_reply(404, "not_found", "no Slack bot takes requests here", hint=hint)
    began = time.monotonic()
    body = await request.body()
    if not bot.is_of_slack(body, request.headers):
        bot.meter.count("unsigned")
        hint = "SLACK_SIGNING_SECRET must be that of the Slack app, and this machine's clock must be right"
        return error_reply(401, "unauthorized", "Slack did not sign this within the last 5 minutes", hint=hint)
    try:
        asked = to_bolt_request(request, body)
    except ValueError:
        return error_reply(400, "bad_body", "the body is neither JSON nor a form", hint="Slack sends one of them")
    if bot.work.is_full:
        # Slack sends it again, after a minute and after five.
        bot.meter.count("busy")
        busy = "too many questions at once"
        return error_reply(503, "refused", busy, hint="try again later", headers={"Retry-After": "60"})
    limiter = request.app.state.slack_limiter
    acknowledged = await anyio.to_thread.run_sync(bot.app.dispatch, asked, limiter=limiter)
    bot.meter.acknowledging.observe(time.monotonic() - began)
    return to_starlette_response(acknowledged)
