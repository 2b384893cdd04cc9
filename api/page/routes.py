"""What the page of every route shows, from the OpenAPI document."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of the address, or a field of the body."""

    name: str
    place: str
    meaning: str


@dataclasses.dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]


def operations(openapi: Mapping[str, Any]) -> tuple[Operation, ...]:
    """All of them, in the order of the document."""
    return tuple(
        Operation(
            method=method.upper(),
            path=path,
            summary=each.get("summary", ""),
            description=each.get("description", ""),
            parameters=tuple(_parameters(each, openapi)),
        )
        for path, methods in openapi["paths"].items()
        for method, each in methods.items()
    )


def _parameters(operation: Mapping[str, Any], openapi: Mapping[str, Any]) -> list[Parameter]:
    found = [
        Parameter(each["name"], each["in"], each.get("description", "")) for each in operation.get("parameters", [])
    ]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    fields = openapi.get("components", {}).get("schemas", {}).get(name, {}).get("properties", {})
    return found + [Parameter(name, "body", field.get("description", "")) for name, field in fields.items()]
