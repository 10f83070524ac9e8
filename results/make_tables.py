"""Write every table of README and docs from the files in this folder: ``python results/make_tables.py [--check]``.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; NAME is one of ``TABLES`` below. ``--check``
changes nothing and exits 1 if a document does not say what the files say.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from protocol_tables import TABLES as PROTOCOL_TABLES
from table_words import made_by, number, signed, table

RESULTS = Path(__file__).parent
ROOT = RESULTS.parent
DOCUMENTS = (
    "README.md", "docs/results.md", "docs/leaderboard.md", "docs/robustness.md", "docs/segmentation.md",
    "docs/mitbih.md", "docs/label-scarcity.md",
)  # fmt: skip
_MARK = re.compile(r"(<!-- table: (?P<name>[a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _load(path: str) -> Any:
    return json.loads((RESULTS / path).read_text(encoding="utf-8"))


def _track(folder: str, track: str | None) -> Any:
    """An experiment's results, or one track of them."""
    data = _load(f"{folder}/results.json")
    return data["tracks"][track] if track else data


def _source(folder: str) -> str:
    return made_by(_load(f"{folder}/results.json")["run"], folder)


def _columns(rows: Sequence[Any]) -> dict[float, list[Any]]:
    """Rows by the share of the labels, ascending."""
    return {share: [row for row in rows if row["label_fraction"] == share] for share in sorted(_shares(rows))}


def _shares(rows: Sequence[Any]) -> set[float]:
    return {row["label_fraction"] for row in rows}


def _amount(share: float, n_labels: int) -> str:
    """An amount of labels in words: a percentage where it is a round one."""
    percent = 100 * share
    return (
        f"{n_labels:,} labels ({percent:g} %)" if percent and round(percent, 2) == percent else f"{n_labels:,} labels"
    )


def scores(folder: str, track: str | None = None) -> str:
    """Macro AUROC of every row at every amount of labels, with intervals."""
    data = _track(folder, track)
    columns = _columns(data["rows"])
    cells = {(row["name"], row["label_fraction"]): row for row in data["rows"]}
    head = ["Macro AUROC [95 % interval]"]
    for share, column in columns.items():
        n_subsets, n_seeds = (max(row[name] for row in column) for name in ("n_subsets", "n_seeds"))
        repeats = f"{n_subsets} subsets" if n_subsets > 1 else f"{n_seeds} seed{'s' if n_seeds > 1 else ''}"
        head.append(f"{_amount(share, column[0]['n_labels'])}, {repeats}" if share else "no label")
    rows = []
    for name in dict.fromkeys(row["name"] for row in data["rows"]):
        row = [name]
        for share in columns:
            cell = cells.get((name, share))
            if cell is None:
                row.append("–")
            else:
                low, high = cell["interval"]
                row.append(f"{number(cell['macro_auroc'])} [{number(low)}, {number(high)}]")
        rows.append(row)
    return table(head, rows) + _source(folder)


def comparisons(folder: str, track: str | None = None, against: Collection[str] = ()) -> str:
    """Every paired difference of an experiment, or those from some rows; p values are corrected for all of them."""
    data = _track(folder, track)
    n_labels = {row["label_fraction"]: row["n_labels"] for row in data["rows"]}
    rows = []
    for one in sorted(data["comparisons"], key=lambda one: float(one["label_fraction"])):
        if against and one["b"] not in against:
            continue
        difference = f"{signed(one['difference'])} [{signed(one['lo'])}, {signed(one['hi'])}]"
        amount = f"{n_labels[one['label_fraction']]:,}"
        rows.append([amount, one["a"], one["b"], difference, number(one["p_holm"]), one["verdict"]])
    return table(["Labels", "Row", "against", "Difference [95 %]", "p (Holm)", "Verdict"], rows)


def equivalences(folder: str, track: str) -> str:
    """What every row's labels are worth in labels of training from scratch."""
    found = [one for one in _track(folder, track)["equivalences"] if one["reference"] == "supervised"]
    fractions = sorted({one["fraction"] for one in found})
    worth = {(one["name"], one["fraction"]): one["sentence"].partition(" with = ")[2] for one in found}
    lines = [
        [name, *(worth[name, fraction].replace(" without", "") for fraction in fractions)]
        for name in dict.fromkeys(one["name"] for one in found)
    ]
    return table(["Labels of", *(f"{100 * one:g} %" for one in fractions)], lines)


def folds(folder: str) -> str:
    """Macro AUROC of every row on each test fold."""
    data = _load(f"{folder}/results.json")
    names = sorted({fold for row in data["rows"] for fold in row["per_fold"]})
    rows = [
        [f"{row['n_labels']:,}", row["name"], *(number(row["per_fold"][fold]) for fold in names)]
        for row in data["rows"]
    ]
    return table(["Labels", "Row", *(f"fold {fold}" for fold in names)], rows)


def ssrl_ecg() -> str:
    """SSRL-ECG's key table, as it comes out on the sample."""
    data = _load("ssrl-ecg-table/results.json")
    rows = []
    for row in data["rows"]:
        low, high = map(number, row["interval"])
        scores = [number(row[name]) for name in ("f1", "sensitivity", "specificity")]
        rows.append([row["name"], f"{number(row['macro_auroc'])} [{low}, {high}]", *scores])
    head = ["10 % of the labels", "AUROC [95 % interval]", "F1", "Sensitivity", "Specificity"]
    return table(head, rows) + _source("ssrl-ecg-table")


def _entries(folder: str) -> list[tuple[str, Any]]:
    paths = sorted((RESULTS / folder).glob("*.json"))
    return [(path.stem, json.loads(path.read_text(encoding="utf-8"))) for path in paths]


def trials() -> str:
    """Every recipe trial of classifiers of the sample, judged on fold 6."""
    rows = [
        [part, one["name"], *(number(one["macro_auroc"].get(fraction)) for fraction in ("0.01", "0.1", "1"))]
        for part, entries in _entries("trials")
        for one in entries
        if "macro_auroc" in one
    ]
    return table(["Trials of", "Trial", "1 %", "10 %", "100 %"], rows)


def benchmarks() -> str:
    """Every bar with the value measured, and what is reported without a bar."""
    rows = []
    for name, entry in _entries("benchmarks"):
        for one in entry["bars"]:
            value = one["value"]
            rows.append([name, one["what"], f"{value:.3g}", one["bar"], "met" if one["met"] else "missed"])
    tuned = _load("benchmarks/finetune.json")["measured"]
    measured = f"{tuned['finetuning']['elapsed_s']:.2g} s, AUROC {number(tuned['auroc'])} on fold 6"
    rows.append(
        ["finetune", "fine-tune a small encoder on 10 % of the labels, 10 s records", measured, "–", "reported"]
    )
    race = _load("benchmarks/reference_script.json")["measured"].get("auroc")
    if race is not None:
        equal = race["seconds_to_equal"]
        what = f"processor seconds to the script's frozen 10 % AUROC ({number(race['script']['auroc'])})"
        measured = f"{equal:.3g} against {race['script']['processor_s']:.3g}" if equal else "not reached"
        rows.append(["reference_script", what, measured, "–", "reported"])
    return table(["Benchmark", "What", "Measured", "Bar", ""], rows)


def comparison_errors() -> str:
    """Share of simulated studies of equal models in which a comparison finds a difference."""
    data = _load("benchmarks/comparison_errors.json")
    held = {tuple(bar["what"].split(", ", 1)[1].rsplit(": ", 1)) for bar in data["bars"]}
    lines = [
        [study, figure, f"{100 * share:.1f} %", "yes" if (study, figure) in held else "–"]
        for study, figures in data["measured"]["share_of_errors"].items()
        for figure, share in figures.items()
    ]
    n = data["config"]["n_simulations"]
    head = ["Simulated studies", "What is counted", "Called different", "Held to a bar"]
    return table(head, lines) + f"\n{n:,} studies each, tests at 5 %; `benchmarks/comparison_errors.py`.\n"


def delineation() -> str:
    """Boundaries on the even records of LUDB: ours at two rates, and the reference delineator."""
    record = _load("benchmarks/delineation.json")
    ludb = record["measured"]["ludb"]
    judged = {name: ludb[name]["leads"]["even"] for name in ("500 Hz", "100 Hz", "neurokit2 dwt")}
    head = ["Boundary", *(f"F1, {name}" for name in judged), *(f"error in ms, {name}" for name in judged)]
    head += ["SD within leads, 500 Hz", "CSE limit of SD"]
    rows = []
    for boundary, ours in judged["500 Hz"].items():
        f1 = [number(part[boundary]["f1"]) for part in judged.values()]
        errors = [
            f"{part[boundary]['mean_ms']:+.1f} ± {part[boundary]['sd_ms']:.1f}".replace("-", "−")
            for part in judged.values()
        ]
        limit = ours["cse_sd_limit_ms"]
        within = f"{ours['mean_sd_within_parts_ms']:.1f}"
        rows.append([boundary, *f1, *errors, within, f"{limit:g}" if limit else "–"])
    beats = record["measured"]["mit_bih"]["all"]
    found = f"sensitivity {100 * beats['sensitivity']:.2f} %, positive predictive value {100 * beats['ppv']:.2f} %"
    return table(head, rows) + f"\nMIT-BIH, {beats['beats']:,} beats: {found}.\n"


READOUTS = {
    "frozen probe": " frozen probe",
    "all layers": " frozen probe, all layers",
    "attention": " frozen probe, attention",
    "fine-tuned": " fine-tuned",
}
"""Readout -> how the names of its rows end."""


def _interval(row: Any) -> str:
    low, high = map(number, row["interval"])
    return f"{number(row['macro_auroc'])} [{low}, {high}]"


def leaderboard(share: float) -> str:
    """Every method at one amount of labels, a column per readout."""
    data = _load("leaderboard/leaderboard.json")
    rows = {row["name"]: row for row in data["rows"] if row["label_fraction"] == share}
    methods = list(dict.fromkeys(name.partition(" frozen probe")[0] for name in rows if " frozen probe" in name))
    seconds = data["processor_s"]

    def cost(method: str) -> str:
        own = [value for name, value in seconds.items() if name.rpartition("-")[0] == method.lower().replace(" ", "-")]
        return f"{sum(own) / len(own) / 60:.1f}" if own else "–"

    lines = []
    for method in methods:
        found = [rows.get(method + ending) for ending in READOUTS.values()]
        knows = "yes" if data["knowledge"][method + " frozen probe"] else ""
        n_seeds = len([name for name in seconds if name.rpartition("-")[0] == method.lower().replace(" ", "-")])
        lines.append([method, knows, f"{n_seeds} x {cost(method)}", *(_interval(row) if row else "–" for row in found)])
    return table(["Pretraining", "Knowledge", "Minutes of one core", *READOUTS], lines)


def leaderboard_rivals() -> str:
    """Every row of the leaderboard that is not pretrained."""
    data = _load("leaderboard/leaderboard.json")
    columns = _columns(data["rows"])
    cells = {(row["name"], row["label_fraction"]): row for row in data["rows"] if row["family"] != "method"}
    names = dict.fromkeys(name for name, _ in cells)
    lines = [
        [
            name,
            "yes" if data["knowledge"][name] else "",
            *(_interval(cells[name, share]) if (name, share) in cells else "–" for share in columns),
        ]
        for name in names
    ]
    head = [_amount(share, column[0]["n_labels"]) if share else "no label" for share, column in columns.items()]
    return table(["Row", "Knowledge", *head], lines) + made_by(data["run"], "leaderboard")


def leaderboard_comparisons(question: str) -> str:
    """Paired differences of one question, best first at each amount of labels."""
    data = _load("leaderboard/leaderboard.json")
    n_labels = {row["label_fraction"]: row["n_labels"] for row in data["rows"]}
    lines = [
        [
            f"{n_labels[one['label_fraction']]:,}", one["a"], one["b"],
            f"{signed(one['difference'])} [{signed(one['lo'])}, {signed(one['hi'])}]",
            number(one["p_holm"]), one["verdict"],
        ]
        for one in sorted(data["comparisons"][question], key=lambda one: (one["label_fraction"], -one["difference"]))
    ]  # fmt: skip
    return table(["Labels", "Row", "against", "Difference [95 %]", "p (Holm)", "Verdict"], lines)


NOTHING_KNOWN = ("supervised", "supervised, recipe none", "MiniRocket + ridge")
"""Rivals without pretraining and without knowledge of the heart, which is where pretraining has to pay."""

TABLES: dict[str, Callable[[], str]] = {
    "benchmarks": benchmarks,
    "comparison-errors": comparison_errors,
    "comparisons": partial(comparisons, "label-fractions"),
    "delineation": delineation,
    **{
        f"scarcity-{track}{part}": partial(make, "label-scarcity", track)
        for track in ("fold", "scarce")
        for part, make in (
            ("", scores),
            ("-comparisons", partial(comparisons, against=NOTHING_KNOWN)),
            ("-equivalence", equivalences),
        )
    },
    "few-labels": partial(scores, "few-labels"),
    "few-labels-comparisons": partial(comparisons, "few-labels"),
    "few-labels-folds": partial(folds, "few-labels"),
    "folds": partial(folds, "label-fractions"),
    "label-fractions": partial(scores, "label-fractions"),
    "leaderboard-1": partial(leaderboard, 0.01),
    "leaderboard-10": partial(leaderboard, 0.1),
    "leaderboard-100": partial(leaderboard, 1.0),
    "leaderboard-knowledge": partial(leaderboard_comparisons, "with knowledge"),
    "leaderboard-rivals": leaderboard_rivals,
    "leaderboard-signals": partial(leaderboard_comparisons, "signals alone"),
    "ssrl-ecg": ssrl_ecg,
    "trials": trials,
    **PROTOCOL_TABLES,
}


def render(text: str, document: str) -> str:
    """Fill every marked table of a document, which is named by its path from the root.

    Tables link into ``results/`` from the root; in a document that lies deeper the links climb up first.
    """
    results = "](" + "../" * document.count("/") + "results/"
    return _MARK.sub(lambda match: match[1] + TABLES[match["name"]]().replace("](results/", results) + match[3], text)


def main() -> int:
    """Write or check the documents."""
    stale = []
    for name in DOCUMENTS:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        filled = render(text, name)
        if filled != text:
            stale.append(name)
            if "--check" not in sys.argv[1:]:
                path.write_text(filled, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        sys.stderr.write(f"tables differ from results/: {', '.join(stale)}; run python results/make_tables.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
