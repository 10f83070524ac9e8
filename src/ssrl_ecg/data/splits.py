"""Who trains, who validates, who is tested: folds, the sample's rotation, and nested label fractions, all patient-wise.

Label fractions and folds both come from one thing, a *stratified order* of patients in which every prefix holds
nearly the right share of every class. A fraction is a prefix of it, so fractions are nested by construction; a fold
is a slice between two prefixes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.errors import InputError

Rows = NDArray[np.int64]

EXACT_FRACTIONS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9)
"""Fractions at which no patient may straddle the end of the subset as long as one who fits is left."""

ROTATION_TRAINING_FOLDS = (1, 2, 3, 4, 5, 6)
ROTATION = ((7, 8), (8, 9), (9, 7))
"""(validation, test) fold of each rotation, for samples of PTB-XL without fold 10."""

RECIPE_TRAINING_FOLDS = (1, 2, 3, 4, 5)
RECIPE_VALIDATION_FOLDS = (6,)

_HIGHEST_FOLD = 999
_LARGEST_SIZE_CLASS = 3


@dataclass(frozen=True)
class Split:
    """Row numbers into the table of records, sorted, of the three parts; a part that is not wanted is empty."""

    train: Rows
    validation: Rows
    test: Rows

    def parts(self) -> dict[str, Rows]:
        """The three row arrays by name, in the order train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def parse_folds(text: str) -> tuple[int, ...]:
    """Read fold numbers from a flag: ``"1-8,10"`` is ``(1, 2, 3, 4, 5, 6, 7, 8, 10)``.

    Returns:
        Fold numbers, ascending.

    Raises:
        InputError: a piece is neither a number from 1 to 999 nor an ascending range of them, or a fold is named twice.
    """
    folds: list[int] = []
    for piece in text.split(","):
        first, dash, last = (word.strip() for word in piece.partition("-"))
        bounds = (first, last) if dash else (first, first)
        if not all(word.isascii() and word.isdigit() and len(word) <= 3 for word in bounds):
            raise _unreadable_folds(text)
        start, stop = int(bounds[0]), int(bounds[1])
        if not 1 <= start <= stop <= _HIGHEST_FOLD:
            raise _unreadable_folds(text)
        folds.extend(range(start, stop + 1))
    if len(set(folds)) < len(folds):
        raise InputError("a fold is named twice", field="folds", found=repr(text))
    return tuple(sorted(folds))


def _unreadable_folds(text: str) -> InputError:
    return InputError(
        "these are not folds", field="folds", expected="numbers and ranges from 1 up, like 1-8,10", found=repr(text)
    )


def split_by_folds(
    records: pd.DataFrame, train: Iterable[int], validation: Iterable[int], test: Iterable[int]
) -> Split:
    """Split a table of records by its ``fold`` column.

    Args:
        records: the table, with columns ``fold`` and ``patient_id``; row numbers in the result are positions in it.
        train: folds of the training part, at least one.
        validation: folds of the validation part; none makes the part empty.
        test: folds of the test part; none makes the part empty.

    Raises:
        InputError: a fold is asked for in two parts, a fold holds no record, no training fold is named, or a patient
            is in two parts.
    """
    wanted = {"train": tuple(train), "validation": tuple(validation), "test": tuple(test)}
    if not wanted["train"]:
        raise InputError("no training fold is named", field="train folds", expected="at least one fold")
    for (part, folds), (other, other_folds) in combinations(wanted.items(), 2):
        for fold in sorted(set(folds) & set(other_folds)):
            raise InputError(
                f"fold {fold} is in both {part} and {other}",
                field=f"{other} folds",
                expected="folds that do not overlap",
            )
    column = records["fold"].to_numpy()
    present = set(column.tolist())
    for part, folds in wanted.items():
        for fold in folds:
            if fold not in present:
                found = ", ".join(str(one) for one in sorted(present) if one > 0) or "none"
                raise InputError(
                    f"fold {fold} holds no record",
                    field=f"{part} folds",
                    expected=f"one of the folds {found}",
                    found=fold,
                )
    rows = {part: np.flatnonzero(np.isin(column, folds)).astype(np.int64) for part, folds in wanted.items()}
    split = Split(**rows)
    assert_patients_disjoint(records, split)
    return split


def assert_patients_disjoint(records: pd.DataFrame, split: Split) -> None:
    """Refuse a split in which a patient's records lie in more than one part.

    Raises:
        InputError: with the number of such patients and one of them.
    """
    patients = records["patient_id"].to_numpy()
    for (part, rows), (other, other_rows) in combinations(split.parts().items(), 2):
        shared = sorted(set(patients[rows].tolist()) & set(patients[other_rows].tolist()))
        if shared:
            raise InputError(
                f"{len(shared)} patient(s) are in both {part} and {other}, for example {shared[0]}",
                field="patient_id",
                expected="every patient in one part",
            )


def rotation_splits(records: pd.DataFrame) -> list[Split]:
    """The three splits of the rotation protocol: train on folds 1-6; validate and test on (7, 8), (8, 9), (9, 7).

    For samples of PTB-XL that lack fold 10. Every record of folds 7-9 is tested once, and one pretraining on folds
    1-6 serves all three.

    Raises:
        InputError: as `split_by_folds`; an empty fold is named.
    """
    return [split_by_folds(records, ROTATION_TRAINING_FOLDS, (validation,), (test,)) for validation, test in ROTATION]


def without_validation(splits: Sequence[Split]) -> Split:
    """One split with the same training rows, no validation rows, and every test row: nobody may look at held-out rows.

    Args:
        splits: one split, or several that share their training rows, such as the rotation.
    """
    tested = np.unique(np.concatenate([split.test for split in splits]))
    return Split(splits[0].train, np.empty(0, dtype=np.int64), tested)


def recipe_split(records: pd.DataFrame) -> Split:
    """The split on which recipes are chosen beside the rotation: train on folds 1-5, judge on fold 6, test on nothing.

    Raises:
        InputError: as `split_by_folds`; an empty fold is named.
    """
    return split_by_folds(records, RECIPE_TRAINING_FOLDS, RECIPE_VALIDATION_FOLDS, ())


def nested_subsets(
    labels: Labels,
    patients: ArrayLike,
    fractions: Iterable[float],
    seed: int,
    rows: ArrayLike | None = None,
) -> dict[float, Rows]:
    """Draw label fractions that lie inside each other, stratified over all classes, with each patient wholly in or out.

    A subset of fraction f is the prefix of `stratified_order` nearest to ``round(f * n)`` records, n being the
    labelled records to draw from. It is exactly that long at `EXACT_FRACTIONS` whenever some remaining patient fits,
    and elsewhere off by at most half of the one patient who straddles its end (so at most 1 unless that patient has
    four records or more). It depends on the seed alone, not on the other fractions asked for.

    Args:
        labels: what to stratify by; rows whose label is not known are never drawn.
        patients: one patient per row of ``labels``, strings or integers.
        fractions: shares in (0, 1]; 1 is every labelled row.
        seed: which order is drawn.
        rows: rows to draw from (the training part, say); all when None.

    Returns:
        For each fraction its sorted row numbers.

    Raises:
        InputError: a fraction outside (0, 1], or one that leaves no labelled record.
    """
    patients = np.asarray(patients)
    candidates = np.arange(len(labels.values)) if rows is None else np.unique(np.asarray(rows, dtype=np.int64))
    candidates = candidates[labels.known[candidates]]
    if len(candidates) == 0:
        raise InputError(
            "no labelled record to draw from", field="label fraction", found=f"0 known labels of {labels.name}"
        )
    order, ends = stratified_order(labels.values[candidates], patients[candidates], seed)
    return {fraction: np.sort(candidates[order[: _prefix_length(ends, fraction)]]) for fraction in fractions}


def _prefix_length(ends: Rows, fraction: float) -> int:
    n_records = int(ends[-1])
    if not 0 < fraction <= 1:
        raise InputError(
            "this is no label fraction", field="label fraction", expected="above 0, at most 1", found=fraction
        )
    target = round(fraction * n_records)
    if target == 0:
        raise InputError(
            "this label fraction leaves no labelled record",
            field="label fraction",
            found=f"{fraction} of {n_records} records",
        )
    return int(ends[np.abs(ends - target).argmin()])


def stratified_folds(values: NDArray[np.uint8], patients: ArrayLike, n_folds: int, seed: int) -> Rows:
    """Number records 1 to ``n_folds`` so that folds are alike in size and classes and no patient is in two of them.

    Folds are the slices of `stratified_order` nearest to equal length.

    Args:
        values: 0/1 (record, class).
        patients: one per record.
        n_folds: how many folds; with fewer patients than folds some folds stay empty.
        seed: which order is drawn.
    """
    order, ends = stratified_order(values, patients, seed)
    cuts = np.arange(1, n_folds) * len(order) / n_folds
    last = ends[np.abs(ends[None, :] - cuts[:, None]).argmin(axis=1)]
    folds = np.empty(len(order), dtype=np.int64)
    folds[order] = 1 + np.searchsorted(last, np.arange(len(order)), side="right")
    return folds


def stratified_order(values: NDArray[np.uint8], patients: ArrayLike, seed: int) -> tuple[Rows, Rows]:
    """Order patients so that every prefix holds each class in nearly its overall share.

    Iterative stratification (Sechidis, Tsoumakas & Vlahavas, "On the stratification of multi-label data", ECML PKDD
    2011) deals examples to parts by what each part still desires of each label, rarest label first. Here the parts
    are prefixes: with share p_c of trait c and d_c the surplus of trait c after n records (count_c - n p_c), the next
    patient is the one who leaves the smallest ``sum_c d_c^2 / p_c``; the weight 1 / p_c is what lets a rare label go
    first. Traits are the classes, "no class at all", every combination of classes, and the patients' numbers of
    records (1, 2, more). Without the combinations each class has its share, but in the company that balances it best:
    three times as many of PTB-XL's conduction disturbances as should are then normal otherwise. (Szymanski &
    Kajdanowicz, "A network perspective on stratification of multi-label data", LIDTA 2017, add pairs for that reason.)
    d starts uniformly in [-1/2, 1/2] per trait, as systematic sampling does, so that a class whose share of a prefix
    is below one record is met in that prefix about as often over seeds as its share says, and not never.

    Args:
        values: 0/1 (record, class).
        patients: one per record.
        seed: of the start of d and of which patient goes first among those with equal labels.

    Returns:
        Row numbers in order, a patient's rows together; and for each patient in that order, the number of rows up to
        and including theirs.
    """
    rng = np.random.default_rng(seed)
    _, patient, size = np.unique(np.asarray(patients), return_inverse=True, return_counts=True)
    kind_of, traits = _kinds_of_patients(np.asarray(values) > 0, patient, size)
    n_waiting = np.bincount(kind_of)
    share = traits.T @ n_waiting / len(patient)
    surplus = rng.uniform(-0.5, 0.5, len(share))
    shuffled = rng.permutation(len(size))
    by_kind = shuffled[np.argsort(kind_of[shuffled], kind="stable")]
    waiting = [queue.tolist() for queue in np.split(by_kind, np.cumsum(n_waiting)[:-1])]
    kind_size = np.zeros(len(n_waiting), dtype=np.int64)
    kind_size[kind_of] = size
    sequence = [waiting[kind].pop() for kind in _greedy_kinds(traits, kind_size, share, surplus, n_waiting)]
    rows_of = np.split(np.argsort(patient, kind="stable"), np.cumsum(size)[:-1])
    order = np.concatenate([rows_of[one] for one in sequence])
    return order.astype(np.int64), np.cumsum(size[sequence]).astype(np.int64)


def _kinds_of_patients(positive: NDArray[np.bool_], patient: Rows, size: Rows) -> tuple[Rows, sparse.csr_array]:
    """Patients whose records have the same combinations of classes are of one kind.

    Args:
        positive: (record, class).
        patient: number of each record's patient.
        size: records of each patient.

    Returns:
        The kind of each patient, and (kind, trait): how many records of such a patient have the trait.
    """
    combinations, combination = np.unique(positive, axis=0, return_inverse=True)
    combination = combination.reshape(-1)  # one release of NumPy returns a column
    by_patient = np.split(combination[np.lexsort((combination, patient))], np.cumsum(size)[:-1])
    of_patient = [tuple(one.tolist()) for one in by_patient]
    kinds = {kind: number for number, kind in enumerate(sorted(set(of_patient)))}
    kind_size = np.array([len(kind) for kind in kinds])
    held = [one for kind in kinds for one in kind]
    kind_of_held = np.repeat(np.arange(len(kinds)), kind_size)
    holds = sparse.csr_array((np.ones(len(held)), (kind_of_held, held)), shape=(len(kinds), len(combinations)))
    of_combination = np.column_stack([combinations, ~combinations.any(axis=1)])
    size_class = np.minimum(kind_size, _LARGEST_SIZE_CLASS)[:, None] == np.arange(1, _LARGEST_SIZE_CLASS + 1)
    blocks = [sparse.csr_array(holds @ of_combination), holds, sparse.csr_array(size_class * kind_size[:, None])]
    traits = sparse.csr_array(sparse.hstack(blocks))
    traits = traits[:, np.flatnonzero(traits.sum(axis=0))]
    return np.array([kinds[kind] for kind in of_patient]), traits


def _greedy_kinds(
    traits: sparse.csr_array, kind_size: Rows, share: NDArray[np.float64], surplus: NDArray[np.float64], left: Rows
) -> list[int]:
    """The order in which kinds of patients go; patients of one kind have the same counts and are interchangeable.

    A patient of kind k adds s_c = t_c - n_k p_c to the surplus of trait c. Expanding the square, ``sum_c (d_c +
    s_c)^2 / p_c`` differs between kinds only in ``sum_c 2 t_c d_c / p_c - 2 n_k sum_c d_c`` and a constant, so a step
    costs one sparse matrix-vector product over the kinds instead of a look at every patient.
    """
    constant = (traits**2) @ (1 / share) - 2 * kind_size * traits.sum(axis=1) + kind_size**2 * share.sum()
    remaining, surplus = left.copy(), surplus.copy()
    n_records = int(kind_size @ remaining)
    stops = np.unique([round(fraction * n_records) for fraction in (*EXACT_FRACTIONS, 1.0)])
    taken = 0
    sequence: list[int] = []
    for _ in range(remaining.sum()):
        cost = 2 * (traits @ (surplus / share)) - 2 * kind_size * surplus.sum() + constant
        cost = np.where(remaining > 0, cost, np.inf)
        room = stops[np.searchsorted(stops, taken, side="right")] - taken
        fitting = np.where(kind_size <= room, cost, np.inf)
        kind = int((fitting if np.isfinite(fitting).any() else cost).argmin())
        sequence.append(kind)
        remaining[kind] -= 1
        own = slice(traits.indptr[kind], traits.indptr[kind + 1])
        surplus[traits.indices[own]] += traits.data[own]
        surplus -= kind_size[kind] * share
        taken += int(kind_size[kind])
    return sequence


def classes_without_positives(labels: Labels, rows: ArrayLike) -> tuple[str, ...]:
    """Classes with no positive among these rows' known labels: nothing can be learned or measured for them there."""
    return labels.take(rows).empty_classes
