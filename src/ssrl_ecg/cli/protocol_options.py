"""Which records train, choose and are tested: by folds, by the rotation that has its own, or by published lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ssrl_ecg.cli.fold_options import FoldOptions
from ssrl_ecg.data.split_lists import split_by_lists
from ssrl_ecg.data.splits import Split, rotation_splits, without_validation
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError

Validation = Literal["none", "fold"]


@dataclass(frozen=True, kw_only=True)
class ProtocolOptions:
    """Who trains, who chooses, who is tested."""

    protocol: Literal["folds", "rotation", "lists"] = "folds"
    """"folds": the three fold flags. "rotation": train on folds 1-6; validate and test on (7, 8), (8, 9), (9, 7).
    "lists": the three files of record ids."""
    folds: FoldOptions = field(default_factory=FoldOptions)
    train_ids: Path | None = None
    """CSV file whose column record_id (or ecg_id) names the records that are trained on; for lists."""
    val_ids: Path | None = None
    """The same of the records on which steps, penalties and thresholds are chosen."""
    test_ids: Path | None = None
    """The same of the records that are kept apart until the evaluation."""

    def splits(self, store: RecordStore, validation: Validation) -> list[Split]:
        """Return the splits of the protocol; without validation they are one, and its test part is every tested row.

        Raises:
            InputError: flags of another protocol, or what the splits refuse.
        """
        splits = self._with_validation(store)
        if validation == "none":
            return [without_validation(splits)]
        if not all(len(split.validation) for split in splits):
            raise InputError("who is to choose?", field="--val-ids", expected="a list, or the track without validation")
        return splits

    def _with_validation(self, store: RecordStore) -> list[Split]:
        if self.protocol != "folds" and self.folds != FoldOptions():
            expected = f"no fold flags beside {self.protocol}"
            raise InputError(f"the {self.protocol} protocol has its own parts", field="--protocol", expected=expected)
        if self.protocol != "lists" and (self.train_ids or self.val_ids or self.test_ids):
            raise InputError("lists of records are for --protocol lists", field="--protocol", found=self.protocol)
        if self.protocol == "folds":
            return [self.folds.split(store)]
        return rotation_splits(store.records) if self.protocol == "rotation" else [self._listed(store)]

    def _listed(self, store: RecordStore) -> Split:
        if self.train_ids is None or self.test_ids is None:
            field = "--train-ids" if self.train_ids is None else "--test-ids"
            raise InputError("which records? --protocol lists needs their lists", field=field, expected="a CSV file")
        return split_by_lists(store.records, self.train_ids, self.val_ids, self.test_ids)
