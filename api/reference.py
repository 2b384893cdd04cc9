"""Writes docs/reference/{settings,http,cli}.md from the code: `python -m api.reference docs/reference`."""

import sys
from pathlib import Path
from typing import Any

import typer

from api.app import routes_app
from api.cli import app as commands
from api.settings import CLIENT_NAMES, Known, known_settings

_MADE = "<!-- Made by `python -m api.reference docs/reference`; a test compares. -->\n"


def settings_page() -> str:
    """Every setting, with its names, values and default."""
    rows = [
        f"| `{each.variable}` | {_default(each)} | {each.accepts} | {each.doc}{_secret(each)} |"
        for each in known_settings()
    ]
    clients = [f"| `{name}` | {doc} |" for name, doc in CLIENT_NAMES.items()]
    return f"""{_MADE}# Settings

A setting is read from the command line, else from the environment, else from one TOML file, else it has its
default. Its name is the same everywhere: `DEJALOG_DATA_DIR` in the environment, `data_dir = "…"` in the file;
`dejalog serve` has flags for the usual ones (`--data-dir`). The file is the one that `--config` or
`DEJALOG_CONFIG` names; without either none is read. It holds plain `name = value` lines without tables. An
empty variable counts as not set. An unknown `DEJALOG_` name, an unknown name in the file or a bad value stops
the start, and the message lists what is accepted.

Durations: `30d`, `1h30m`, `500ms`. Sizes: `10GB` (powers of 1,000), `512MiB` (powers of 1,024).

| name | default | accepts | meaning |
|---|---|---|---|
{chr(10).join(rows)}

For the command line only:

| name | meaning |
|---|---|
{chr(10).join(clients)}
"""


def http_page() -> str:
    """Every route, with its parameters."""
    document = routes_app().openapi()
    sections = [
        _route(path, method, operation, document)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return f"""{_MADE}# HTTP

Default address `http://127.0.0.1:8900`. With `DEJALOG_TOKEN` set every route but `/healthz` and `/readyz` asks for
`Authorization: Bearer <token>`. On a loopback address requests with a foreign `Host` or `Origin` are refused.
Browsers sign in on the web page ([how](../how-to/page.md)) and bring a cookie instead; what changes something then
needs an `Origin` that is this server.
Bodies may be sent with `Content-Encoding: gzip`, `deflate` or `zstd`, up to `DEJALOG_MAX_BODY` as sent and when
unpacked. A body that holds a JSON object is read as one whatever its `Content-Type`; the reads of lines also take
forms (`query=*&limit=5`).

- **Times**: RFC 3339, unix seconds, ms, us or ns, `now`, `now-1h`, or `1h` (ago). `end` is exclusive. Without a
  window: the last hour for lines; all retained data for patterns, incidents and questions.
- **Every read** says `took_ms`, `partial` (the time limit was reached: what is there is true, but not all) and
  `window` (the one really used; `assumed` when an end of it was not given). Counts come with `total_exact`.
- **Paging**: pass `cursor` back with the same other parameters. It also keeps the window, so that "now" stays
  the first page's now.
- **The common parameters** `query`, `start`, `end`, `service`, `level`, `limit`, `cursor`, `order`, `timeout`
  are taken by every read route; one that has no use for a parameter goes on without it. Any other unknown
  parameter is an error.
- **Errors**: `{{"error": {{"code", "message", "hint"}}}}`, of a query also `position`. The code also stands in
  the header `Dejalog-Error`.

| status | code | when |
|---|---|---|
| 400 | `bad_request`, `query_syntax`, `bad_body` | what was sent cannot be used as it is |
| 401 | `unauthorized` | the token is absent or wrong |
| 403 | `foreign_host`, `foreign_origin` | a page of another site asked a loopback server, or used a browser's sign-in |
| 404 | `not_found` | the line, pattern, incident, view or route does not exist |
| 405 | `method_not_allowed` | the route does not take this method |
| 413 | `too_large` | the body is larger than `DEJALOG_MAX_BODY` |
| 415 | `bad_encoding` | the `Content-Encoding` is not known |
| 429 | `refused`, `storage_full` | not now: try again after `Retry-After` seconds; nothing was taken |
| 503 | `not_ready`, `damaged`, `unavailable` | the server cannot do it now |
| 500 | `internal` | a fault of Dejalog's own; `hint` has the id under which the log tells more |

{chr(10).join(sections)}"""


def cli_page() -> str:
    """Every command, as its --help tells."""
    root = typer.main.get_command(commands)
    sections = "\n".join(_command(root, "dejalog"))
    return f"""{_MADE}# Command line

Exit codes: 0 found or done, 1 nothing found, 2 error. Results go to stdout, everything else to stderr.

{sections}"""


def write_pages(folder: Path) -> None:
    """Write all pages into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in (("settings.md", settings_page), ("http.md", http_page), ("cli.md", cli_page)):
        (folder / name).write_text(page(), encoding="utf-8")


def _default(known: Known) -> str:
    if known.name == "data_dir":
        return "`$XDG_DATA_HOME/dejalog`, else `~/.local/share/dejalog`"
    if known.default in (None, "", ()):
        return "none"
    return f"`{_written(known)}`"


def _written(known: Known) -> str:
    """The default as a user would write it."""
    value = known.default
    if known.accepts == "a duration":
        return _shortest(value, (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)))
    if known.accepts.startswith("a size"):
        return _shortest(value, (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)))
    return str(value)


def _shortest(value: float, units: tuple[tuple[str, int], ...]) -> str:
    name, size = next((each for each in units if value >= each[1] and value % each[1] == 0), units[-1])
    return f"{value / size:g}{name}"


def _secret(known: Known) -> str:
    return f" Also `{known.variable}_FILE`, the file that holds it." if known.secret else ""


def _route(path: str, method: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    rows = [
        f"| `{each['name']}` | {each['in']} | {_type(each.get('schema', {}))} | {each.get('description', '')} |"
        for each in operation.get("parameters", [])
    ]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    for field, schema in document["components"]["schemas"].get(name, {}).get("properties", {}).items():
        rows.append(f"| `{field}` | body | {_type(schema)} | {schema.get('description', '')} |")
    table = "\n".join(["\n| name | in | values | meaning |", "|---|---|---|---|", *rows, ""]) if rows else ""
    description = operation.get("description", "")
    return f"## `{method.upper()} {path}`\n\n{operation['summary']}. {description}\n{table}"


def _type(schema: dict[str, Any]) -> str:
    shown = next((each for each in schema.get("anyOf", []) if each.get("type") != "null"), schema)
    if "const" in shown:
        return f"`{shown['const']}`"
    if "enum" in shown:
        return ", ".join(f"`{each}`" for each in shown["enum"])
    if shown.get("type") == "array":
        return "list of " + _type(shown.get("items", {}))
    if shown.get("type") == "integer" and "maximum" in shown:
        return f"{shown.get('minimum', 0)} to {shown['maximum']}"
    kind = str(shown.get("type", ""))
    return {"string": "text", "integer": "number"}.get(kind, kind)


def _command(command: Any, name: str) -> list[str]:
    """The section of a command, and those of its subcommands."""
    context = command.make_context(name, [], resilient_parsing=True, terminal_width=110, max_content_width=110)
    sections = [f"## `{name}`\n\n```\n{command.get_help(context).rstrip()}\n```\n"]
    for child_name, child in getattr(command, "commands", {}).items():
        sections += _command(child, f"{name} {child_name}")
    return sections


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
