"""How the text of a setting becomes its value; every reader raises ValueError for what it does not accept."""

import dataclasses
import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_T = TypeVar("_T")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTES = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgt", start=1):
    _BYTES |= {_letter + "b": 1000**_power, _letter + "ib": 1024**_power, _letter: 1024**_power}
_OWN_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".svc")
"""Endings that no public name has (RFC 6761, 6762, 8375; ICANN for .internal), and that of services in Kubernetes."""
_SHARED = ipaddress.ip_network("100.64.0.0/10")
"""Behind a carrier's or an overlay's translation (RFC 6598)."""


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Nobody outside this machine can reach it."""
        return is_loopback_host(self.host)


def is_loopback_host(host: str) -> bool:
    """Whether a name or address, without port, means this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_own_network_host(host: str) -> bool:
    """Whether a name or address, without port, can only mean a machine of one's own network."""
    name = host.lower().strip("[]").rstrip(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or name.endswith(_OWN_NAMES)
    return address.is_private or address in _SHARED


def read_address(text: str) -> Address:
    """`host:port`, `:port` (every interface), `[::1]:port` or a port alone (loopback)."""
    text = text.strip()
    host, colon, port = text.rpartition(":")
    if not colon:
        host = "127.0.0.1"
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{port!r} is not a port")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ValueError("an IPv6 address stands in brackets")
    return Address(host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104 what `:8900` asks for; it needs a token


def read_duration(text: str) -> float:
    """Seconds of `30d`, `1h30m`, `500ms`."""
    compact = text.strip().lower().replace(" ", "")
    if not re.fullmatch(r"(\d{1,12}(\.\d{1,9})?(ns|us|ms|s|m|h|d|w))+", compact, re.ASCII):
        raise ValueError("a duration is written like 30d, 1h30m or 500ms")
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|d|w)", compact)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not 0 < seconds < 1e10:
        raise ValueError("it must be longer than nothing and shorter than 300 years")
    return seconds


def read_size(text: str) -> int:
    """Bytes of `10GB` (powers of 1,000), `512MiB` or `512M` (powers of 1,024), `4096`."""
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)", text.strip().lower(), re.ASCII)
    if not match or match[2] not in _BYTES:
        raise ValueError("a size is written like 10GB, 512MiB or 4096")
    size = int(float(match[1]) * _BYTES[match[2]])
    if not 0 < size < 1 << 60:
        raise ValueError("it must be more than nothing")
    return size


def read_token(text: str) -> str:
    """A token with nothing in it that a header could not carry."""
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("it is empty or holds what a header cannot carry")
    return token


def read_http(text: str) -> str:
    """Addresses of servers that speak HTTP."""
    urls = [url.strip() for url in text.split(",")]
    if not all(url.startswith(("http://", "https://")) for url in urls):
        raise ValueError("each must begin with http:// or https://")
    return ",".join(urls)


def read_server(text: str) -> str:
    """The address of one server that speaks HTTP."""
    if "," in text:
        raise ValueError("one address is accepted")
    return read_http(text)


def read_index_prefix(text: str) -> str:
    """What names of indices may begin with."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,60}", text.strip(), re.ASCII):
        raise ValueError("at most 61 small letters, digits and -, the first no -")
    return text.strip()


def read_natural(text: str) -> int:
    """A whole number from 0 to a hundred."""
    if not re.fullmatch(r"\d{1,2}", text.strip(), re.ASCII):
        raise ValueError("it must be a whole number from 0 to 99")
    return int(text)


def read_redis(text: str) -> str:
    """The address of a Redis."""
    url = text.strip()
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("it must begin with redis://, rediss:// or unix://")
    return url


def read_path(text: str) -> Path:
    """An absolute path; `~` is the home."""
    if not text.strip():
        raise ValueError("it is empty")
    return Path(text.strip()).expanduser().absolute()


def read_list(text: str) -> tuple[str, ...]:
    """Entries between commas, without empty ones."""
    return tuple(entry for entry in (part.strip() for part in text.split(",")) if entry)


def read_zone(text: str) -> str:
    """An IANA name that exists here, or an offset."""
    zone = text.strip()
    if not zone or re.fullmatch(r"[+-](0\d|1[0-4]):[0-5]\d", zone, re.ASCII):
        return zone
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("no such time zone is known here") from error
    return zone


def read_count(text: str) -> int:
    """A whole number from 1 to a million."""
    text = text.strip()
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1_000_000:
        raise ValueError("it must be a whole number from 1 to 1000000")
    return int(text)


def read_budget(text: str) -> int:
    """One of the sizes that packs of evidence are made and tested for."""
    if text.strip() not in {"2000", "4000"}:
        raise ValueError("it must be 2000 or 4000")
    return int(text)


def read_weight(text: str) -> float:
    """A number from 0 to 10."""
    number = float(text)
    if not 0 <= number <= 10:
        raise ValueError("it must lie between 0 and 10")
    return number


def read_share(text: str) -> float:
    """A number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise ValueError("it must lie between 0 and 1")
    return number


def one_of(*names: str) -> Callable[[str], str]:
    """A reader of one of these names, in any case."""

    def read(text: str) -> str:
        name = text.strip().lower()
        if name not in names:
            raise ValueError(f"it must be one of {', '.join(names)}")
        return name

    return read


def optional(read: Callable[[str], _T]) -> Callable[[str], _T | None]:
    """The same reader, which also takes `none` and the empty text."""

    def read_optional(text: str) -> _T | None:
        return None if text.strip().lower() in {"", "none"} else read(text)

    return read_optional


def optional_text(read: Callable[[str], str]) -> Callable[[str], str]:
    """The same reader, for which `none` is the empty text."""

    def read_optional(text: str) -> str:
        return "" if text.strip().lower() in {"", "none"} else read(text.strip())

    return read_optional
