"""What a dry run has to say."""

from __future__ import annotations

from collections.abc import Sequence

from ssrl_ecg.evaluation.forecast import Share
from ssrl_ecg.training.rehearsal import N_STEPS, Estimate


def describe_estimate(estimate: Estimate) -> str:
    """Say what a rehearsed training would cost, and how that is known."""
    return (
        f"about {duration(estimate.total_s)}, memory {estimate.peak_memory_mb:.0f} MB: "
        f"{estimate.n_steps} steps of {1000 * estimate.step_s:.0f} ms, and {estimate.n_epochs} times "
        f"{estimate.epoch_end_s:.1f} s between them\n"
        f"measured over {N_STEPS} steps and what follows an epoch; a training may stop earlier; nothing was written"
    )


def describe_forecast(shares: Sequence[Share]) -> str:
    """Say what the trainings of a comparison would cost, row by row and together."""
    lines = [f"{duration(share.total_s):>9}  {share.name}: {share.n_trainings} trainings" for share in shares]
    total = duration(sum(share.total_s for share in shares))
    memory_mb = max((share.peak_memory_mb for share in shares), default=0.0)
    return "\n".join([
        *lines,
        f"{total:>9}  of training in one process, memory {memory_mb:.0f} MB; probes, floors and the report come on top",
        f"measured over {N_STEPS} steps of each kind of training, on its largest label subset; no result was written",
    ])  # fmt: skip


def duration(seconds: float) -> str:
    """Put a duration into the unit that people would use."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
