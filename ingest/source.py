"""The source: one file or connection that lines come from, and what its path tells about it."""

import dataclasses
import hashlib


@dataclasses.dataclass(frozen=True)
class Source:
    """What travels with every chunk of a source. `id` never changes once minted; the other fields may be empty."""

    id: str
    host: str = ""
    path: str = ""
    service: str = ""
    namespace: str = ""
    pod: str = ""
    container: str = ""
    format: str = "auto"
    """`docker` (json-file), `cri`, `plain`, `ndjson` or `auto` (decided by the first record of each chunk)."""
    zone: str = ""
    """IANA name or `+08:00`: the zone of clock times written without one. Empty: that of the container, else UTC."""

    @property
    def is_file(self) -> bool:
        """Whether its path tells where lines come from; pushed lines have none, and a stream's is `-`."""
        return self.path not in {"", "-"}


def mint_source_id(host: str, path: str, first_bytes: bytes, incarnation: int) -> str:
    """16 hex digits that depend only on what is passed, so the same files give the same ids on any machine.

    `first_bytes` are at most the first 1,024 at first sight; `incarnation` counts earlier sources with the same
    host, path and first bytes.
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in (host.encode(), path.encode(), first_bytes[:1024], str(incarnation).encode()):
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    return digest.hexdigest()
