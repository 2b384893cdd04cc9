"""The colours of the style sheet: text against what it stands on, by the formula of WCAG 2.2."""

import re
from importlib.resources import files

import pytest

CSS = (files("api.page") / "static" / "page.css").read_text("utf-8")
SCHEMES = {"light": CSS.split("@media")[0], "dark": CSS.split("prefers-color-scheme: dark")[1]}
GROUNDS = ("ground", "surface", "raised")
TEXTS = ("text", "dim", "accent", "good", "bad", "unsure", "fatal", "error", "warn", "info", "debug", "trace", "none")
FAMILIES = tuple(f"family-{number}" for number in range(8))
PAIRS = [
    *((text, ground) for text in (*TEXTS, *FAMILIES) for ground in GROUNDS),
    *((name, f"{name}-ground") for name in ("good", "bad", "unsure")),
    ("on-accent", "accent"),
    ("surface", "text"),
    ("surface", "fatal"),
    ("text", "unsure-ground"),
    ("dim", "unsure-ground"),
    ("text", "bad-ground"),
]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(scheme: str, one: str, other: str) -> float:
    colours = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", SCHEMES[scheme]))
    low, high = sorted((luminance(colours[one]), luminance(colours[other])))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("text", "ground"), PAIRS, ids=lambda name: name)
def test_text_can_be_read_on_what_it_stands_on(scheme: str, text: str, ground: str) -> None:
    assert contrast(scheme, text, ground) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("edge", ["strong-border", "focus"])
def test_edges_of_fields_and_the_focus_can_be_seen(scheme: str, edge: str) -> None:
    for ground in ("ground", "surface"):
        assert contrast(scheme, edge, ground) >= 3
