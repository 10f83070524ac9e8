"""Which records a classifier learns from, is chosen on and is tested on, and what can be said of them beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.fold_options import FoldOptions
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Rows, Split, classes_without_positives, nested_subsets
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.training.provenance import describe_weights, refuse_seen

_CONSEQUENCES = {
    "training": "nothing can be learned of it",
    "validation": "nothing can be chosen for it",
    "test": "its scores will be undefined",
}


@dataclass(frozen=True)
class LabelledRecords:
    """Records, targets and the parts of a classification.

    Attributes:
        store: the records.
        labels: targets of every row.
        folds: all rows of each part, labelled or not.
        training: labelled rows to learn from.
        validation: labelled rows to choose steps, penalties and thresholds on.
    """

    store: RecordStore
    labels: Labels
    folds: Split
    training: Rows
    validation: Rows

    @classmethod
    def choose(
        cls,
        data: LabelledDataOptions,
        folds: FoldOptions,
        *,
        sampling_rate_hz: float,
        label_fraction: float,
        seed: int,
    ) -> LabelledRecords:
        """Open the store, split it, draw the label fraction, and print the outcome.

        Raises:
            InputError: unusable data, labels or folds, or a fraction that leaves no label.
        """
        store = data.open_store(sampling_rate_hz)
        labels = data.labels(store)
        split = folds.split(store)
        patients = store.records["patient_id"].to_numpy()
        training = nested_subsets(labels, patients, [label_fraction], seed, rows=split.train)[label_fraction]
        chosen = cls(store, labels, split, training, split.validation[labels.known[split.validation]])
        chosen._describe()
        return chosen

    def refuse_seen(self, provenance: dict[str, Any]) -> None:
        """Refuse weights that have seen the validation or test folds; see ``training.provenance``."""
        refuse_seen(provenance, self.store, validation=self.folds.validation, test=self.folds.test)

    def describe_weights(
        self, command: list[str], settings: dict[str, Any], earlier: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Return the provenance of a classifier trained and chosen on these records; see ``training.provenance``."""
        return describe_weights(
            command, settings, self.store, self.folds.train, chosen_on=self.folds.validation, earlier=earlier
        )

    def _describe(self) -> None:
        test = self.folds.test[self.labels.known[self.folds.test]]
        n_labelled = int(self.labels.known[self.folds.train].sum())
        print(
            f"labels {self.labels.name}: training on {len(self.training)} of {n_labelled} labelled recordings, "
            f"choosing on {len(self.validation)}; {len(test)} are kept for the test"
        )
        for part, rows in {"training": self.training, "validation": self.validation, "test": test}.items():
            if missing := classes_without_positives(self.labels, rows):
                print(f"note: no {part} recording is positive for {', '.join(missing)}: {_CONSEQUENCES[part]}")
