"""The store that an evaluation of incidents asks: container logs written by the real path and mined as the server does.

Paths and hosts play no part in it: a source is named by its file alone, so the same logs give the same store anywhere.
"""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from api.answer import Answer, ask
from api.evaluate.trial import open_trial
from api.evaluate.unpack import unpack
from index.deviation_mark import Course
from index.generation import Generation
from index.incident import Incident
from index.incident_course import read_courses
from index.incident_mine import MineCache, span_incident
from index.store_parquet import ParquetStore
from index.vector import Embedder
from ingest.errors import InputError

ARCHIVE = "containers.tar.xz"
FOLDER = "containers"


@dataclasses.dataclass(frozen=True, eq=False)
class World:
    """A whole store, mined."""

    store: ParquetStore
    generation: Generation
    course: Course
    cache: MineCache
    embedder: Embedder

    def span(self, start_ns: int, end_ns: int) -> Incident:
        """What was unusual in any span."""
        return span_incident(self.store, self.generation.patterns, start_ns, end_ns, cache=self.cache)

    def ask(self, question: str) -> Answer:
        """A question's answer just after the last line."""
        newest_ns = self.store.high_water().last_ns or 0
        return ask(question, store=self.store, generation=self.generation, embedder=self.embedder, now_ns=newest_ns + 1)

    @property
    def observed_days(self) -> float:
        """Days for which there are lines: minutes without any are not counted."""
        return len(self.course.windows.times) / 1440


@contextlib.contextmanager
def open_world(files: Sequence[Path], embedder: Embedder) -> Iterator[World]:
    """A world of these container logs, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="dejalog-eval-") as folder, open_trial(Path(folder)) as trial:
        trial.add_files(files)
        generation = trial.generation(embedder)
        course = read_courses(trial.store, generation.patterns, before_ns=None, cache=trial.cache).whole
        yield World(trial.store, generation, course, trial.cache, embedder)


@contextlib.contextmanager
def container_logs(data: Path) -> Iterator[list[Path]]:
    """The log files of a folder: those in it, in its `containers`, or in its `containers.tar.xz`.

    Raises InputError when it has none.
    """
    archive = data / ARCHIVE
    with tempfile.TemporaryDirectory(prefix="dejalog-eval-") as unpacked:
        found = _logs(data / FOLDER) or _logs(data)
        if not found and archive.is_file():
            unpack(archive, Path(unpacked))
            found = _logs(Path(unpacked))
        if not found:
            raise InputError(
                f"{data} holds no container logs", hint=f"it, its folder {FOLDER} or its {ARCHIVE} holds *.log files"
            )
        yield found


def _logs(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.log"), key=lambda path: path.name)
