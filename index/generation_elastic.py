"""The published generation on Elasticsearch: an archive in parts, and one document that says which archive counts.

Parts are written first, under a name never used before; then the document is swapped by compare-and-set. A reader that
misses a part was overtaken by a newer generation and begins again.
"""

import base64
import binascii
import dataclasses
import hashlib
import io
import secrets
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import orjson
import structlog
import zstandard

from index.elastic_cell import Cell
from index.elastic_client import Elastic, Json, Versioned, action
from index.elastic_template import Names, prepare
from index.generation import Generation
from index.generation_folder import load_generation, save_generation
from index.generation_store import Published, Stamp
from index.store_elastic import ElasticSettings
from ingest.errors import RefusedError

PART_BYTES = 8 << 20
"""Of the archive in one document. A guess: far below the 100 MB that a request may have."""
_ATTEMPTS = 20
_FOLDER = "generation"
_log = structlog.get_logger()


class ElasticGenerations:
    """A GenerationStore. The client is owned by the caller."""

    def __init__(
        self, client: Elastic, settings: ElasticSettings | None = None, *, part_bytes: int = PART_BYTES
    ) -> None:
        """Templates are made if they are missing."""
        self._part_bytes = part_bytes
        settings = settings or ElasticSettings()
        names = Names(settings.prefix)
        prepare(client, names, shards=settings.shards, replicas=settings.replicas)
        self._client = client
        self._index = names.generation
        self._published = Cell(client, self._index, "published")

    def version(self) -> str | None:
        """See GenerationStore."""
        return _version(self._published.get())

    def newest(self, *, embedder: str) -> Published | None:
        """See GenerationStore."""
        found = self._published.get()
        for _ in range(_ATTEMPTS):
            if found is None or found.source["embedder"] != embedder:
                return None
            archive = self._read(found.source)
            was, found = found, self._published.get() if archive is None else found
            if archive is not None or _version(found) == _version(was):
                return _loaded(archive, was, embedder)
        raise RefusedError(f"the published generation changed during each of {_ATTEMPTS} attempts to read it")

    def publish(self, generation: Generation, stamp: Stamp, *, embedder: str, over: str | None) -> str | None:
        """See GenerationStore."""
        was = self._published.get()
        if _version(was) != over:
            return None
        archive = _packed(generation, stamp, embedder)
        manifest = self._write(archive) | {
            "embedder": embedder,
            "stamp": dataclasses.asdict(stamp),
            "id": generation.id,
        }
        now = self._published.put(manifest, was)
        gone = manifest if now is None else None if was is None else was.source
        if gone is not None:
            self._client.bulk(self._index, b"".join(action("delete", part) for part in _parts(gone)))
        return _version(now)

    def _write(self, archive: bytes) -> Json:
        """Have the archive in parts; returns what tells of them."""
        starts = range(0, len(archive), self._part_bytes)
        manifest = {
            "archive": secrets.token_hex(12),
            "parts": len(starts),
            "sha256": hashlib.sha256(archive).hexdigest(),
        }
        for part, start in zip(_parts(manifest), starts, strict=True):
            text = base64.b64encode(archive[start : start + self._part_bytes]).decode()
            item = action("create", part) + orjson.dumps({"kind": "part", "body": text}) + b"\n"
            reply = self._client.bulk(self._index, item)[0]
            if reply["status"] != 201:
                raise RefusedError(f"publishing a generation: {reply.get('error')}")
        return manifest

    def _read(self, manifest: Json) -> bytes | None:
        """The archive, damaged or not; None when a part is gone."""
        found = [self._client.get(self._index, part) for part in _parts(manifest)]
        if None in found:
            return None
        return b"".join(_decoded(part.source.get("body", "")) for part in found if part is not None)


def _version(found: Versioned | None) -> str | None:
    return None if found is None else str(found.source["archive"])


def _parts(manifest: Json) -> Iterator[str]:
    return (f"part-{manifest['archive']}-{number}" for number in range(manifest["parts"]))


def _decoded(text: str) -> bytes:
    """Nothing for what is no base64: the checksum of the whole tells."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def _packed(generation: Generation, stamp: Stamp, embedder: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="dejalog-generation-") as folder:
        save_generation(Path(folder) / _FOLDER, generation, stamp, embedder=embedder)
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:  # what unpacks a tar safely came with Python 3.11.4
            for file in sorted((Path(folder) / _FOLDER).rglob("*")):
                archive.write(file, file.relative_to(folder))
    return zstandard.ZstdCompressor().compress(content.getvalue())


def _loaded(archive: bytes | None, found: Versioned, embedder: str) -> Published | None:
    """The generation of an archive; None, with an event, when it is damaged, not all there, or made by other rules."""
    if archive is None or hashlib.sha256(archive).hexdigest() != found.source["sha256"]:
        reason = "a part of it is gone" if archive is None else "its checksum does not match"
        _log.error("generation.damaged", archive=found.source["archive"], reason=reason)
        return None
    with tempfile.TemporaryDirectory(prefix="dejalog-generation-") as folder:
        with zipfile.ZipFile(io.BytesIO(zstandard.ZstdDecompressor().decompress(archive))) as files:
            files.extractall(folder)
        loaded = load_generation(Path(folder) / _FOLDER, embedder=embedder)
    return None if loaded is None else Published(*loaded, str(_version(found)))
