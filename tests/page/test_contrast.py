"""The colours of the style sheets: text against what it stands on, by the formula of WCAG 2.2."""

import re
from importlib.resources import files

import pytest

CSS = "\n".join(
    each.read_text("utf-8") for each in (files("api.page") / "static").iterdir() if each.name.endswith(".css")
)
_DARK = r"@media \(prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}\s*\}"
_NAMED = r"--([a-z0-9-]+): (#[0-9a-f]{6});"
LIGHT = dict(re.findall(_NAMED, re.sub(_DARK, "", CSS, flags=re.DOTALL)))
SCHEMES = {"light": LIGHT, "dark": LIGHT | dict(re.findall(_NAMED, "".join(re.findall(_DARK, CSS, re.DOTALL))))}
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
RULES = re.findall(r"\{([^{}]*)\}", CSS)
_COLOUR = r"(?<![-\w])color: var\(--([a-z0-9-]+)\)"
_GROUND = r"(?<![-\w])background(?:-color)?: var\(--([a-z0-9-]+)\)"
USED_TOGETHER = sorted(
    {(text, ground) for rule in RULES for text in re.findall(_COLOUR, rule) for ground in re.findall(_GROUND, rule)}
)
"""Pairs that a single rule sets, in whichever file: also those that the list above does not name."""


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(scheme: str, one: str, other: str) -> float:
    low, high = sorted(luminance(SCHEMES[scheme][each]) for each in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("text", "ground"), sorted({*PAIRS, *USED_TOGETHER}), ids=lambda name: name)
def test_text_can_be_read_on_what_it_stands_on(scheme: str, text: str, ground: str) -> None:
    assert contrast(scheme, text, ground) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("edge", ["strong-border", "focus"])
def test_edges_of_fields_and_the_focus_can_be_seen(scheme: str, edge: str) -> None:
    for ground in ("ground", "surface"):
        assert contrast(scheme, edge, ground) >= 3


def test_every_colour_of_text_is_one_that_is_checked_on_every_ground() -> None:
    beside_a_ground = {text for text, _ in USED_TOGETHER}
    assert set(re.findall(_COLOUR, CSS)) <= {*TEXTS, *FAMILIES, *beside_a_ground}


def test_colours_of_text_and_ground_are_named_so_that_both_schemes_have_them() -> None:
    assert not re.findall(r"(?<![-\w])(?:color|background|background-color|fill|stroke): *(?:#|rgb|hsl)\S+", CSS)
