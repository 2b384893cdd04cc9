"""Drain3 with the masks that its own documentation shows, to measure beside. It is no dependency of Dejalog."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

MASKS = (
    (r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "*"),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "*"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{6,} ?){3,}((?=[^A-Za-z0-9])|$)", "*"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9A-F]{4} ?){4,}((?=[^A-Za-z0-9])|$)", "*"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "*"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "*"),
)
"""Ids, addresses, sequences, hex and decimal numbers."""


def drain3_version() -> str | None:
    """None when it is not installed."""
    try:
        return version("drain3")
    except PackageNotFoundError:
        return None


class Drain3:
    """One miner with its defaults (depth 4, similarity .4)."""

    def __init__(self) -> None:
        from drain3 import TemplateMiner  # noqa: PLC0415 - an extra
        from drain3.masking import MaskingInstruction  # noqa: PLC0415
        from drain3.template_miner_config import TemplateMinerConfig  # noqa: PLC0415

        config = TemplateMinerConfig()
        config.masking_instructions = [MaskingInstruction(*mask) for mask in MASKS]
        self._miner: Any = TemplateMiner(config=config)

    def add(self, message: str) -> str:
        """The id of the cluster that the message joins."""
        return str(self._miner.add_log_message(message)["cluster_id"])

    def template(self, cluster: str) -> str:
        """The cluster's template as it is now."""
        return str(self._miner.drain.id_to_cluster[int(cluster)].get_template())
