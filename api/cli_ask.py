"""The command that asks a question in words."""

import contextlib
import datetime as dt
import shlex
import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any
from unicodedata import east_asian_width

import typer

from api.cli_options import As, AsOf, Config, DataDir, From, Output, Since, To, Url, settings_of, span
from api.cli_output import one_line, plain, print_json, print_ndjson, say, styled
from ingest.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from api.client import Client

LINES = 6
"""Evidence lines shown; all of them are in `-o json`."""
SIMILAR = 5
PIPED_WIDTH = 100
WIDEST = 120
"""Longer lines tire the eye (a guess)."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("ask", rich_help_panel="Read")(ask)


def ask(
    question: Annotated[str, typer.Argument(help="The question, in English or Chinese.")],
    since: Since = "",
    from_: From = "",
    to: To = "",
    as_of: AsOf = "",
    conversation: Annotated[
        str, typer.Option("--conversation", help="Go on with this conversation; `new` begins one and tells its id.")
    ] = "",
    investigate: Annotated[
        bool, typer.Option("--investigate", help="Have the language model look further and suppose what happened.")
    ] = False,
    no_llm: Annotated[bool, typer.Option("--no-llm", help="Answer without a language model.")] = False,
    output: As = Output.TABLE,
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Answer a question about what happened, with the lines that prove it.

    For example:

      dejalog ask "Has there been a service avalanche like this lately?"

      dejalog ask "最近有没有类似的服务雪崩问题?"

      dejalog ask --conversation new "How many timeouts were there today?"

      dejalog ask --investigate "Why did checkout fail this morning?"

    Exit codes: 0 found, 1 not found or inconclusive, 2 error.
    """
    from api.client import open_client

    if investigate and no_llm:
        raise InputError("--investigate asks the language model, --no-llm does without it: keep one of them")
    content: dict[str, Any] = {"question": question, "as_of": as_of or None, **span(since, from_, to)}
    content["mode"] = "deterministic" if no_llm else "llm" if investigate else "auto"
    content["conversation_id"] = conversation
    with open_client(settings_of(data_dir, config), url=url) as client:
        answer = client.post("/v1/ask", content)
        window = _window_to_search(client, answer, as_of) if output is Output.TABLE else None
    if output is Output.JSON:
        print_json(answer)
    elif output is Output.NDJSON:
        print_ndjson([answer])
    else:
        _print_answer(answer, window or answer["window"])
        if investigate and "model" not in answer:
            say("\nNo language model took part: there was nothing for it to look into.")
    if answer["verdict"] != "found":
        raise typer.Exit(1)


def _window_to_search(client: "Client", answer: dict[str, Any], as_of: str) -> dict[str, Any]:
    """Where the next queries find what the answer told: the time of the best incident, else what was searched."""
    for similar in answer.get("similar", [])[:1]:
        with contextlib.suppress(NotFoundError):
            incident = client.get(f"/v1/incidents/{similar['incident_id']}", as_of=as_of)["incident"]
            return {"start": incident["start"], "end": incident["end"]}
    return dict(answer["window"])


def _print_answer(answer: dict[str, Any], to_search: dict[str, Any]) -> None:
    verdict = str(answer["verdict"]).replace("_", " ")
    say(f"{verdict} · confidence {float(answer['confidence']):.2f}\n")
    opening, claims = _opened(answer)
    _print_wrapped(opening)
    for claim in claims:
        _print_wrapped(claim, first="  - ", rest="    ")
    _print_supposed(answer)
    _print_lines(answer["citations"])
    _print_similar(answer.get("similar", []), answer["as_of"])
    _print_documents(answer.get("documents", []))
    if answer["next_queries"]:
        _heading("To look further")
    for query in answer["next_queries"]:
        say(f"  dejalog search {shlex.quote(one_line(query))}{_times(to_search)}")
    say("")
    _print_wrapped(one_line(answer["read_as"]))
    window = answer["window"]
    assumed = " (assumed)" if window["assumed"] else ""
    say(f"Searched {_minute(window['start'])} to {_minute(window['end'])}{assumed} in {answer['took_ms']:.0f} ms")
    if answer["revision"]:
        say(f"Revision {one_line(answer['revision'])}")
    if answer.get("conversation_id"):
        say(f"Go on: dejalog ask --conversation {shlex.quote(one_line(answer['conversation_id']))} …")


def _print_supposed(answer: dict[str, Any]) -> None:
    """What a language model looked for and supposes, with the checked sentences for and against it."""
    for look in answer.get("looks", []):
        say(styled(f"  looked: {one_line(look['tool'])} {one_line(look['asked'])}, found {look['found']}", "2"))
    if answer.get("hypotheses"):
        _heading(f"Supposed by the language model {one_line(answer['model']['name'])}, not proven")
    for number, each in enumerate(answer.get("hypotheses", []), 1):
        _print_wrapped(one_line(each["text"]), first=f"  {number}. ", rest="     ")
        for side in ("for", "against"):
            for claim in each[side]:
                _print_wrapped(f"{side}: {one_line(claim['text'])}", first="     - ", rest="       ")


def _times(window: dict[str, Any]) -> str:
    """As options, without which a search covers the last hour."""
    given = (("--from", window["start"]), ("--to", window["end"]))
    return "".join(f" {option} {shlex.quote(one_line(time))}" for option, time in given if time)


def _opened(answer: dict[str, Any]) -> tuple[str, list[str]]:
    """The opening sentence, and the further ones."""
    texts = [str(claim["text"]) for claim in answer["claims"]]
    whole = str(answer["answer"]).strip()
    opening = whole.split(texts[0], 1)[0] + texts[0] if texts else whole
    return one_line(opening), [one_line(text) for text in texts[1:]]


def _print_lines(lines: list[dict[str, Any]]) -> None:
    if not lines:
        return
    more = f", {LINES} of {len(lines)}; all with -o json" if len(lines) > LINES else ""
    _heading(f"Lines that show it{more}")
    for line in lines[:LINES]:
        level = one_line(line["level"]) or "-"
        _print_wrapped(
            f"{_moment(line['time']):%Y-%m-%d %H:%M:%S.%f}"[:-3]
            + f" {level} {one_line(line['service'])} {one_line(line['message'])[:200]}",
            first="  ",
            rest="    ",
        )
        say(styled(f"    id {one_line(line['id'])}", "2"))


def _print_similar(similar: list[dict[str, Any]], as_of: str) -> None:
    if not similar:
        return
    more = f", {SIMILAR} of {len(similar)}; all with -o json" if len(similar) > SIMILAR else ""
    _heading(f"Similar incidents{more}")
    for each in similar[:SIMILAR]:
        onset = each["onset"]
        began = f"{_minute(onset[0]['time'])} · {_ago(onset[0]['time'], as_of)} · " if onset else ""
        say(f"  {began}fit {float(each['score']):.2f} · incident {one_line(each['incident_id'])}")
        _print_wrapped(one_line(each["title"]), first="    ", rest="    ")
        steps = [f"{one_line(one['service'])} {_offset(onset[0]['time'], one['time'])}" for one in onset]
        if steps:
            _print_wrapped(" → ".join(steps), first="    ", rest="      ")


def _print_documents(documents: list[dict[str, Any]]) -> None:
    if documents:
        _heading("Documents that speak of it")
    for each in documents:
        _print_wrapped(f"{one_line(each['title'])} ({one_line(each['source'])})", first="  ", rest="    ")
        if not each["is_quoted"]:
            _print_wrapped(one_line(each["text"]), first="    ", rest="    ")


def _heading(text: str) -> None:
    say("")
    sys.stdout.write(styled(text, "1") + "\n")


def _moment(time: str) -> dt.datetime:
    """RFC 3339 to the microsecond."""
    clock, _, decimals = time.removesuffix("Z").partition(".")
    return dt.datetime.fromisoformat(f"{clock}.{decimals[:6] or '0':0<6}+00:00")


def _minute(time: str | None) -> str:
    return "the beginning" if time is None else f"{_moment(time):%Y-%m-%d %H:%M} UTC"


def _ago(time: str, as_of: str) -> str:
    minutes = max(int((_moment(as_of) - _moment(time)).total_seconds()) // 60, 0)
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"


def _offset(first: str, time: str) -> str:
    seconds = round((_moment(time) - _moment(first)).total_seconds())
    return f"+{seconds} s" if seconds < 600 else f"+{seconds // 60} min"


def _print_wrapped(text: str, *, first: str = "", rest: str = "") -> None:
    width = min(shutil.get_terminal_size((PIPED_WIDTH, 24)).columns, WIDEST) if sys.stdout.isatty() else PIPED_WIDTH
    lead = first
    for line in _wrapped(plain(text), max(width - len(first), 20)):
        say(lead + line)
        lead = rest


def _wrapped(text: str, width: int) -> Iterator[str]:
    """Lines at most so wide: broken at blanks, and between characters of East Asian scripts, which take two columns."""
    line, columns = "", 0
    for piece in _pieces(text):
        wide = sum(2 if east_asian_width(character) in "WF" else 1 for character in piece)
        if columns + len(piece.rstrip()) > width or (columns + wide > width and not piece.isascii()):
            if line:
                yield line.rstrip()
            line, columns = "", 0
            piece = piece.lstrip()  # noqa: PLW2901 - a line does not begin with a blank
        line += piece
        columns += wide
    if line:
        yield line.rstrip()


def _pieces(text: str) -> Iterator[str]:
    """Words with the blank after them; characters of East Asian scripts one by one."""
    word = ""
    for character in text:
        if east_asian_width(character) in "WF":
            if word:
                yield word
            word = ""
            yield character
        else:
            word += character
            if character == " ":
                yield word
                word = ""
    if word:
        yield word
