"""What every command that computes cells has in common: all cores by default, and a word on cells that failed."""

from __future__ import annotations

from collections.abc import Sequence

from ssrl_ecg.cli.exits import DONE, INCOMPLETE
from ssrl_ecg.evaluation.cells import Failure
from ssrl_ecg.evaluation.runner import Execution

_NAMED = 10


def every_core() -> Execution:
    """Compute on every processor core."""
    return Execution(workers=None)


def say_failures(failures: Sequence[Failure]) -> int:
    """Name the cells that failed.

    Returns:
        The exit code: 3 if there are any.
    """
    for failure in failures[:_NAMED]:
        print(f"failed: {failure.group}, {failure.name}: {failure.reason}")
    if len(failures) > _NAMED:
        print(f"... and {len(failures) - _NAMED} more: see ssrl-ecg benchmark status")
    return INCOMPLETE if failures else DONE
