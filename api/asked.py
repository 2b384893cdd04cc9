"""What an address asks for, as the requests of `api.models`; who types a bad value is told as over HTTP."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ingest.errors import InputError

_T = TypeVar("_T", bound=BaseModel)


def asked(model: type[_T], **values: Any) -> _T:
    """The request with the values that are not empty. Raises InputError."""
    given = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value not in {"", (), None}
    }
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = str(first["msg"]).removeprefix("Value error, ")
        raise InputError(f"{place}: {message}") from error
