"""The scoreboard: every evaluation run once, kept as JSON, and shown on one page with plots.

    python -m bench.scoreboard LOGHUB TRAIN_TICKET     run everything, keep the results, write the page
    python -m bench.scoreboard                         write the page from the kept results

Results lie in docs/results/, the page is docs/scoreboard.md; it also shows the means of the results kept before.
`make leave-one-out` takes longer than the rest together and is run by itself; the page shows its last result too.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "results"
PAGE = ROOT / "docs" / "scoreboard.md"
DEVELOPMENT = "bench/questions/loghub.jsonl"
LANGUAGES = {"en": "English", "zh": "Chinese", "all": "both"}
OURS = {"answer", "ours", "held out, plain start"}
Result = Mapping[str, Any]

HEAD = """# Scoreboard

Written by `python -m bench.scoreboard` from the results in `docs/results/`; the metrics are explained in
[evaluation](reference/evaluation.md). One configuration for everything. Development data were looked at while tuning;
the half called `report` was only scored; of the simulator, seeds 1 to 9 were tuned on, and 500 to 504 only scored, with
the kind `retry_storm` left out of tuning.
"""

CURVE = "What other thresholds of strength would give; a telling word that nothing speaks of is refused at any:"


def runs(loghub: str, train_ticket: str) -> dict[str, list[str]]:
    """What is run, by the name of the result."""
    asked = ["questions", "--data", loghub, "--questions"]
    supplied = [f"{loghub}/questions.jsonl", "--questions", f"{loghub}/questions_unanswerable.jsonl"]
    return {
        "mining": ["mining", "--data", loghub],
        "questions_supplied": [*asked, *supplied, "--no-curve"],
        "questions_tune": [*asked, DEVELOPMENT, "--half", "tune", "--no-shared", "--no-curve"],
        "questions_report": [*asked, DEVELOPMENT, "--half", "report"],
        "incidents_train_ticket": [
            *("incidents", "--data", train_ticket, "--labels", f"{train_ticket}/incidents.jsonl"),
            *("--questions", f"{train_ticket}/questions.jsonl", "--split", "dev"),
        ],
        "incidents_simulated": ["incidents", "--simulate", "500-504", "--left-out", "retry_storm"],
        "answers": ["answers"],
    }


def run_all(loghub: str, train_ticket: str) -> None:
    """Run every evaluation, one after the other."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name, arguments in runs(loghub, train_ticket).items():
        print(f"{name}: dejalog eval {' '.join(arguments)}", file=sys.stderr)
        kept = RESULTS / f"{name}.json"
        if kept.exists():
            kept.replace(kept.with_suffix(".before.json"))
        command = [str(Path(sys.executable).with_name("dejalog")), "eval", *arguments, "--keep", str(kept)]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def write_page() -> None:
    """The page and its plots, from what is kept."""
    kept = [path for path in sorted(RESULTS.glob("*.json")) if not path.name.endswith(".before.json")]
    PAGE.write_text("\n".join([HEAD, *map(section, kept)]), encoding="utf-8")


def section(path: Path) -> str:
    """One result: means, what changed, plot, rows."""
    result: Result = json.loads(path.read_text(encoding="utf-8"))
    before = path.with_suffix(".before.json")
    earlier = json.loads(before.read_text(encoding="utf-8"))["mean"] if before.exists() else {}
    lines = [f"## {path.stem.replace('_', ' ')}", "", "| metric | mean | before |", "|---|---|---|"]
    lines += [f"| {name} | {_cell(value)} | {_cell(earlier.get(name))} |" for name, value in result["mean"].items()]
    if plot(path.stem, result):
        lines += ["", f"![{path.stem.replace('_', ' ')}](results/{path.stem}.svg)"]
    if plot_curve(path.stem, result["facts"].get("abstention_curve", {})):
        lines += ["", CURVE, "", f"![abstention against answer rate](results/{path.stem}_abstention.svg)"]
    lines += ["", *table(result["rows"]), "", *facts(result["facts"]), ""]
    return "\n".join(lines)


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """All rows; columns in the order of their first appearance."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return head + ["| " + " | ".join(_cell(row.get(name)) for name in names) + " |" for row in rows]


def facts(known: Mapping[str, Any]) -> list[str]:
    """One line each."""
    return [f"- {name}: `{json.dumps(value, ensure_ascii=False)}`" for name, value in known.items()]


def plot(name: str, result: Result) -> bool:
    """Bars of the chief metric by row; False where there is nothing to compare."""
    metric = next((each for each in ("GA", "mrr", "hit@1") if any(each in row for row in result["rows"])), "")
    rows = [row for row in result["rows"] if isinstance(row.get(metric), (int, float))]
    if not metric or len(rows) < 2:
        return False
    labels = [" ".join(str(value) for value in row.values() if isinstance(value, str)) for row in rows]
    figure, axes = plt.subplots(figsize=(9, 0.8 + 0.22 * len(rows)))
    colours = ["#2b6cb0" if row.get("arm") in OURS else "#a0aec0" for row in rows]
    axes.barh(labels, [row[metric] for row in rows], color=colours)
    axes.set_xlim(0, 1)
    axes.set_xlabel(metric)
    axes.invert_yaxis()
    axes.tick_params(labelsize=7)
    _save(figure, name)
    return True


def plot_curve(name: str, curves: Mapping[str, Any]) -> bool:
    """Abstention against answer rate by language, the threshold in use marked; False where it was not measured."""
    if not LANGUAGES.keys() & curves.keys():
        return False
    figure, axes = plt.subplots(figsize=(6, 4.5))
    for language in (each for each in LANGUAGES if each in curves):
        curve = curves[language]
        used = curve["threshold"].index(curves["threshold_used"])
        (line,) = axes.plot(curve["answer_rate"], curve["abstention"], marker=".", label=LANGUAGES[language])
        axes.plot(curve["answer_rate"][used], curve["abstention"][used], marker="o", ms=9, color=line.get_color())
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("answer rate: answerable questions answered `found`")
    axes.set_ylabel("abstention: unanswerable ones not answered `found`")
    axes.set_title(f"each dot a threshold; large: {curves['threshold_used']}, which is used", fontsize=9)
    axes.legend()
    _save(figure, f"{name}_abstention")
    return True


def _save(figure: Figure, name: str) -> None:
    """The same figures give the same bytes."""
    mpl.rcParams["svg.hashsalt"] = name
    figure.tight_layout()
    figure.savefig(RESULTS / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        run_all(sys.argv[1], sys.argv[2])
    write_page()
