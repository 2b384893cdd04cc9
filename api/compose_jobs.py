"""What Celery's workers run on, from the settings: the entry point `dejalog.composition` names this class."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from api.compose import nearline_settings
from api.dependencies import watched
from api.http_server import answering
from api.job_metrics import JobCollector
from api.keepers import open_keepers, owned
from api.settings import Settings, read_settings
from index.embed_devices import load_embedder
from ingest import trace
from ingest.errors import SettingError
from workers.composition import JobSettings
from workers.job_board import JobBoard
from workers.nearline import Nearline
from workers.steps import Steps


class JobComposition:
    """A `workers.composition.Composition`. With the embedded store the worker owns the data directory."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or read_settings()

    def job_settings(self) -> JobSettings:
        """Where tasks wait and how often they are sent."""
        settings = self._settings
        if not settings.stream.redis_url:
            raise SettingError("REDIS_URL is not set: Celery's workers meet there, e.g. redis://127.0.0.1:6379/0")
        return JobSettings(
            settings.stream.redis_url,
            advance_every_s=settings.nearline.nearline_interval,
            retain_every_s=settings.nearline.retention_interval,
            lease_s=settings.stream.stream_lease,
        )

    @contextmanager
    def watching(self, part: str) -> Iterator[None]:
        """Health and metrics at `worker_listen`, of `worker` or `beat`."""
        settings = self._settings
        if settings.stream.worker_listen is None:
            yield
            return
        with (
            closing(JobBoard(settings.stream.redis_url)) as board,
            watched(settings, store="writing" if part == "worker" else None, redis="writing") as readiness,
            answering(settings, JobCollector(board), readiness),
        ):
            yield

    @contextmanager
    def open_steps(self) -> Iterator[Steps]:
        """The steps over the keepers of the settings; embedded ones under the lock of the data directory."""
        settings = self._settings
        folder = settings.store.data_dir
        folder.mkdir(parents=True, exist_ok=True)
        with (
            trace.exporting(settings.watch.trace_endpoint, service="dejalog-jobs"),
            owned(settings),
            open_keepers(settings, folder) as keepers,
        ):
            nearline_how = settings.nearline
            embedder = load_embedder(
                nearline_how.embed_device, threads=nearline_how.embed_threads, cache=folder / "models"
            )
            nearline = Nearline(
                keepers.store,
                keepers.knowledge,
                embedder,
                folder,
                nearline_settings(settings),
                generations=keepers.generations,
            )
            try:
                yield Steps(keepers.store, keepers.knowledge, nearline, folder / "drafts")
            finally:
                nearline.stop()
