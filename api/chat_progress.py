"""What a chat client shows as thinking while an answer is made: what is being done, what a model looked for and wrote.

The text of a chat cannot be taken back, and what a language model writes may still be reordered, or given up with the
model: only the whole answer holds. What comes before it is therefore told beside the text, in `reasoning_content`,
which vLLM and DeepSeek write and Open WebUI, LibreChat and others read (open-webui pull request 11988).
"""

from collections.abc import Callable

from api.answer import AnsweredClaim
from api.ask_step import AskStep, Look
from api.chat_markdown import code, escaped
from api.sentence import Language, say


class Progress:
    """Tells each step once, and each look and claim, as a line of Markdown. `tell` may raise, which ends the work."""

    def __init__(self, language: Language, tell: Callable[[str], None]) -> None:
        self._language = language
        self._tell = tell
        self._begun: set[AskStep] = set()
        """Follow-ups read earlier turns anew: the same steps again."""

    def step(self, step: AskStep | Look) -> None:
        """An OnStep."""
        if isinstance(step, Look):
            self._line("looked", tool=escaped(step.tool), asked=code(step.asked), found=step.found)
        elif step not in self._begun:
            self._begun.add(step)
            self._line(step)

    def claim(self, claim: AnsweredClaim) -> None:
        """An OnClaim."""
        self._line("wrote", text=escaped(claim.text))

    def _line(self, name: str, **values: object) -> None:
        self._tell(f"- {say(f'progress.{name}', self._language, **values)}\n")
