"""The command that reads post-mortems and runbooks."""

import dataclasses
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli_incidents import app
from api.cli_options import As, Config, DataDir, Output, Url, settings_of
from api.cli_output import complain, one_line, print_json, print_ndjson, print_table, say
from ingest.errors import InputError

if TYPE_CHECKING:
    from api.client import Client

MOST_BYTES = 1 << 20
"""A document that is longer is none that people wrote (a guess)."""


def register(_parent: typer.Typer) -> None:
    """Add the command of this file to those about incidents."""
    app.command("import")(import_documents)


@dataclasses.dataclass(frozen=True)
class Refused:
    """A file that was not taken, and why."""

    source: str
    why: str


def import_documents(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with *.md, read with its folders.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be matched and why; keep nothing.")
    ] = False,
    output: As = Output.TABLE,
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Have post-mortems and runbooks in Markdown remembered beside the lines.

    Each is matched to incidents by its time and services, runbooks to patterns by the lines that they quote; what
    matches nothing is found by its words. A file that is read again takes the place of what it said before.

    Example: dejalog incidents import docs/post-mortems --dry-run

    Exit codes: 0 done, 1 there is no Markdown file, 2 some file could not be used.
    """
    from api.client import open_client

    if not folder.is_dir():
        raise InputError(f"{folder} is no folder", hint="name a folder with Markdown files")
    files = sorted(folder.rglob("*.md"))
    done: list[dict[str, Any]] = []
    refused: list[Refused] = []
    with open_client(settings_of(data_dir, config), url=url) as client:
        for number, found in enumerate(_kept(client, folder, files, dry_run=dry_run), start=1):
            if isinstance(found, Refused):
                refused.append(found)
                complain(f"{found.source}: {found.why}")
            else:
                done.append(found)
            _progress(number, len(files))
    _print(done, refused, output, is_dry=dry_run)
    if refused:
        raise typer.Exit(2)
    if not files:
        raise typer.Exit(1)


def _kept(client: "Client", folder: Path, files: list[Path], *, dry_run: bool) -> Iterator[dict[str, Any] | Refused]:
    root = folder.resolve()
    for file in files:
        source = f"{root.name}/{file.relative_to(folder).as_posix()}"
        try:
            yield client.post("/v1/documents", {"source": source, "content": _text(root, file), "dry_run": dry_run})
        except InputError as error:
            yield Refused(source, f"{error} ({error.hint})" if error.hint else str(error))


def _text(root: Path, file: Path) -> str:
    """What the file holds. Raises InputError for what is no document."""
    try:
        if not file.resolve(strict=True).is_relative_to(root):
            raise InputError("it is a link that leads out of the folder")
        if not file.is_file():
            raise InputError("it is no file")
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except RuntimeError as error:  # what Python below 3.13 calls links that lead to themselves
        raise InputError("it is a link that leads to itself") from error
    except OSError as error:
        raise InputError(f"it cannot be read: {error.strerror or error}") from error
    if len(content) > MOST_BYTES:
        raise InputError(f"it is longer than {MOST_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"it is not UTF-8 (byte {error.start})", hint="convert it: iconv -f GB18030 -t UTF-8"
        ) from error
    if not text.strip():
        raise InputError("it is empty")
    return text


def _print(done: list[dict[str, Any]], refused: list[Refused], output: Output, *, is_dry: bool) -> None:
    refusals = [dataclasses.asdict(each) for each in refused]
    if output is Output.JSON:
        print_json({"documents": done, "refused": refusals})
    elif output is Output.NDJSON:
        print_ndjson([*done, *refusals])
    else:
        rows = [[one_line(each["source"]), each["kind"], each["outcome"], _matched(each)] for each in done]
        print_table(rows, ("document", "kind", "outcome", "speaks of"))
        counts = Counter(each["outcome"] for each in done) | Counter({"refused": len(refused)})
        say(("Nothing was kept. " if is_dry else "") + ", ".join(f"{count} {name}" for name, count in counts.items()))


def _matched(document: dict[str, Any]) -> str:
    told = [f"{each['what']} {each['target']}: {one_line(each['why'])}" for each in document["matches"]]
    return "; ".join(told) or "nothing known: found by its words"


def _progress(number: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if number == total else ""
        sys.stderr.write(f"\r{number} of {total} documents{end}")
        sys.stderr.flush()
