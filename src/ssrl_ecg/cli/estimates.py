"""What a dry run has to say."""

from __future__ import annotations

from ssrl_ecg.training.rehearsal import N_STEPS, Estimate


def describe_estimate(estimate: Estimate) -> str:
    """Say what a rehearsed training would cost, and how that is known."""
    return (
        f"about {duration(estimate.total_s)}, memory {estimate.peak_memory_mb:.0f} MB: "
        f"{estimate.n_steps} steps of {1000 * estimate.step_s:.0f} ms, and {estimate.n_epochs} times "
        f"{estimate.epoch_end_s:.1f} s between them\n"
        f"measured over {N_STEPS} steps and what follows an epoch; a training may stop earlier; nothing was written"
    )


def duration(seconds: float) -> str:
    """Put a duration into the unit that people would use."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
