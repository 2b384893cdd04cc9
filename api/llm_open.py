"""Opens the language model that the settings name, or none: log text leaves only for a server that is meant for it."""

from urllib.parse import urlsplit

import structlog

from api.llm_breaker import Breaker
from api.setting_text import is_own_network_host
from api.settings import Settings
from ingest.errors import SettingError

LOG = structlog.get_logger()
OPENAI_URL = "https://api.openai.com/v1"
OUTSIDE = (
    "OPENAI_BASE_URL names a server outside of this network: set DEJALOG_LLM_MODEL, too, if it shall get log lines, "
    "or DEJALOG_LLM_MODE=off"
)


def model_url(settings: Settings) -> str:
    """Where the model is; empty when none is used. Raises SettingError for a model without a server.

    What OpenAI's own variables say may be meant for other programs. A key alone is no wish to use a model here, nor is
    an address outside of one's own network without the name of a model.
    """
    llm = settings.llm
    if llm.llm_mode == "off":
        return ""
    if llm.openai_base_url:
        return "" if is_held_back(settings) else llm.openai_base_url
    if not llm.llm_model:
        return ""
    if not llm.openai_api_key:
        raise SettingError(
            f"DEJALOG_LLM_MODEL is {llm.llm_model!r} and no server is named: set OPENAI_BASE_URL, e.g. "
            "http://127.0.0.1:11434/v1, or OPENAI_API_KEY for OpenAI's own"
        )
    return OPENAI_URL


def is_held_back(settings: Settings) -> bool:
    """An address is set and not used, because nothing says that it is meant for Dejalog."""
    llm = settings.llm
    if llm.llm_mode == "off" or not llm.openai_base_url or llm.llm_model:
        return False
    try:
        return not is_own_network_host(urlsplit(llm.openai_base_url).hostname or "")
    except ValueError as error:
        raise SettingError(f"OPENAI_BASE_URL is not a URL: {error}") from error


def open_model(settings: Settings) -> Breaker | None:
    """The model, not asked yet; None when the settings name none. Close it when done. Raises SettingError."""
    url = model_url(settings)
    if not url:
        if is_held_back(settings):
            LOG.warning("model.unused", reason=OUTSIDE)
        return None
    from api.llm_openai import OpenAIModel  # noqa: PLC0415 the client takes half a second to load

    llm = settings.llm
    model = OpenAIModel(url, key=llm.openai_api_key, model=llm.llm_model, concurrency=llm.llm_concurrency)
    return Breaker(model, close=model.close)
