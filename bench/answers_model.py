"""Whether what a language model tells of simulated shops is right, by the independent judge: a scripted model that says
true and false sentences in turn, then SmolLM2.

    python -m bench.answers_model 640 641 642

The figures of docs/how-to/model.md. A shop takes a minute with the scripted model, and several with the real one, which
is asked `REAL_QUESTIONS` of each of the first two.
"""

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.api.model_words import false_lines, statements, true_lines
from tests.real.model_server import MODEL, REAL_MODEL, Said, real_model, scripted_model

TRUE_SENTENCES = FALSE_SENTENCES = 6
REAL_QUESTIONS = 6
_WHO = re.compile(r"(?P<service>[\w.-]+) (?:wrote|failed first|followed|写出|在|于)")


def script(request: dict[str, Any]) -> Said:
    """Up to six true sentences about the statements of the prompt, then up to six that are false in one thing each."""
    said = " ".join(each["says"] for each in statements(request))
    services = sorted({found["service"].lower() for found in _WHO.finditer(said)})
    false = false_lines(request, services)
    step = max(1, len(false) // FALSE_SENTENCES)
    told = [*true_lines(request)[:TRUE_SENTENCES], *itertools.islice(false, 0, step * FALSE_SENTENCES, step)]
    return "\n".join(line.whole for line in told)


def evaluate(url: str, model: str, seeds: Sequence[str], *more: str, budget: int = 4000) -> None:
    """Print what `dejalog eval answers --model` says of it."""
    chosen = [word for seed in seeds for word in ("--seeds", seed)]
    environment = {
        "OPENAI_BASE_URL": url,
        "DEJALOG_LLM_MODEL": model,
        "DEJALOG_LLM_BUDGET": str(budget),
        "DEJALOG_LLM_TIMEOUT": "300s",
    }
    print(f"\n{model}, budget {budget}: seeds {' '.join(seeds)} {' '.join(more)}", flush=True)
    command = [str(Path(sys.executable).with_name("dejalog")), "eval", "answers", "--model", *chosen, *more]
    subprocess.run(command, env=os.environ | environment, check=True)


def main() -> None:
    """The seeds are the words of the command line."""
    seeds = sys.argv[1:]
    if not seeds or not all(seed.isdigit() for seed in seeds):
        raise SystemExit(f"{__doc__}\nIt takes the seeds of shops, whole numbers.")
    with scripted_model(script) as server:
        evaluate(server.url, MODEL, seeds)
    with real_model() as url:
        evaluate(url, REAL_MODEL, seeds[:2], "--questions", str(REAL_QUESTIONS), budget=2000)


if __name__ == "__main__":
    main()
