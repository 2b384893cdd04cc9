"""A generation on disk: saved whole and swapped by one rename, loaded only when every file is as it was written."""

import dataclasses
import shutil
from pathlib import Path

import orjson
import polars as pl
import structlog

from index.durable import checksum, sync
from index.generation import Generation
from index.generation_build import MINING_RULES
from index.generation_store import Published, Stamp
from index.incident import Note
from index.knowledge import incident_from_json, incident_json
from index.pattern import PatternSet
from index.vector_faiss import FaissIndex
from ingest.errors import DamagedError

_MANIFEST = "manifest.json"
_FRAMES = ("patterns", "members", "counts")
_log = structlog.get_logger()


class GenerationFolder:
    """A GenerationStore in a folder that no other process has open. The version is the checksum of the manifest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def version(self) -> str | None:
        """See GenerationStore."""
        manifest = self._folder / _MANIFEST
        return checksum(manifest) if manifest.exists() else None

    def newest(self, *, embedder: str) -> Published | None:
        """See GenerationStore. What is damaged is set aside."""
        version = self.version()
        found = load_generation(self._folder, embedder=embedder)
        return None if found is None or version is None else Published(*found, version)

    def publish(self, generation: Generation, stamp: Stamp, *, embedder: str, over: str | None) -> str | None:
        """See GenerationStore."""
        if self.version() != over:
            return None
        save_generation(self._folder, generation, stamp, embedder=embedder)
        return self.version()


def save_generation(folder: Path, generation: Generation, stamp: Stamp, *, embedder: str) -> None:
    """Write `folder` anew. A crash leaves the old one, or none and the new one beside it (then it is mined again)."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    generation.patterns.patterns.write_parquet(fresh / "patterns.parquet")
    generation.patterns.members.write_parquet(fresh / "members.parquet")
    generation.counts.write_parquet(fresh / "counts.parquet")
    (fresh / "incidents.json").write_bytes(orjson.dumps([incident_json(i) for i in generation.incidents]))
    (fresh / "notes.json").write_bytes(orjson.dumps(generation.notes))
    generation.pattern_vectors.save(fresh / "pattern_vectors")
    generation.incident_vectors.save(fresh / "incident_vectors")
    manifest = {
        "id": generation.id,
        "stamp": dataclasses.asdict(stamp),
        "embedder": embedder,
        "rules": MINING_RULES,
        "files": {file.name: checksum(file) for file in sorted(fresh.iterdir()) if file.is_file()},
    }
    (fresh / _MANIFEST).write_bytes(orjson.dumps(manifest))
    for file in fresh.iterdir():
        if file.is_file():
            sync(file)
    sync(fresh)
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def load_generation(folder: Path, *, embedder: str) -> tuple[Generation, Stamp] | None:
    """The saved generation; None when there is none, or when it is damaged: then it is set aside and mined again."""
    if not (folder / _MANIFEST).exists():
        return None
    try:
        return _load(folder, embedder)
    except (DamagedError, OSError, pl.exceptions.PolarsError, orjson.JSONDecodeError, KeyError, TypeError) as damage:
        aside = folder.with_name(folder.name + ".damaged")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        _log.warning("generation.damaged", reason=str(damage), set_aside=aside.name)
        return None


def _load(folder: Path, embedder: str) -> tuple[Generation, Stamp]:
    manifest = orjson.loads((folder / _MANIFEST).read_bytes())
    for name, expected in manifest["files"].items():
        if checksum(folder / name) != expected:
            raise DamagedError(f"{name} of the saved generation does not match its checksum")
    if manifest.get("rules") != MINING_RULES:
        raise DamagedError(f"the saved generation was mined by rules {manifest.get('rules')}, not {MINING_RULES}")
    if manifest["embedder"] != embedder:
        raise DamagedError(f"the saved generation was embedded by {manifest['embedder']}, not {embedder}")
    patterns, members, counts = (pl.read_parquet(folder / f"{name}.parquet") for name in _FRAMES)
    generation = Generation(
        id=manifest["id"],
        as_of_ns=None,
        patterns=PatternSet(patterns, members),
        counts=counts,
        pattern_vectors=FaissIndex.load(folder / "pattern_vectors", embedder=embedder),
        incidents=tuple(incident_from_json(row) for row in orjson.loads((folder / "incidents.json").read_bytes())),
        incident_vectors=FaissIndex.load(folder / "incident_vectors", embedder=embedder),
        notes=tuple(Note(**row) for row in orjson.loads((folder / "notes.json").read_bytes())),
    )
    return generation, Stamp(**manifest["stamp"])
