"""How many labels the main job compares at, and who may choose: the flags."""

from __future__ import annotations

from dataclasses import dataclass

from ssrl_ecg.cli.protocol_options import Validation
from ssrl_ecg.evaluation.label_fractions import LabelFractions


@dataclass(frozen=True, kw_only=True)
class LabelOptions:
    """How many labels, and whether a validation fold may choose."""

    validation: Validation = "fold"
    """"fold": a validation fold, far larger than the few labels, chooses weights, penalties and thresholds. "none":
    only the labelled records choose (penalties by cross-validation within them; networks keep their last weights), one
    model is tested on every test fold of the protocol, and records are ranked only."""
    fractions: tuple[float, ...] = (0.01, 0.1, 1.0)
    """Label fractions."""
    repeats: tuple[int, ...] = (10, 5, 3)
    """Label subsets at each fraction; at 1.0, seeds."""
    label_counts: tuple[int, ...] = (0,)
    """Numbers of labels beside the fractions, such as 0 16 32 64 128 256 512; 0 is for rows that need no label."""
    count_repeats: int = 10
    """Label subsets at each number of labels above 0."""

    def design(self, seed: int) -> LabelFractions:
        """Return the design of the experiment.

        Raises:
            InputError: a value out of range.
        """
        return LabelFractions(
            fractions=self.fractions,
            n_repeats=self.repeats,
            counts=self.label_counts,
            count_repeats=self.count_repeats,
            first_seed=seed,
        )
