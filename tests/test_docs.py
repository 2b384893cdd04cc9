"""What the pages show can be typed: every command and option, every link, every word of the glossary's index."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from api.cli import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = re.compile(r"^\s*(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?dejalog (?P<rest>[^|#\n]+)", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)(?P<target>[^)#]+)")


def shown_commands() -> list[tuple[str, str]]:
    """(page, what follows `dejalog`) for each command line in a page."""
    return [(page.name, found["rest"].strip()) for page in PAGES for found in COMMAND.finditer(page.read_text("utf-8"))]


def test_the_pages_show_commands() -> None:
    assert len(shown_commands()) > 10


@pytest.mark.parametrize(("page", "text"), shown_commands())
def test_a_shown_command_and_its_options_exist(page: str, text: str) -> None:
    command: Any = typer.main.get_command(app)
    words = shlex.split(text.replace("…", ""))
    while hasattr(command, "commands") and words:
        command = command.commands.get(words.pop(0))
        assert command is not None, f"{page} shows `dejalog {text}`, which does not exist"
    accepted = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    for word in words[: words.index("--") if "--" in words else None]:
        if word.startswith("--"):
            assert word.partition("=")[0] in accepted, f"{page}: `dejalog {text}` uses {word}; accepted: {accepted}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for found in LINK.finditer(page.read_text("utf-8")):
        assert (page.parent / found["target"]).exists(), f"{page.name} links to {found['target']}"
