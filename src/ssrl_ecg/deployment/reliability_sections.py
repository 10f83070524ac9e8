"""What calibration left in a classifier's header, as sections of its model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scipy.stats import binomtest


def reliability_sections(facts: Mapping[str, Any]) -> dict[str, str]:
    """Tell what was measured on test records.

    Args:
        facts: of ``training.checkpoint.StoredReliability``.

    Returns:
        Heading -> Markdown; nothing where no test records were looked at.
    """
    if "test" not in facts:
        return {}
    return {
        "Calibration and label sets": "\n".join(_promises(facts)),
        "Strange recordings": "\n".join(_faults(facts["test"])),
    }


def _promises(facts: Mapping[str, Any]) -> list[str]:
    test = facts["test"]
    errors = test["calibration"]
    measured = list(zip(test["classes"], test["n_positive"], errors["ece_before"], errors["ece_after"], strict=True))
    rose = [name for name, _, before, after in measured if after > before]
    found = f"It did not help {' and '.join(rose)}." if rose else "It helped every class."
    rows = [f"| {name} | {n} | {before:.3f} | {after:.3f} |" for name, n, before, after in measured]
    return [
        f"Measured on {test['n_records']} recordings of the test folds. Calibration was learned from "
        f"{facts['n_validation']} recordings of the validation fold. {found}",
        "",
        "| class | with class | ECE before | ECE after |",
        "|---|---|---|---|",
        *rows,
        "",
        "Label sets promise to keep the right answer in that share of recordings with the class, and of those without",
        "it, for each class on its own. In brackets 95 % intervals (Wilson).",
        "",
        "| promise | class | kept, with class | kept, without | one answer left |",
        "|---|---|---|---|---|",
        *(line for promise, kept in test["coverage"].items() for line in _kept(promise, kept, test)),
    ]


def _kept(promise: str, kept: Mapping[str, Any], test: Mapping[str, Any]) -> list[str]:
    return [
        f"| {float(promise):.0%} | {name} | {_share(kept['present'][row], test['n_positive'][row])} | "
        f"{_share(kept['absent'][row], test['n_records'] - test['n_positive'][row])} | {kept['single'][row]:.3f} |"
        for row, name in enumerate(test["classes"])
    ]


def _share(value: float | None, count: int) -> str:
    if value is None:
        return "-"
    interval = binomtest(round(value * count), count).proportion_ci(method="wilson")
    return f"{value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _faults(test: Mapping[str, Any]) -> list[str]:
    rows = []
    for kind, found in test["faults"].items():
        weakest = min(found["forms"], key=found["forms"].__getitem__)
        hardest = f"{weakest}: {found['forms'][weakest]:.3f}"
        rows.append(f"| {kind} | {found['auroc']:.3f} | {found['share_above_1']:.1%} | {hardest} |")
    return [
        f"Of sound test recordings {test['share_of_sound_above_1']:.1%} have a strangeness above 1; of recordings "
        "spoiled on purpose, each in every form of a fault:",
        "",
        "| fault | AUROC | above 1 | AUROC of the form that is hardest to see |",
        "|---|---|---|---|",
        *rows,
    ]
