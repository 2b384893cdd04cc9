"""Who keeps lines, what people said, and the published generation: files of this process, or an Elasticsearch."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from api.lock import DataDirLock
from api.settings import Settings
from index.catalogue import CATALOGUE_FILE
from index.generation_store import GenerationStore
from index.knowledge import Knowledge
from index.knowledge_salvage import salvage
from index.knowledge_store import KnowledgeStore
from index.line_store import KeptStore
from index.quarantine import QUARANTINE_FOLDER
from index.store_parquet import ParquetStore
from index.store_settings import StoreSettings
from ingest.errors import SettingError

if TYPE_CHECKING:
    from index.elastic_client import Elastic
    from index.store_elastic import ElasticSettings


class ClientLimits(TypedDict, total=False):
    """How long a client of Elasticsearch waits, and over how many connections it speaks; its own where not given."""

    timeout_s: float
    connections: int


@dataclasses.dataclass(frozen=True)
class Keepers:
    """Open until their block ends."""

    store: KeptStore
    knowledge: KnowledgeStore
    generations: GenerationStore | None = None
    """None: nearline work keeps the generation in the data directory."""


@contextmanager
def open_keepers(settings: Settings, folder: Path, *, step: Callable[[str], None] | None = None) -> Iterator[Keepers]:
    """Those that the settings choose. `folder` holds files of the embedded ones; `step` is called while it writes.

    Raises SettingError, and what the keeper raises that does not open.
    """
    if settings.store.store == "elasticsearch":
        with _elasticsearch(settings) as keepers:
            yield keepers
        return
    how = StoreSettings(max_bytes=None, free_bytes_floor=settings.store.min_free_disk)
    if step is not None:
        how = dataclasses.replace(how, step=step)
    with (
        closing(ParquetStore.open(folder, how)) as store,
        closing(Knowledge(folder / CATALOGUE_FILE)) as knowledge,
    ):
        _take_back(folder, knowledge)
        yield Keepers(store, knowledge)


def kept_in_files(settings: Settings) -> Settings:
    """The settings with the embedded store, whatever store is set."""
    return dataclasses.replace(settings, store=dataclasses.replace(settings.store, store="embedded"))


def owned(settings: Settings, *, address: str = "") -> contextlib.AbstractContextManager[object]:
    """The lock of the data directory where lines are kept in it; where they are not, many processes may share it."""
    if settings.store.store == "elasticsearch":
        return contextlib.nullcontext()
    return DataDirLock(settings.store.data_dir, address=address)


@contextmanager
def _elasticsearch(settings: Settings) -> Iterator[Keepers]:
    with connected(settings) as (client, how):
        from index.generation_elastic import ElasticGenerations  # noqa: PLC0415
        from index.knowledge_elastic import ElasticKnowledge  # noqa: PLC0415
        from index.store_elastic import ElasticsearchStore  # noqa: PLC0415

        yield Keepers(ElasticsearchStore(client, how), ElasticKnowledge(client, how), ElasticGenerations(client, how))


@contextmanager
def connected(settings: Settings) -> Iterator[tuple["Elastic", "ElasticSettings"]]:
    """The Elasticsearch that the settings name, and what its keepers are told. Raises SettingError."""
    store = settings.store
    if not store.elasticsearch_url:
        raise SettingError("Elasticsearch is asked for and ELASTICSEARCH_URL is not set, e.g. http://127.0.0.1:9200")
    try:
        from index.store_elastic import ElasticSettings  # noqa: PLC0415
    except ImportError as missing:
        raise SettingError(f"Elasticsearch needs the extra `distributed`: {missing}") from missing
    how = ElasticSettings(
        store.elasticsearch_prefix, shards=store.elasticsearch_shards, replicas=store.elasticsearch_replicas
    )
    with closing(elastic_client(settings)) as client:
        yield client, how


def elastic_client(settings: Settings, **limits: Unpack[ClientLimits]) -> "Elastic":
    """A client of the Elasticsearch that the settings name, not asked anything yet. Raises SettingError, and
    ImportError without the extra `distributed`: one process with no servers needs none of it.
    """
    from index.elastic_client import Elastic  # noqa: PLC0415

    return Elastic(settings.store.elasticsearch_url, ca=settings.store.elasticsearch_ca, **limits)


def _take_back(folder: Path, knowledge: Knowledge) -> None:
    """What people said in catalogues that were set aside as damaged, as far as it can be read; once each."""
    for damaged in sorted((folder / QUARANTINE_FOLDER).glob(f"{CATALOGUE_FILE}*")):
        if "-wal" not in damaged.name and "-shm" not in damaged.name:
            salvage(damaged, knowledge)
            damaged.rename(damaged.with_name(f"salvaged-{damaged.name}"))
