"""Who trains, who chooses and who is tested: the fold flags."""

from __future__ import annotations

from dataclasses import dataclass

from ssrl_ecg.data.splits import Split, parse_folds, split_by_folds
from ssrl_ecg.data.store import RecordStore


@dataclass(frozen=True, kw_only=True)
class FoldOptions:
    """Who trains, who chooses, who is tested."""

    train_folds: str = "1-8"
    """Folds that are trained on, such as 1-6 or 1,2,5."""
    val_folds: str = "9"
    """Folds on which steps, penalties and thresholds are chosen."""
    test_folds: str = "10"
    """Folds that are kept apart until the evaluation."""

    def split(self, store: RecordStore) -> Split:
        """Return the rows of each part; no patient is in two of them.

        Raises:
            InputError: folds that are none, overlap or hold no record, or a patient in two parts.
        """
        return split_by_folds(store.records, *map(parse_folds, (self.train_folds, self.val_folds, self.test_folds)))
