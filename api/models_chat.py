"""What `POST /v1/chat/completions` takes: OpenAI's shape, of which only what matters here is read."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from api.models import storable

MOST_MESSAGES = 2000
"""A guess: far more than anybody reads."""


class _Loose(BaseModel):
    """Clients send many more parameters than there are uses for; those are taken and left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ContentPart(_Loose):
    """A piece of a message; only text is read."""

    type: str = "text"
    text: Annotated[str, AfterValidator(storable)] = ""


class ChatMessage(_Loose):
    """One message."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[str, AfterValidator(storable)] | list[ContentPart] | None = None

    @property
    def text(self) -> str:
        """Its text, pieces joined."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.text)
        return self.content or ""


class StreamOptions(_Loose):
    """How the stream ends."""

    include_usage: bool | None = None


class ChatRequest(_Loose):
    """A conversation, whose last user message is the question."""

    model: Annotated[str, StringConstraints(max_length=200)] = Field(
        description="`dejalog`, or `dejalog-deterministic` for answers without a language model."
    )
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MOST_MESSAGES)] = Field(
        description="User messages are read, the last as the question; what is said to be the assistant's is not."
    )
    stream: bool | None = Field(None, description="Answer as server-sent events.")
    stream_options: StreamOptions | None = None
    n: int | None = Field(None, description="1 is accepted.")
    tool_choice: Any = Field(None, description="`auto` and `none` are accepted; tools are never called.")
    function_call: Any = None
    response_format: Any = Field(None, description='`{"type": "text"}` is accepted.')
