"""Chooses where texts are embedded: on every card of the machine, or on its processor."""

from pathlib import Path

import structlog

from index.embed_gpu import card_embedders
from index.embed_minilm import MiniLMEmbedder, model_folder
from index.embed_split import SplitEmbedder
from index.vector import Embedder
from ingest.errors import SettingError

_log = structlog.get_logger()


def load_embedder(device: str, *, threads: int, cache: Path | None) -> Embedder:
    """`cpu`: the processor, always the same bytes. `gpu`: all cards, each a share of the texts; where that cannot be,
    the processor, with a warning. Raises SettingError when the weights are not installed.
    """
    if device == "gpu":
        try:
            cards = card_embedders(model_folder())
        except SettingError as error:
            _log.warning("embed.on_processor", found=str(error), instead="the processor, slower")
        else:
            _log.info("embed.on_cards", cards=len(cards))
            return SplitEmbedder(cards)
    return MiniLMEmbedder.load(threads=threads, cache=cache)
