"""Names and mappings of the indices: one of lines for each day, and a few small ones for what stands beside them.

Version the template by TEMPLATE_VERSION: a newer program replaces the template of an older one, never the reverse; days
that exist keep the mapping they were made with.
"""

import dataclasses
from typing import Any

import structlog

from index.elastic_client import Elastic
from ingest.errors import EngineError

TEMPLATE_VERSION = 1
KEYWORD_CHARACTERS = 8_191
"""Longer values of a field are not indexed: 32,766 bytes is Lucene's limit, four bytes a character at most."""
MOST_HITS = 20_000
"""What one search may return: a page of the API has 10,000 lines, and one more tells whether others follow."""
MOST_DEPTH = 20
"""Nesting of attributes that is indexed; Elasticsearch's own default."""
DIMENSIONS = ("service", "host", "namespace", "pod", "container", "level", "stream")
"""Columns indexed as they are; an empty one is left out."""
INDEXED_ONLY = ("words", "cjk", "attributes", "attribute_words", "keys", "odd", "escaped", "offset")
"""Fields that follow from others and are not kept."""
_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True)
class Names:
    """The indices of one store; `prefix` is theirs alone."""

    prefix: str = "dejalog"

    @property
    def lines(self) -> str:
        """Pattern of the indices of lines."""
        return f"{self.prefix}-lines-*"

    def day(self, day: str) -> str:
        """Index of the lines of a day, `2026.03.01`."""
        return f"{self.prefix}-lines-{day}"

    @property
    def signatures(self) -> str:
        """One document for each signature ever stored."""
        return f"{self.prefix}-signatures"

    @property
    def state(self) -> str:
        """What writers agree by: which bytes of each source are stored, and the order of arrival."""
        return f"{self.prefix}-state"

    @property
    def knowledge(self) -> str:
        """What people said, and kept incidents."""
        return f"{self.prefix}-knowledge"

    @property
    def generation(self) -> str:
        """The published generation, in parts."""
        return f"{self.prefix}-generation"

    @property
    def dead(self) -> str:
        """Lines that Elasticsearch will never take, with its reason."""
        return f"{self.prefix}-dead"


def prepare(client: Elastic, names: Names, *, shards: int, replicas: int) -> None:
    """Make templates, unless they are there and say the same. Any number of processes may do so at once.

    Another number of copies is given to the indices that are there, too; another number of shards to new days only.
    """
    small = [names.signatures, names.state, names.knowledge, names.generation, names.dead]
    lines = _put_template(
        client, f"{names.prefix}-lines", [names.lines], _lines_template(shards, replicas, mode="logsdb")
    )
    others = _put_template(client, f"{names.prefix}-small", small, _small_template(replicas))
    if lines or others:
        body = {"index": {"number_of_replicas": replicas}}
        client.request(
            "PUT", f"/{names.prefix}-*/_settings", body, params={"ignore_unavailable": "true"}, allowed=(404,)
        )


def _put_template(client: Elastic, name: str, patterns: list[str], template: dict[str, Any]) -> bool:
    """Whether it said something else before; false where there was none. A newer version's is left as it is."""
    found = client.request("GET", f"/_index_template/{name}", allowed=(404,))
    held = [row["index_template"] for row in found.get("index_templates", ())]
    version = held[0].get("version", 0) if held else 0
    if version > TEMPLATE_VERSION or (
        version == TEMPLATE_VERSION and _copies(held[0]["template"]) == _copies(template)
    ):
        return False
    _put(client, name, patterns, template)
    return bool(held)


def _copies(template: dict[str, Any]) -> list[str]:
    index = template["settings"]["index"]
    return [str(index[name]) for name in ("number_of_shards", "number_of_replicas")]


def _put(client: Elastic, name: str, patterns: list[str], template: dict[str, Any]) -> None:
    body = {"index_patterns": patterns, "priority": 500, "version": TEMPLATE_VERSION, "template": template}
    try:
        client.request("PUT", f"/_index_template/{name}", body)
    except EngineError as fault:
        if "logsdb" not in str(fault):
            raise
        _log.info("elasticsearch.without_logsdb", reason=str(fault)[:200])
        del template["settings"]["index"]["mode"]
        client.request("PUT", f"/_index_template/{name}", body)


def _lines_template(shards: int, replicas: int, *, mode: str) -> dict[str, Any]:
    return {
        "settings": {
            "index": {
                "mode": mode,
                # The text of a line must come back as it was: a source put together from the columns would not be that.
                "mapping.source.mode": "stored",
                "codec": "best_compression",
                "number_of_shards": shards,
                "number_of_replicas": replicas,
                # In the order of a search for the newest, which then stops when its page is full.
                "sort.field": ["@timestamp", "source", "position"],
                "sort.order": ["desc", "desc", "desc"],
                "max_result_window": MOST_HITS,
                "refresh_interval": "30s",  # each append refreshes what it wrote
            }
        },
        "mappings": {
            "dynamic": False,
            "_source": {"excludes": list(INDEXED_ONLY)},
            "properties": _line_properties(),
        },
    }


def _line_properties() -> dict[str, Any]:
    keyword = {"type": "keyword", "ignore_above": KEYWORD_CHARACTERS}
    words = {"type": "text", "analyzer": "whitespace", "norms": False}
    return {
        "@timestamp": {"type": "date_nanos"},
        "arrival": {"type": "date_nanos"},
        "source": {"type": "keyword"},
        "position": {"type": "long"},
        "sequence": {"type": "long"},
        **dict.fromkeys(DIMENSIONS, keyword),
        "signature": {"type": "keyword"},
        "shape": {"type": "keyword"},
        # Nanoseconds since the start of the ledger's window: Elasticsearch computes in doubles, too short for times.
        "offset": {"type": "long", "index": False},
        # Our own words (`elastic_words`), so that a query finds here what it finds in the embedded store.
        "words": words,
        # Runs of Chinese, Japanese and Korean, one character a term, pairs of neighbours indexed beside them: bigrams.
        "cjk": {**words, "index_phrases": True},
        "message": {"type": "text", "index": False},
        "attributes": {"type": "flattened", "ignore_above": KEYWORD_CHARACTERS, "depth_limit": MOST_DEPTH},
        "attribute_words": words,
        "keys": keyword,
        "odd": {"type": "boolean"},
        "escaped": {"type": "boolean"},
    }


def _small_template(replicas: int) -> dict[str, Any]:
    """Documents that are read by id, or all of them; only what is sorted or filtered by is indexed."""
    return {
        "settings": {"index": {"number_of_shards": 1, "number_of_replicas": replicas, "max_result_window": MOST_HITS}},
        "mappings": {
            "dynamic": False,
            "properties": {
                "kind": {"type": "keyword"},
                "time_ns": {"type": "long"},
                "sequence": {"type": "long"},
                "reason": {"type": "keyword"},
            },
        },
    }
