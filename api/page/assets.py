"""The page's files under addresses that name their content, so that browsers keep them for ever."""

import dataclasses
import functools
import gzip
import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import Request
from fastapi.responses import Response

from ingest.errors import NotFoundError

_TYPES = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml", "js": "text/javascript; charset=utf-8"}


@dataclasses.dataclass(frozen=True)
class Asset:
    """One file."""

    content: bytes
    packed: bytes
    media_type: str


@functools.cache
def assets() -> dict[str, Asset]:
    """All files of `static/`, by their path in it (`js/page.js`); read once."""
    return dict(sorted(_found(files("api.page") / "static", "")))


def _found(folder: Traversable, path: str) -> list[tuple[str, Asset]]:
    found = []
    for each in folder.iterdir():
        ending = each.name.rpartition(".")[2]
        if each.is_dir():
            found += _found(each, f"{path}{each.name}/")
        elif ending in _TYPES:
            content = each.read_bytes()
            found.append((path + each.name, Asset(content, gzip.compress(content, mtime=0), _TYPES[ending])))
    return found


@functools.cache
def digest() -> str:
    """Of all files: one for all, because modules name each other by relative addresses."""
    whole = hashlib.blake2b(digest_size=8)
    for name, asset in assets().items():
        whole.update(b"%d %s %d " % (len(name), name.encode(), len(asset.content)))
        whole.update(asset.content)
    return whole.hexdigest()


def address_of(name: str) -> str:
    """Where a file is served; another content has another address."""
    if name not in assets():
        raise NotFoundError(f"there is no file {name}")
    return f"/assets/{digest()}/{name}"


def styles() -> list[str]:
    """Where the style sheets are served: `page.css` first, which names the colours, then the others by name."""
    names = sorted((name for name in assets() if name.endswith(".css")), key=lambda name: (name != "page.css", name))
    return [address_of(name) for name in names]


def asset_reply(request: Request, asked_digest: str, name: str) -> Response:
    """The file. Raises NotFoundError for another name or the digest of another content."""
    asset = assets().get(name)
    if asset is None or asked_digest != digest():
        raise NotFoundError(f"there is no file {name[:80]}", hint="load the page again: it names the files it needs")
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    content = asset.content
    if takes_gzip(request):
        content = asset.packed
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=asset.media_type, headers=headers)


def takes_gzip(request: Request) -> bool:
    """Whether the client unpacks gzip; `q=0` says that it does not."""
    for each in request.headers.get("accept-encoding", "").split(","):
        name, _, weight = each.strip().partition(";")
        if name.strip().lower() == "gzip":
            return weight.strip().replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
