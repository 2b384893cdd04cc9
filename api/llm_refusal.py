"""What a model's server means by a status or by not answering, as a ModelError that says what to set.

What a server writes may hold the prompt or a part of the key; no message here repeats it.
"""

import re

import httpx2
import openai

from ingest.errors import ModelError

_TEMPORARY = frozenset({408, 429, 500, 502, 503, 529})
"""What may be gone when asked again (RFC 9110; 529 is what some vendors call overloaded)."""
_NO_MONEY = ("insufficient_quota", "billing_hard_limit_reached")
_TOO_LONG = ("context length", "context size", "context window", "context_length", "too long", "maximum length")
_CODE = re.compile(r"[\w.\[\]-]{1,60}", re.ASCII)


def said_by(error: openai.APIStatusError) -> str:
    """All that the server wrote, to look for words in, never to be shown."""
    return f"{error.param or ''} {error.code or ''} {error.message}"


def told(error: Exception, where: str) -> ModelError:
    """What any failure of the client means."""
    if isinstance(error, openai.APIStatusError):
        return _refused(error, where)
    if isinstance(error, openai.APIConnectionError | httpx2.RequestError):
        return _unreachable(error, where)
    kind = type(error).__name__
    return ModelError(f"{where} answered what is not of OpenAI's protocol, or a failure ({kind})", reason="wrong")


def may_heal(error: Exception) -> bool:
    """Whether the same request may be answered when it is sent again soon. Silence is not: it has cost time enough."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in _TEMPORARY and error.code not in _NO_MONEY
    return isinstance(error, openai.APIConnectionError | httpx2.RequestError) and told(error, "").reason == "away"


def is_too_long(error: openai.APIStatusError) -> bool:
    """Whether the prompt is what is refused."""
    return error.status_code in {400, 413, 422} and any(words in said_by(error).lower() for words in _TOO_LONG)


def _refused(error: openai.APIStatusError, where: str) -> ModelError:
    """What a status means."""
    status = error.status_code
    begin = f"the model's server at {where} answered {status}{_code(error)}"
    if status in {401, 403}:
        return ModelError(f"{begin}: it does not take the key, set OPENAI_API_KEY", reason="wrong")
    if status == 404:
        advice = (
            "set DEJALOG_LLM_MODEL to a model that it has, and OPENAI_BASE_URL to its address, mostly ending in /v1"
        )
        return ModelError(f"{begin}: {advice}", reason="wrong")
    if is_too_long(error):
        return ModelError(f"{begin}: the question is too long for it, set DEJALOG_LLM_BUDGET lower", reason="too_long")
    if 300 <= status < 400:
        return ModelError(f"{begin}: it lives elsewhere, set OPENAI_BASE_URL to where", reason="wrong")
    if error.code in _NO_MONEY:
        return ModelError(f"{begin}: its account has nothing left", reason="wrong")
    if status in {429, 529}:
        return ModelError(f"{begin}: it has too much to do", reason="busy")
    if status in {408, 504}:
        return ModelError(f"{begin}: it took too long", reason="slow")
    return ModelError(begin, reason="away" if status >= 500 else "wrong")


def _unreachable(error: openai.APIConnectionError | httpx2.RequestError, where: str) -> ModelError:
    """What it means that no reply came, or not all of it."""
    cause = error if isinstance(error, httpx2.RequestError) else error.__cause__
    if isinstance(cause, httpx2.ReadTimeout | httpx2.WriteTimeout):
        return ModelError(f"the model's server at {where} fell silent", reason="slow")
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
        return ModelError(f"the model's server at {where} cannot be reached: see OPENAI_BASE_URL", reason="away")
    if isinstance(cause, httpx2.RemoteProtocolError | httpx2.ReadError | httpx2.WriteError):
        return ModelError(f"the model's server at {where} broke the connection off", reason="away")
    return ModelError(f"the model's server at {where} cannot be spoken with ({type(cause).__name__})", reason="away")


def _code(error: openai.APIStatusError) -> str:
    is_told = error.code and error.code != str(error.status_code) and _CODE.fullmatch(error.code)
    return f" {error.code}" if is_told else ""
