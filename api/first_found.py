"""Which of several ways to ask is asked in earnest: the first that a look finds to be so; a look asks no model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def first_found(questions: Sequence[T], look: Callable[[T], Mapping[str, Any]], *, otherwise: T) -> T:
    """The first of the questions whose deterministic answer's verdict is `found`; the rest is not looked at."""
    return next((each for each in questions if look(each)["verdict"] == "found"), otherwise)
