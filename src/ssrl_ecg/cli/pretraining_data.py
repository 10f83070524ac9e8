"""Recordings to pretrain on: several collections, how often each is seen, and the audit before the training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssrl_ecg.cli.data_options import LabelledDataOptions, ReadingOptions
from ssrl_ecg.cli.fold_options import FoldOptions
from ssrl_ecg.data.combined import CombinedStore
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.leakage import LeakageAudit, audit
from ssrl_ecg.data.splits import Rows, parse_folds
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError


@dataclass(frozen=True)
class PretrainingData:
    """What to pretrain on.

    Attributes:
        store: the records of all collections.
        audit: what the leakage audit found; its ``train`` are the rows to train on.
        passes: how often each of these rows is seen in an epoch, on average; None: once.
        labels: labels to watch by, or None where the first collection has none.
    """

    store: RecordStore
    audit: LeakageAudit
    passes: np.ndarray | None
    labels: Labels | None


@dataclass(frozen=True, kw_only=True)
class PretrainingDataOptions(ReadingOptions):
    """Which collections of recordings, and how often each is seen.

    Of collections with folds the training folds are used, of others all recordings; fold flags must fit the first.
    Recordings that duplicate a held-out one are taken out.
    """

    data: tuple[str, ...]
    """One or several: a folder of PTB-XL, or KIND:FOLDER, KIND being ptbxl, cinc2021, ludb or folder."""
    weights: tuple[float, ...] = ()
    """How often a recording of each collection is seen in an epoch, on average; without it each is seen once."""
    label_set: str | None = None
    """Labels to watch by, of the first collection; without it the default of its kind."""

    def open(self, sampling_rate_hz: float, folds: FoldOptions) -> PretrainingData:
        """Bring every store up to date, audit them, and say what is pretrained on.

        Raises:
            InputError: data that cannot be used, collections whose recordings differ in length, folds that do not fit,
                weights that are none, or two collections with one store.
        """
        weights = self._checked_weights()
        each = self._each(sampling_rate_hz)
        stores = [options.open_store(sampling_rate_hz) for options in each]
        parts = [_split(store, folds, is_first=not number) for number, store in enumerate(stores)]
        starts = np.cumsum([0, *map(len, stores[:-1])])
        train, held_out = (
            np.concatenate([rows + start for rows, start in zip(of_stores, starts, strict=True)])
            for of_stores in zip(*parts, strict=True)
        )
        store = CombinedStore.of(stores)
        audited = audit(store, train, held_out)
        own_rows = [rows for _, rows in store.by_source(audited.train)]
        passes = np.repeat(weights, [len(rows) for rows in own_rows]) if self.weights else None
        _say(stores, own_rows, folds, audited)
        return PretrainingData(store, audited, passes, each[0].labels(store) if store.label_set_names else None)

    def _checked_weights(self) -> tuple[float, ...]:
        if self.weights and len(self.weights) != len(self.data):
            raise InputError("not a weight for each collection", field="--weights", expected=len(self.data),
                             found=len(self.weights))  # fmt: skip
        wrong = [weight for weight in self.weights if not 0 < weight < np.inf]
        if wrong:
            raise InputError("not a weight", field="--weights", expected="positive numbers", found=wrong[0])
        return self.weights

    def _each(self, sampling_rate_hz: float) -> list[LabelledDataOptions]:
        """Return the options of every collection; ``store`` holds one store, or a folder for each of several."""
        shared = {field.name: getattr(self, field.name) for field in dataclasses.fields(ReadingOptions)}
        each = [LabelledDataOptions(data=word, label_set=self.label_set, **shared) for word in self.data]
        if len(each) > 1:
            folder = self.store or Path("store")
            each = [dataclasses.replace(one, store=folder / one.store_name(sampling_rate_hz)) for one in each]
        places = [one.store for one in each]
        if len(set(places)) < len(places):
            names = ", ".join(self.data)
            raise InputError("two collections would have one store", field="--data", expected="folders of different "
                             "names", found=names)  # fmt: skip
        return each


def _split(store: RecordStore, folds: FoldOptions, *, is_first: bool) -> tuple[Rows, Rows]:
    """Return rows to train on and rows that are held out."""
    column = store.records["fold"].to_numpy()
    if not (column > 0).any():
        return np.arange(len(store)), np.empty(0, np.int64)
    train_folds = parse_folds(folds.train_folds)
    train = folds.split(store).train if is_first else np.flatnonzero(np.isin(column, train_folds))
    return train, np.flatnonzero((column > 0) & ~np.isin(column, train_folds))


def _say(stores: Sequence[RecordStore], rows: Sequence[Rows], folds: FoldOptions, audited: LeakageAudit) -> None:
    for store, own in zip(stores, rows, strict=True):
        which = f"of folds {folds.train_folds}" if (store.records["fold"] > 0).any() else "without folds"
        print(f"pretraining on {len(own)} recordings {which} ({store.facts.source})", flush=True)
    print(audited.verdict, flush=True)
