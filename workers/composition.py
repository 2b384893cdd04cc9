"""What a Celery worker runs on, put together by whoever knows the settings: `api`, which nothing here may import.

The entry point `dejalog.composition` of the installed distribution names the class.
"""

import dataclasses
from contextlib import AbstractContextManager
from importlib.metadata import entry_points
from typing import Protocol

from ingest.errors import SettingError
from workers.steps import Steps

GROUP = "dejalog.composition"


@dataclasses.dataclass(frozen=True)
class JobSettings:
    """Times in seconds."""

    redis_url: str
    advance_every_s: float = 5.0
    maintain_every_s: float = 1.0
    retain_every_s: float = 600.0
    lease_s: float = 15.0
    """After this silence of a worker another may take its turn at a step. A guess."""
    prefix: str = "dejalog"


class Composition(Protocol):
    """Made without arguments."""

    def job_settings(self) -> JobSettings:
        """Cheap; raises SettingError."""

    def open_steps(self) -> AbstractContextManager[Steps]:
        """The steps over the store of the settings; opened once a process, when the first task comes."""

    def watching(self, part: str) -> AbstractContextManager[None]:
        """Answer whoever watches this process, `worker` or `beat`, where the settings say so. Raises SettingError."""


def installed_composition() -> Composition:
    """That of the installed distribution. Raises SettingError when there is none."""
    for found in entry_points(group=GROUP):
        composition: Composition = found.load()()
        return composition
    raise SettingError(f"no distribution has an entry point {GROUP}: install Dejalog anew (`make setup`)")
