"""Every error that Dejalog raises on purpose.

    DejalogError
    ├── SettingError            a setting, flag or environment variable is unknown or has a bad value
    ├── InputError              what a caller sent cannot be used as it is (HTTP 400)
    │   ├── QuerySyntaxError    a query does not parse; carries the position of the fault
    │   ├── ChunkError          a chunk's headers or body contradict each other
    │   └── NotFoundError       the named line, pattern, incident or file does not exist (HTTP 404)
    ├── RefusedError            not now: try again after `retry_after_s` (HTTP 429 or 503)
    │   ├── StorageFullError    the disk, or the store's own limit, is full
    │   └── UnavailableError    a server that Dejalog works with (Redis, Elasticsearch) does not answer or cannot
    ├── RangeConflictError      part of what is appended was stored meanwhile: ask `missing` again
    ├── DamagedError            a file of ours fails its checksum or cannot be read; it was set aside
    ├── DifferenceError         what was copied and counted in both places is not the same
    ├── ModelError              a language model is away, slow, busy or answered what cannot be used
    ├── ChatError               the chat service (Slack) is away, or refused what the bot asked of it
    ├── EngineError             a server that this program stores in answered what it should not
    ├── StoppedError            whoever asked has gone, so the work was given up
    ├── WorkerError             a process that works for this one ended, or failed at what it was given
    └── LockedError             another process owns the data directory

Errors of a library are translated in the one file that imports it. A message says what was tried, what was found and
what is accepted.
"""


class DejalogError(Exception):
    """Root of the tree above."""


class SettingError(DejalogError):
    """A setting is unknown or has a bad value."""


class InputError(DejalogError):
    """What a caller sent cannot be used as it is."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class QuerySyntaxError(InputError):
    """A query does not parse. `position` counts characters from 0."""

    def __init__(self, message: str, *, position: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.position = position


class ChunkError(InputError):
    """A chunk's headers or body contradict each other."""


class NotFoundError(InputError):
    """The thing that was named does not exist."""


class RefusedError(DejalogError):
    """Not now: nothing was taken, try again after `retry_after_s` seconds."""

    reason = "busy"
    """What counters call it."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StorageFullError(RefusedError):
    """The disk, or the store's own limit, is full."""

    reason = "storage_full"


class UnavailableError(RefusedError):
    """A server that Dejalog works with does not answer, or cannot do what it is asked just now."""

    reason = "unavailable"


class RangeConflictError(DejalogError):
    """Part of what is appended was stored meanwhile: ask `missing` again."""


class DamagedError(DejalogError):
    """A file of ours fails its checksum or cannot be read; it was set aside, never deleted."""


class StoppedError(DejalogError):
    """Whoever asked has gone, so the work was given up; nobody is there to be told."""


class DifferenceError(DejalogError):
    """What was copied and counted in both places is not the same."""


class ModelError(DejalogError):
    """A language model did not help. `reason` is what counters and answers call it: `away`, `slow`, `busy` (too many
    questions at once), `too_long` (the question, for that model), `wrong` (what it answered cannot be used), `resting`
    (not asked after it failed too often) or `cancelled`.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ChatError(DejalogError):
    """The chat service is away or refused. `reason` is its own word for it, e.g. `missing_scope`."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class EngineError(DejalogError):
    """A server that this program stores in (Elasticsearch, Redis) answered what it should not."""


class WorkerError(DejalogError):
    """A process that works for this one ended, or failed at what it was given."""


class LockedError(DejalogError):
    """Another process owns the data directory. `address` is where it listens, if it does."""

    def __init__(self, message: str, *, address: str = "") -> None:
        super().__init__(message)
        self.address = address
