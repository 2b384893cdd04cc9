"""A channel's defaults: which services, how far back, which language; kept by the Dejalog that answers."""

import dataclasses
import re
import time
from typing import Literal, cast
from urllib.parse import quote as quoted

from api.bot.surface import Backend, Place
from api.question_time import named_time
from api.sentence import Language
from api.time_text import parse_time
from ingest.errors import InputError, NotFoundError

_GIVEN = re.compile(r"(\w+)[=:](\"[^\"]*\"|\S*)")
NAMES = ("service", "window", "language")
MOST_SERVICES = 50


@dataclasses.dataclass(frozen=True)
class Defaults:
    """What questions of a channel are restricted to where they do not say it themselves."""

    services: tuple[str, ...] = ()
    window: str = ""
    """How far back, e.g. 7d."""
    language: Literal["", "en", "zh"] = ""

    def start_of(self, text: str) -> str | None:
        """The start to ask with; a question that names a time of its own is left alone."""
        told = named_time(text, time.time_ns())
        names_time = told.lately or told.start_ns is not None or told.end_ns is not None
        return self.window if self.window and not names_time else None

    def language_of(self, text: str) -> Language:
        """Of what the bot itself says."""
        if self.language:
            return self.language
        return "zh" if re.search(r"[\u3400-\u9fff]", text) else "en"


def read_defaults(backend: Backend, place: Place) -> Defaults:
    """Those of the channel; none are set at first."""
    try:
        kept = backend.get(f"/v1/channels/{quoted(_name(place), safe='')}")["channel"]
    except NotFoundError:
        return Defaults()
    return Defaults(tuple(kept["service"]), kept["window"], kept["language"])


def keep_defaults(backend: Backend, place: Place, defaults: Defaults) -> None:
    """From now on these are the channel's."""
    content = {
        "name": _name(place),
        "service": list(defaults.services),
        "window": defaults.window,
        "language": defaults.language,
    }
    backend.post("/v1/channels", content)


def changed(defaults: Defaults, text: str) -> Defaults:
    """With what `service=payment window=7d language=zh` says; an empty value or `none` takes one back. Raises
    InputError.
    """
    given = {name.lower(): value.strip('"') for name, value in _GIVEN.findall(text)}
    rest = _GIVEN.sub("", text).strip()
    unknown = [name for name in given if name not in NAMES] + ([rest] if rest else [])
    if unknown:
        raise InputError(
            f"{unknown[0][:40]!r} cannot be set", hint="service=payment window=7d language=zh are accepted"
        )
    values = {name: "" if value.lower() == "none" else value for name, value in given.items()}
    if "service" in values:
        services = tuple(dict.fromkeys(part.strip() for part in values["service"].split(",") if part.strip()))
        defaults = dataclasses.replace(defaults, services=services[:MOST_SERVICES])
    if "window" in values:
        defaults = dataclasses.replace(defaults, window=_window(values["window"]))
    if "language" in values:
        if values["language"].lower() not in {"", "en", "zh"}:
            raise InputError(f"language: {values['language'][:20]!r} is not spoken", hint="en and zh are accepted")
        defaults = dataclasses.replace(defaults, language=cast("Literal['', 'en', 'zh']", values["language"].lower()))
    return defaults


def _window(text: str) -> str:
    if text:
        parse_time(text, now_ns=time.time_ns(), name="window")
    return text


def _name(place: Place) -> str:
    return f"slack {place.team} {place.channel}"
