"""What a line that carries named fields (JSON, logfmt) says about itself: the columns that both readers give."""

import dataclasses

import polars as pl


@dataclasses.dataclass(frozen=True)
class FieldNames:
    """Names of the fields that play a role, in order of preference: the first that holds something counts, the others
    stay attributes.
    """

    message: tuple[str, ...] = ("message", "msg", "_msg", "log", "body", "event")
    time: tuple[str, ...] = ("@timestamp", "time", "ts", "_time", "timestamp")
    level: tuple[str, ...] = ("level", "severity", "lvl", "log.level", "loglevel", "levelname", "severity_text")
    service: tuple[str, ...] = (
        "service",
        "service.name",
        "service_name",
        "app",
        "kubernetes.container.name",
        "kubernetes.container_name",
        "container.name",
    )
    host: tuple[str, ...] = ("host", "host.name", "hostname")
    stream: tuple[str, ...] = ("stream",)

    @property
    def by_role(self) -> dict[str, tuple[str, ...]]:
        """From the role to its names."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


FIELDS_SCHEMA = pl.Schema(
    {
        "message": pl.String,
        "level": pl.String,
        "time_name": pl.String,
        "time_text": pl.String,
        "service": pl.String,
        "host": pl.String,
        "stream": pl.String,
        "attributes": pl.String,
    }
)
"""All null where the line has no such field. `level` is one of LEVELS; `attributes` a JSON object of strings."""


def json_text(value: pl.Expr) -> pl.Expr:
    """Each string as a JSON string, null for null."""
    encoded = pl.struct(value.alias("v")).struct.json_encode()
    return pl.when(value.is_not_null()).then(encoded.str.slice(5).str.strip_suffix("}"))
