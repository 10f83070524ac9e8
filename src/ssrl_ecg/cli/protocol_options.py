"""Which folds train, choose and are tested, or the rotation that has its own: the protocol flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ssrl_ecg.cli.fold_options import FoldOptions
from ssrl_ecg.data.splits import Split, rotation_splits, without_validation
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError

Validation = Literal["none", "fold"]


@dataclass(frozen=True, kw_only=True)
class ProtocolOptions:
    """Who trains, who chooses, who is tested."""

    protocol: Literal["folds", "rotation"] = "folds"
    """"folds": the three fold flags. "rotation": train on folds 1-6; validate and test on (7, 8), (8, 9), (9, 7)."""
    folds: FoldOptions = field(default_factory=FoldOptions)

    def splits(self, store: RecordStore, validation: Validation) -> list[Split]:
        """Return the splits of the protocol; without validation they are one, and its test part is every test fold.

        Raises:
            InputError: fold flags beside the rotation, or what the splits refuse.
        """
        splits = self._with_validation(store)
        return splits if validation == "fold" else [without_validation(splits)]

    def _with_validation(self, store: RecordStore) -> list[Split]:
        if self.protocol == "folds":
            return [self.folds.split(store)]
        if self.folds != FoldOptions():
            raise InputError(
                "the rotation has its own folds", field="--protocol", expected="no fold flags beside rotation"
            )
        return rotation_splits(store.records)
