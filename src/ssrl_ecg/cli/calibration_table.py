"""What ``ssrl-ecg calibrate`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def calibration_table(facts: dict[str, Any]) -> str:
    """Render calibration errors, coverage and how surely faults are noticed, as measured on test records."""
    return "\n".join([*_per_class(facts["test"]), "", *_faults(facts["test"])])


def _per_class(test: dict[str, Any]) -> Iterator[str]:
    width = max(map(len, (*test["classes"], "class")))
    promises = list(test["coverage"])
    yield f"{test['n_records']} test recordings: calibration error; right answers kept, of those with / without class"
    head = [f"{promise:>13}" for promise in promises]
    yield f"{'class':<{width}}  {'n':>5}  {'ECE before':>10}  {'after':>6}  {'  '.join(head)}"
    errors = test["calibration"]
    for row, name in enumerate(test["classes"]):
        kept = [_kept(test["coverage"][promise], row) for promise in promises]
        before, after = errors["ece_before"][row], errors["ece_after"][row]
        figures = f"{test['n_positive'][row]:>5}  {before:>10.3f}  {after:>6.3f}"
        yield f"{name:<{width}}  {figures}  {'  '.join(kept)}"


def _faults(test: dict[str, Any]) -> Iterator[str]:
    yield f"strangeness above 1: {test['share_of_sound_above_1']:.1%} of sound recordings; of spoiled ones:"
    rows: Sequence[tuple[str, dict[str, Any]]] = list(test["faults"].items())
    for kind, found in rows:
        weakest = min(found["forms"], key=found["forms"].__getitem__)
        yield (
            f"  {kind:<14} {found['share_above_1']:6.1%}  AUROC {found['auroc']:.3f}"
            f"  (weakest: {weakest}, {found['forms'][weakest]:.3f})"
        )


def _kept(coverage: dict[str, Any], row: int) -> str:
    """Coverage among records with the class / without it."""
    shares = (coverage[part][row] for part in ("present", "absent"))
    return f"{' / '.join('-' if share is None else f'{share:.3f}' for share in shares):>13}"
