"""What one check of `dejalog doctor` found."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the doctor's report, and what to do where something is amiss."""

    state: Literal["ok", "warn", "fail"]
    name: str
    found: str
    advice: str = ""
