"""The page's files under addresses that name their content, so that browsers keep them for ever."""

import dataclasses
import functools
import gzip
import hashlib
from importlib.resources import files

from fastapi import Request
from fastapi.responses import Response

from ingest.errors import NotFoundError

_TYPES = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml", "js": "text/javascript; charset=utf-8"}


@dataclasses.dataclass(frozen=True)
class Asset:
    """One file."""

    name: str
    content: bytes
    packed: bytes
    digest: str

    @property
    def address(self) -> str:
        """Where it is served; another content has another address."""
        return f"/assets/{self.digest}/{self.name}"


@functools.cache
def assets() -> dict[str, Asset]:
    """All files of `static/`, by name; read once."""
    folder = files("api.page") / "static"
    found = {}
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name.rpartition(".")[2] not in _TYPES:
            continue
        content = file.read_bytes()
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        found[file.name] = Asset(file.name, content, gzip.compress(content, mtime=0), digest)
    return found


def address_of(name: str) -> str:
    """Where a file is served."""
    return assets()[name].address


def asset_reply(request: Request, digest: str, name: str) -> Response:
    """The file. Raises NotFoundError for another name or the digest of another content."""
    asset = assets().get(name)
    if asset is None or asset.digest != digest:
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
    return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers=headers)


def takes_gzip(request: Request) -> bool:
    """Whether the client unpacks gzip; `q=0` says that it does not."""
    for each in request.headers.get("accept-encoding", "").split(","):
        name, _, weight = each.strip().partition(";")
        if name.strip().lower() == "gzip":
            return weight.strip().replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
