"""How an Elasticsearch stands: its version, its shards, and whether it takes what is written; in two small requests."""

import dataclasses
import re

from index.elastic_client import Elastic
from index.elastic_template import Names
from ingest.errors import EngineError, RefusedError, UnavailableError
from ingest.trouble import Trouble

ACCEPTED = "8.19"
"""The version that the tests run on; older ones lack what is asked of them."""


@dataclasses.dataclass(frozen=True)
class ElasticHealth:
    """`shards` is green (all there), yellow (copies are missing) or red (lines are missing)."""

    shards: str
    nodes: int
    read_only: str
    """What takes no writes and why; empty when everything does."""


def version(client: Elastic, *, timeout_s: float) -> str:
    """Of its oldest node. Raises RefusedError, EngineError, TimeoutError."""
    found = client.request("GET", "/_nodes/_all/_none", timeout_s=timeout_s, params={"filter_path": "nodes.*.version"})
    return min((str(node["version"]) for node in found.get("nodes", {}).values()), key=_numbers, default="unknown")


def is_older(found: str) -> bool:
    """Whether a version lies before the accepted one."""
    return _numbers(found) < _numbers(ACCEPTED)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text.split("-", maxsplit=1)[0])]


def health(client: Elastic, names: Names, *, timeout_s: float) -> ElasticHealth:
    """How it stands now. Raises RefusedError, EngineError, TimeoutError."""
    said = client.request("GET", f"/_cluster/health/{names.prefix}-*", timeout_s=timeout_s)
    state = client.request("GET", f"/_cluster/state/blocks/{names.prefix}-*", timeout_s=timeout_s)
    blocks = state.get("blocks", {})
    held = [("the cluster", block) for block in blocks.get("global", {}).values()]
    held += [(index, block) for index, by_id in sorted(blocks.get("indices", {}).items()) for block in by_id.values()]
    # A day that retention is about to delete is closed to writes alone: that is no trouble.
    told = [(what, str(block["description"]).split(";")[0]) for what, block in held]
    read_only = [f"{what}: {reason}" for what, reason in told if "read-only" in reason]
    return ElasticHealth(said["status"], said["number_of_nodes"], read_only[0][:200] if read_only else "")


def trouble(client: Elastic, names: Names, *, timeout_s: float) -> Trouble:
    """What is wrong with it."""
    try:
        found = health(client, names, timeout_s=timeout_s)
    except TimeoutError:
        return Trouble(fails=f"Elasticsearch did not answer within {timeout_s:g} s")
    except UnavailableError:
        return Trouble(fails="Elasticsearch cannot be reached")
    except (RefusedError, EngineError) as error:
        return Trouble(fails=_first_words(error))
    if found.shards == "red":
        return Trouble(fails="Elasticsearch lacks shards of the lines: its status is red")
    return Trouble(refuses=f"Elasticsearch takes no writes: {found.read_only}" if found.read_only else "")


def _first_words(error: Exception) -> str:
    """What it answered, without the body: that may tell of users and addresses, and /readyz asks for no token."""
    return str(error).partition(":")[0][:100]
