"""Prompts as versioned data: which words a language model is asked with, in the language of the question."""

import dataclasses
import functools
import importlib.resources
import tomllib
from collections.abc import Mapping

from api.llm import Message
from api.sentence import Language


@dataclasses.dataclass(frozen=True)
class Prompt:
    """One file of the folder `prompts`. Each answer names its version."""

    version: str
    words: Mapping[str, Mapping[str, str]]

    def messages(self, language: Language, **values: str) -> tuple[Message, ...]:
        """The conversation to begin with. Values are put in as they are, braces in them are text."""
        words = self.words[language]
        return (
            Message("system", words["system"].strip()),
            Message("user", words["user"].strip().format(**values)),
        )

    def said(self, name: str, language: Language, **values: str) -> str:
        """Another of its texts."""
        return self.words[language][name].strip().format(**values)


@functools.cache
def prompt(name: str) -> Prompt:
    """The prompt of that name, read once."""
    file = importlib.resources.files("api").joinpath("prompts", f"{name}.toml")
    read = tomllib.loads(file.read_text(encoding="utf-8"))
    return Prompt(read.pop("version"), read)
