"""The command that asks a question in words."""

import shlex
from typing import Annotated, Any

import typer

from api.cli_options import As, AsOf, Config, DataDir, From, Output, Since, To, Url, settings_of, span
from api.cli_output import one_line, plain, print_json, print_ndjson, say


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("ask", rich_help_panel="Read")(ask)


def ask(
    question: Annotated[str, typer.Argument(help="The question, in English or Chinese.")],
    since: Since = "",
    from_: From = "",
    to: To = "",
    as_of: AsOf = "",
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

    Exit codes: 0 found, 1 not found or inconclusive, 2 error.
    """
    from api.client import open_client

    content: dict[str, Any] = {"question": question, "as_of": as_of or None, **span(since, from_, to)}
    content["mode"] = "deterministic" if no_llm else "auto"
    with open_client(settings_of(data_dir, config), url=url) as client:
        answer = client.post("/v1/ask", content)
    if output is Output.JSON:
        print_json(answer)
    elif output is Output.NDJSON:
        print_ndjson([answer])
    else:
        _print_answer(answer)
    if answer["verdict"] != "found":
        raise typer.Exit(1)


def _print_answer(answer: dict[str, Any]) -> None:
    verdict = str(answer["verdict"]).replace("_", " ")
    say(f"{verdict} · confidence {float(answer['confidence']):.2f}")
    say("")
    say(str(answer["answer"]).strip())
    _print_similar(answer.get("similar", []))
    if answer["citations"]:
        say("\nLines:")
    for line in answer["citations"]:
        level = one_line(line["level"]) or "-"
        say(f"  [{line['id']}] {line['time']} {level} {one_line(line['service'])} {one_line(line['message'])[:300]}")
    if answer["next_queries"]:
        say("\nTo look further:")
    for query in answer["next_queries"]:
        say(f"  dejalog search {shlex.quote(one_line(query))}")
    window = answer["window"]
    assumed = " (assumed)" if window["assumed"] else ""
    say(f"\n{plain(answer['read_as'])}")
    say(f"Window: {window['start']} to {window['end']}{assumed} · revision {one_line(answer['revision'])}")


def _print_similar(similar: list[dict[str, Any]]) -> None:
    if similar:
        say("\nSimilar:")
    for each in similar:
        say(f"  {float(each['score']):.2f}  {one_line(each['incident_id'])}  {one_line(each['title'])}")
        onset = " → ".join(f"{one_line(one['service'])} {one['time']}" for one in each["onset"])
        if onset:
            say(f"        {onset}")
