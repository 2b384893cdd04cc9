"""docs/reference/query.md promises what each example finds; here each is asked of a server that holds the example."""

import html
import re
from pathlib import Path

import pytest

from index.query_scan import MOST_CHARACTERS, MOST_NESTING, MOST_TERMS
from tests.api.conftest import Served

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "query.md").read_text(encoding="utf-8")
SPAN = {"start": "2026-03-01T12:00:00Z", "end": "2026-03-01T12:01:00Z"}


def examples() -> list[tuple[str, list[str]]]:
    """Each query of the first table, with the numbers of the lines it finds."""
    rows = re.findall(r"^\| `(.+?)` \| .+ \| ([\d, ]+) \|$", PAGE, re.MULTILINE)
    return [(html.unescape(query), found.split(", ")) for query, found in rows]


def example_lines() -> list[dict[str, object]]:
    """The lines of the second table; each with its number as the attribute `example`."""
    lines: list[dict[str, object]] = []
    for row in re.findall(r"^\| (\d) \| (.+) \|$", PAGE, re.MULTILINE):
        time, service, level, message, attributes = (cell.strip() for cell in f"{row[1]} ".split(" | "))
        line: dict[str, object] = {
            "time": time,
            "service": service,
            "level": level,
            "message": message,
            "example": row[0],
        }
        for attribute in filter(None, attributes.strip("| ").split(", ")):
            name, value = attribute.split(" ")
            line[name] = int(value) if value.isdigit() else value
        lines.append(line)
    return lines


@pytest.fixture(scope="package")
def page(served: Served) -> Served:
    served.post_lines(example_lines())
    return served


def test_the_page_has_its_tables() -> None:
    assert len(examples()) > 20
    assert len(example_lines()) == 4
    assert f"At most {MOST_CHARACTERS:,} characters, {MOST_TERMS} terms and\n{MOST_NESTING} nested groups" in PAGE


@pytest.mark.parametrize(("query", "expected"), examples(), ids=[query for query, _ in examples()])
def test_each_example_finds_what_the_page_says(page: Served, query: str, expected: list[str]) -> None:
    reply = page.http.get("/v1/search", params={**SPAN, "query": query, "order": "oldest"})
    assert reply.status_code == 200, reply.text
    assert [line["attributes"]["example"] for line in reply.json()["lines"]] == expected
