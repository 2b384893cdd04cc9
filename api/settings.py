"""Settings: read here and nowhere else, from flags, then environment, then one TOML file, then these defaults."""

# ruff: noqa: RUF009 `setting` is how a field is declared here; it makes a dataclasses.field

import dataclasses
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from api import setting_text as text
from ingest.errors import SettingError

PREFIX = "DEJALOG_"
CONFIG_NAME = "DEJALOG_CONFIG"
CLIENT_NAMES = {
    "DEJALOG_URL": "The server that the command line talks to; without it the one named in the lock file.",
    "DEJALOG_EVAL_DATA": "Labelled data that evaluation reads; a server does not.",
    CONFIG_NAME: "The TOML file to read settings from. Without it no file is read.",
}
"""Names of the environment that are not settings of a server."""


def setting(
    default: Any, read: Callable[[str], Any], accepts: str, doc: str, *, secret: bool = False, variable: str = ""
) -> Any:
    """A field of one of the classes below: its name is its flag, TOML key and, upper-cased, its DEJALOG_ name, unless
    `variable` is the name that others know it by.
    """
    metadata = {"read": read, "accepts": accepts, "doc": doc, "secret": secret, "known_as": variable}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def default_data_dir() -> Path:
    """`dejalog` under the XDG data home."""
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".local" / "share") / "dejalog"


@dataclasses.dataclass(frozen=True)
class ServerSettings:
    """What listens, and whom it answers."""

    listen: text.Address = setting(
        text.Address("127.0.0.1", 8900),
        text.read_address,
        "host:port",
        "Where the server listens. Any address but loopback needs a token.",
    )
    token: str = setting(
        "",
        text.read_token,
        "visible ASCII characters, no blanks",
        "The bearer token asked for on every route but /healthz and /readyz.",
        secret=True,
    )
    max_body: int = setting(
        32 << 20, text.read_size, "a size", "The largest request body, as sent and again after decompression."
    )
    query_timeout: float = setting(
        30.0,
        text.read_duration,
        "a duration",
        "The longest that one request may read lines; past it the reply is partial.",
    )
    log_format: str = setting(
        "console", text.one_of("console", "json"), "console or json", "How the server writes its own log to stderr."
    )
    log_level: str = setting(
        "info",
        text.one_of("debug", "info", "warning", "error"),
        "debug, info, warning or error",
        "The least level of the server's own log.",
    )


@dataclasses.dataclass(frozen=True)
class StoreSettings:
    """Where lines are kept, and for how long."""

    store: str = setting(
        "embedded",
        text.one_of("embedded", "elasticsearch"),
        "embedded or elasticsearch",
        "Which store keeps lines, incidents and notes: files of this process, or an Elasticsearch that many share.",
    )
    elasticsearch_url: str = setting(
        "",
        text.read_http,
        "http://host:port, or several between commas",
        "The Elasticsearch that keeps the lines where `store` says so.",
        secret=True,
        variable="ELASTICSEARCH_URL",
    )
    elasticsearch_ca: Path | None = setting(
        None,
        text.optional(text.read_path),
        "a file, or none",
        "Certificates (PEM) of who signed that of an https Elasticsearch; else those that are commonly trusted.",
    )
    elasticsearch_prefix: str = setting(
        "dejalog", text.read_index_prefix, "small letters, digits and -", "What the names of its indices begin with."
    )
    elasticsearch_replicas: int = setting(
        0, text.read_natural, "a whole number from 0", "Copies of each index; 1 or more where a node may be lost."
    )
    elasticsearch_shards: int = setting(
        1,
        text.read_count,
        "a whole number from 1",
        "Shards of a day's lines: one holds 2 billion lines, some tens of GB well. Set before the first start.",
    )
    data_dir: Path = setting(
        default_data_dir, text.read_path, "a folder", "Where everything is kept; one server at a time owns it."
    )
    retention: float = setting(
        30 * 86400.0,
        text.read_duration,
        "a duration",
        "How long lines are kept, counted from the later of their time and their arrival.",
    )
    max_disk: int | None = setting(
        None,
        text.optional(text.read_size),
        "a size, or none",
        "The oldest partitions are dropped when the data directory grows past this.",
    )
    min_free_disk: int = setting(
        512 << 20, text.read_size, "a size", "Lines are refused while less than this is free on the disk."
    )


@dataclasses.dataclass(frozen=True)
class CollectSettings:
    """What is read, and how what it does not say of itself is understood."""

    collect: tuple[str, ...] = setting(
        (), text.read_list, "paths, with commas between", "Files, folders or globs that `serve` collects."
    )
    zone: str = setting(
        "",
        text.read_zone,
        "an IANA name or +08:00",
        "The zone of clock times written without one; else the container's.",
    )
    host: str = setting("", str.strip, "a name", "The name of this host in the lines it collects; else the system's.")
    scan_interval: float = setting(
        1.0, text.read_duration, "a duration", "How often the collector looks for new bytes and new files."
    )


@dataclasses.dataclass(frozen=True)
class NearlineSettings:
    """When patterns, vectors and incidents are brought up to date."""

    nearline_interval: float = setting(
        5.0, text.read_duration, "a duration", "The pause between two runs of the nearline work while lines arrive."
    )
    retention_interval: float = setting(
        600.0, text.read_duration, "a duration", "How often old partitions are looked for and small segments compacted."
    )
    embed_threads: int = setting(2, text.read_count, "a whole number from 1", "Threads of the sentence model.")
    embed_device: str = setting(
        "cpu",
        text.one_of("cpu", "gpu"),
        "cpu or gpu",
        "Where Celery's workers embed: `gpu` is all cards of the machine (the extra `gpu`), else the processor.",
    )


@dataclasses.dataclass(frozen=True)
class StreamSettings:
    """How receivers and workers of the distributed mode meet; `dejalog serve` has no use for them."""

    redis_url: str = setting(
        "",
        text.read_redis,
        "redis://host:port/database",
        "The Redis that carries chunks and tasks, run with `appendfsync always` and `noeviction`.",
        secret=True,
        variable="REDIS_URL",
    )
    stream_partitions: int = setting(
        16,
        text.read_count,
        "a whole number from 1",
        "Partitions of the chunk stream; at most so many lanes of workers have work. The same for every process.",
    )
    stream_max_bytes: int = setting(
        1 << 30, text.read_size, "a size", "Chunks are refused while more than this waits in the stream (compressed)."
    )
    stream_lease: float = setting(
        15.0,
        text.read_duration,
        "a duration",
        "After this silence a worker's chunks and steps are taken over by others.",
    )
    stream_tries: int = setting(
        5, text.read_count, "a whole number from 1", "How often a chunk may fail before it becomes a dead letter."
    )
    worker_threads: int = setting(
        2, text.read_count, "a whole number from 1", "Lanes of an ingest worker: chunks that it stores at once."
    )
    worker_listen: text.Address | None = setting(
        None,
        text.optional(text.read_address),
        "host:port, or none",
        "Where a collector, an ingest worker, Celery's worker or beat answers /healthz, /readyz and /metrics. Any "
        "address but loopback needs a token.",
    )


@dataclasses.dataclass(frozen=True)
class WatchSettings:
    """How the processes are watched; `worker_listen` above is where those without a server answer."""

    trace_endpoint: str = setting(
        "",
        str,
        "http://host:port",
        "Where traces are sent by OTLP over HTTP (the extra `traces`); without it none are made.",
        variable="OTEL_EXPORTER_OTLP_ENDPOINT",
    )


@dataclasses.dataclass(frozen=True)
class NotifySettings:
    """Who is told unasked: of alerts, incidents seen before, new errors, views over their threshold."""

    notify_url: str = setting(
        "",
        text.optional_text(text.read_server),
        "http://host/path or https://host/path, or none",
        "The webhook that notices are posted to as JSON, `text` in Slack's form; without it nobody is told.",
        secret=True,
    )
    notify_timeout: float = setting(
        10.0, text.read_duration, "a duration", "How long one try to post a notice may take."
    )
    notify_similarity: float = setting(
        0.5,
        text.read_share,
        "a number from 0 to 1",
        "A new incident is told when a past one is at least this similar.",
    )
    page_url: str = setting(
        "",
        text.optional_text(text.read_server),
        "http://host:port, or none",
        "Where people reach this server's page: links in notices, of the bot and in chat answers begin with it. "
        "Without it the first two have none, and chat answers name the server as their client does.",
    )


@dataclasses.dataclass(frozen=True)
class RetrieveSettings:
    """How the arms of retrieval are weighed; the vectors weigh 1. Where the defaults come from: api/retrieve.py."""

    weight_bm25: float = setting(
        0.7, text.read_weight, "a number from 0 to 10", "Weight of words against vectors when patterns are ranked."
    )
    weight_bm25_incidents: float = setting(
        0.8, text.read_weight, "a number from 0 to 10", "Weight of words against vectors when incidents are ranked."
    )
    feedback_half_life: float = setting(
        90 * 86400.0,
        text.read_duration,
        "a duration",
        "After this time a confirmed “same” or “not the same” moves the ranking of its incident's family half as much.",
    )


@dataclasses.dataclass(frozen=True)
class BotSettings:
    """The Slack bot: it runs where its token and a way for Slack to reach it are set."""

    slack_bot_token: str = setting(
        "",
        text.read_token,
        "xoxb-…",
        "The bot's token, from “OAuth & Permissions” of the Slack app.",
        secret=True,
        variable="SLACK_BOT_TOKEN",
    )
    slack_app_token: str = setting(
        "",
        text.read_token,
        "xapp-…",
        "The app's token with `connections:write`: Slack is reached by Socket Mode, and needs no address of yours.",
        secret=True,
        variable="SLACK_APP_TOKEN",
    )
    slack_signing_secret: str = setting(
        "",
        text.read_token,
        "visible ASCII characters, no blanks",
        "Signs what Slack sends to `/slack/events`, `/slack/commands` and `/slack/interactions`; without it these are "
        "closed.",
        secret=True,
        variable="SLACK_SIGNING_SECRET",
    )
    slack_api_url: str = setting(
        "https://slack.com/api/", text.read_server, "https://host/path/", "Where Slack's Web API is."
    )
    bot_questions_per_minute: int = setting(
        10, text.read_count, "a whole number from 1", "So many questions a minute are answered to one user of the bot."
    )
    bot_workers: int = setting(
        4, text.read_count, "a whole number from 1", "So many questions of the bot are answered at once."
    )
    bot_waiting: int = setting(
        100,
        text.read_count,
        "a whole number from 1",
        "So many questions of the bot may be under way or wait; past it Slack is told to send them again.",
    )


@dataclasses.dataclass(frozen=True)
class ConversationSettings:
    """How long it is remembered what a conversation is about."""

    conversation_idle: float = setting(
        1800.0, text.read_duration, "a duration", "After this silence what a conversation was about is forgotten."
    )
    conversation_most: int = setting(
        2000,
        text.read_count,
        "a whole number from 1",
        "Most conversations that are remembered at once; the longest silent are forgotten first.",
    )


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """Which language model writes answers, if any, and how long it is waited for."""

    openai_base_url: str = setting(
        "",
        text.read_server,
        "http://host:port/v1",
        "A server of language models that speaks OpenAI's protocol (vLLM, Ollama, llama.cpp, a vendor's). One outside "
        "of your network is used only where `DEJALOG_LLM_MODEL` is set, too.",
        secret=True,
        variable="OPENAI_BASE_URL",
    )
    openai_api_key: str = setting(
        "",
        text.read_token,
        "visible ASCII characters, no blanks",
        "Its key. A key alone sends nothing anywhere; with `DEJALOG_LLM_MODEL` and no address the server is OpenAI's.",
        secret=True,
        variable="OPENAI_API_KEY",
    )
    llm_model: str = setting("", str.strip, "a name", "The model to ask for; else the first that the server lists.")
    llm_mode: str = setting(
        "auto",
        text.one_of("auto", "asked", "off"),
        "auto, asked or off",
        "Whether the model is used for each question, only for those that ask for it (`mode: llm`), or never.",
    )
    llm_timeout: float = setting(
        20.0, text.read_duration, "a duration", "The longest that a question waits for the model, tries included."
    )
    llm_budget: int = setting(
        4000,
        text.read_budget,
        "2000 or 4000",
        "Tokens of a question, its evidence and the answer together; rounds of looking for more add their own.",
    )
    llm_answer_tokens: int = setting(
        800, text.read_count, "a whole number from 1", "The most tokens that it may write, its thoughts included."
    )
    llm_concurrency: int = setting(
        4,
        text.read_count,
        "a whole number from 1",
        "Questions that are with the model at once; others wait or do without.",
    )


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings of one process."""

    server: ServerSettings = dataclasses.field(default_factory=ServerSettings)
    store: StoreSettings = dataclasses.field(default_factory=StoreSettings)
    collect: CollectSettings = dataclasses.field(default_factory=CollectSettings)
    nearline: NearlineSettings = dataclasses.field(default_factory=NearlineSettings)
    stream: StreamSettings = dataclasses.field(default_factory=StreamSettings)
    watch: WatchSettings = dataclasses.field(default_factory=WatchSettings)
    retrieve: RetrieveSettings = dataclasses.field(default_factory=RetrieveSettings)
    bot: BotSettings = dataclasses.field(default_factory=BotSettings)
    conversation: ConversationSettings = dataclasses.field(default_factory=ConversationSettings)
    llm: ModelSettings = dataclasses.field(default_factory=ModelSettings)
    notify: NotifySettings = dataclasses.field(default_factory=NotifySettings)


@dataclasses.dataclass(frozen=True)
class Known:
    """One setting as the reader and the documentation see it."""

    name: str
    group: str
    default: Any
    read: Callable[[str], Any]
    accepts: str
    doc: str
    secret: bool
    known_as: str = ""

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return self.known_as or PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """Its name on the command line of `serve`."""
        return "--" + self.name.replace("_", "-")


def known_settings() -> list[Known]:
    """All settings, group by group, in the order in which they are declared."""
    found = []
    for group in dataclasses.fields(Settings):
        assert callable(group.default_factory)
        for field in dataclasses.fields(group.default_factory()):
            default = field.default if field.default is not dataclasses.MISSING else None
            found.append(Known(name=field.name, group=group.name, default=default, **field.metadata))
    return found


def read_settings(
    flags: Mapping[str, str | Sequence[str] | None] | None = None,
    environment: Mapping[str, str] | None = None,
    config: Path | None = None,
) -> Settings:
    """The settings of this process. `flags` are named as the settings are; None means not given.

    Raises SettingError for a name that is not known and for a value that cannot be read, naming where it stands.
    """
    environment = os.environ if environment is None else environment
    known = {each.name: each for each in known_settings()}
    texts: dict[str, tuple[str, str]] = {}
    path = config or (Path(environment[CONFIG_NAME]) if environment.get(CONFIG_NAME) else None)
    if path is not None:
        texts.update(_file_texts(path, known))
    texts.update(_environment_texts(environment, known))
    for name, value in (flags or {}).items():
        if value is not None and value != ():
            texts[name] = (_joined(value), known[name].flag)
    return _build({name: _value(known[name], raw, where) for name, (raw, where) in texts.items()})


def _joined(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(str(each) for each in value)
    return str(value)


def _environment_texts(environment: Mapping[str, str], known: Mapping[str, Known]) -> dict[str, tuple[str, str]]:
    by_variable = {each.variable: each for each in known.values()}
    by_file = {each.variable + "_FILE": each for each in known.values() if each.secret}
    accepted = [*by_variable, *by_file, *CLIENT_NAMES]
    texts: dict[str, tuple[str, str]] = {}
    for variable, value in sorted(environment.items()):
        is_ours = variable.startswith(PREFIX) or variable in by_variable or variable in by_file
        if not is_ours or variable in CLIENT_NAMES:
            continue
        if not value and (variable in by_file or variable in by_variable):
            continue  # what an empty variable means in compose files: not given
        if variable in by_file:
            each = by_file[variable]
            if environment.get(each.variable):
                raise SettingError(f"both {each.variable} and {variable} are set: keep one of them")
            texts[each.name] = (_secret_file(Path(value), variable), variable)
        elif variable in by_variable:
            texts[by_variable[variable].name] = (value, variable)
        else:
            raise _unknown(f"environment variable {variable}", accepted)
    return texts


def _secret_file(path: Path, where: str) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{where} names {path}, which cannot be read: {error}") from error
    if not secret:
        raise SettingError(f"{where} names {path}, which is empty")
    return secret


def _file_texts(path: Path, known: Mapping[str, Known]) -> dict[str, tuple[str, str]]:
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise SettingError(f"the settings file {path} cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"the settings file {path} is not TOML: {error}") from error
    texts: dict[str, tuple[str, str]] = {}
    for name, value in content.items():
        where = f"{name} in {path}"
        if name not in known and not (name.endswith("_file") and known.get(name[:-5]) and known[name[:-5]].secret):
            raise _unknown(where, sorted(known))
        if isinstance(value, dict):
            raise SettingError(f"{where} is a table; the file holds plain `name = value` lines, e.g. {name} = …")
        if name in known:
            texts[name] = (_joined(value), where)
        else:
            texts[name[:-5]] = (_secret_file(Path(str(value)), where), where)
    return texts


def _unknown(what: str, accepted: Iterable[str]) -> SettingError:
    return SettingError(f"{what} is not a setting; accepted are {', '.join(accepted)}")


def _value(known: Known, raw: str, where: str) -> Any:
    try:
        return known.read(raw)
    except ValueError as error:
        shown = "(hidden)" if known.secret else repr(raw[:80])
        reason = f" ({error})" if str(error) else ""
        raise SettingError(f"{where}: {shown} is not accepted{reason}; it takes {known.accepts}") from error


def _build(values: Mapping[str, Any]) -> Settings:
    groups = {}
    for group in dataclasses.fields(Settings):
        assert callable(group.default_factory)
        names = {field.name for field in dataclasses.fields(group.default_factory())}
        groups[group.name] = group.default_factory(**{name: values[name] for name in values if name in names})
    settings = Settings(**groups)
    for address in (settings.server.listen, settings.stream.worker_listen):
        if address is not None and not address.is_loopback and not settings.server.token:
            raise SettingError(
                f"listening on {address}, which is not loopback, needs a token: set DEJALOG_TOKEN or "
                "DEJALOG_TOKEN_FILE (`dejalog token` makes one)"
            )
    return settings
