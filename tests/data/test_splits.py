"""Splits: folds from flags, patient-disjointness, and nested stratified label fractions."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import (
    Split,
    assert_patients_disjoint,
    classes_without_positives,
    nested_subsets,
    parse_folds,
    recipe_split,
    rotation_splits,
    split_by_folds,
    stratified_folds,
    stratified_order,
)
from ssrl_ecg.errors import InputError


def make_labels(values: np.ndarray, known: np.ndarray | None = None, task: str = "multilabel") -> Labels:
    known = np.ones(len(values), dtype=bool) if known is None else known
    classes = tuple(f"c{column}" for column in range(values.shape[1]))
    return Labels(name="toy", classes=classes, values=values.astype(np.uint8), known=known, task=task)


def toy_cohort(seed: int, n_records: int = 1500, n_patients: int = 1200) -> tuple[Labels, np.ndarray]:
    rng = np.random.default_rng(seed)
    prevalence = np.array([0.45, 0.25, 0.2, 0.1, 0.02, 0.004])
    values = rng.random((n_records, len(prevalence))) < prevalence
    return make_labels(values), rng.integers(0, n_patients, n_records)


def table(folds: list[int], patients: list[str] | None = None) -> pd.DataFrame:
    patients = patients or [f"p{row}" for row in range(len(folds))]
    return pd.DataFrame({"record_id": range(len(folds)), "patient_id": patients, "fold": folds})


@pytest.mark.parametrize(
    ("text", "folds"),
    [
        ("1-8", (1, 2, 3, 4, 5, 6, 7, 8)),
        ("9", (9,)),
        ("1-3,10", (1, 2, 3, 10)),
        (" 7 , 2 - 3", (2, 3, 7)),
        ("4-4", (4,)),
    ],
)
def test_folds_are_read_from_numbers_and_ranges(text: str, folds: tuple[int, ...]) -> None:
    assert parse_folds(text) == folds


@pytest.mark.parametrize(
    "text", ["", ",", "1,", "a", "1-", "-1", "0", "3-1", "1-2-3", "1.5", "1;2", "2,1-3", "1-99999999999", "²", "١"]
)
def test_nonsense_folds_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError, match="fold") as caught:
        parse_folds(text)
    assert "\n" not in str(caught.value)


def test_folds_split_the_table() -> None:
    split = split_by_folds(table([3, 1, 2, 1, 3, -1]), (1,), (2,), (3,))
    assert split.train.tolist() == [1, 3]
    assert split.validation.tolist() == [2]
    assert split.test.tolist() == [0, 4]


def test_a_fold_in_two_parts_is_named() -> None:
    with pytest.raises(InputError, match="fold 2 is in both train and test"):
        split_by_folds(table([1, 2, 3]), (1, 2), (3,), (2,))


def test_an_empty_fold_is_named() -> None:
    with pytest.raises(InputError, match=r"fold 10 holds no record.*test folds"):
        split_by_folds(table([1, 2, 3]), (1, 2), (3,), (10,))


def test_a_split_without_training_folds_is_refused() -> None:
    with pytest.raises(InputError, match="no training fold"):
        split_by_folds(table([1]), (), (1,), ())


def test_a_patient_in_two_parts_is_refused_with_an_example() -> None:
    with pytest.raises(InputError, match=r"2 patient\(s\) are in both train and test, for example p1"):
        split_by_folds(table([1, 1, 2, 3, 3], ["p1", "p2", "p3", "p2", "p1"]), (1,), (2,), (3,))


def test_disjointness_looks_at_every_pair_of_parts() -> None:
    records = table([1, 2, 3], ["a", "b", "b"])
    rows = [np.array([row]) for row in range(3)]
    assert_patients_disjoint(records, Split(rows[0], rows[1], np.array([], dtype=np.int64)))
    with pytest.raises(InputError, match="validation and test"):
        assert_patients_disjoint(records, Split(*rows))


def test_rotation_tests_folds_7_to_9_once_each() -> None:
    folds = np.arange(1, 10).repeat(3)
    splits = rotation_splits(table(folds.tolist()))
    assert [folds[split.test[0]] for split in splits] == [8, 9, 7]
    assert [folds[split.validation[0]] for split in splits] == [7, 8, 9]
    assert np.concatenate([split.test for split in splits]).size == 9
    assert all(set(folds[split.train]) == set(range(1, 7)) for split in splits)


def test_rotation_names_a_missing_fold() -> None:
    with pytest.raises(InputError, match="fold 9 holds no record"):
        rotation_splits(table([1, 2, 3, 4, 5, 6, 7, 8]))


def test_recipes_are_chosen_without_touching_folds_7_to_9() -> None:
    split = recipe_split(table(list(range(1, 10))))
    assert (split.train.tolist(), split.validation.tolist(), split.test.tolist()) == ([0, 1, 2, 3, 4], [5], [])


def slow_order(values: np.ndarray, patients: np.ndarray, seed: int) -> list[float]:
    """What the greedy choice costs step by step, recomputed from the definition for every patient left."""
    order, ends = stratified_order(values, patients, seed)
    sizes = Counter(patients.tolist())
    one_hot_size = np.array([[min(sizes[patient], 3) == size for size in (1, 2, 3)] for patient in patients.tolist()])
    rows_with = {tuple(row): (values == row).all(axis=1) for row in values.tolist()}
    combinations = np.column_stack([rows_with[key] for key in sorted(rows_with)])
    traits = np.column_stack([values, values.sum(axis=1) == 0, combinations, one_hot_size]).astype(float)
    traits = traits[:, traits.any(axis=0)]
    share = traits.mean(axis=0)
    start = np.random.default_rng(seed).uniform(-0.5, 0.5, len(share))
    waiting = set(patients.tolist())
    stops = sorted(
        {round(f * len(values)) for f in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1)}
    )
    excess = []
    begin = 0
    for end in ends.tolist():
        chosen = patients[order[begin]]
        costs = {}
        room = min(stop for stop in stops if stop > begin) - begin
        for patient in waiting:
            rows = np.concatenate([order[:begin], np.flatnonzero(patients == patient)])
            surplus = start + traits[rows].sum(axis=0) - len(rows) * share
            costs[patient] = float((surplus**2 / share).sum())
        fitting = [cost for patient, cost in costs.items() if sizes[patient] <= room]
        excess.append(costs[chosen] - min(fitting or costs.values()))
        waiting.remove(chosen)
        begin = end
    return excess


def test_the_order_is_greedy_by_its_definition() -> None:
    rng = np.random.default_rng(0)
    values = (rng.random((90, 3)) < [0.4, 0.2, 0.05]).astype(np.uint8)
    patients = rng.integers(0, 60, 90)
    assert max(slow_order(values, patients, seed=3)) < 1e-9


def test_the_order_holds_every_row_once_and_patients_together() -> None:
    labels, patients = toy_cohort(0)
    order, ends = stratified_order(labels.values, patients, seed=1)
    assert sorted(order.tolist()) == list(range(len(patients)))
    runs = np.flatnonzero(np.diff(patients[order])) + 1
    assert [*runs.tolist(), len(patients)] == ends.tolist()
    assert len(ends) == len(set(patients.tolist()))


@pytest.mark.parametrize("seed", range(5))
def test_subsets_are_nested_and_keep_patients_whole(seed: int) -> None:
    labels, patients = toy_cohort(seed)
    fractions = (1.0, 0.01, 0.037, 0.05, 0.1, 0.1234, 0.5)
    subsets = nested_subsets(labels, patients, fractions, seed)
    previous: set[int] = set()
    for fraction in sorted(fractions):
        rows = subsets[fraction]
        assert previous <= set(rows.tolist())
        assert np.all(np.diff(rows) > 0)
        assert not set(patients[rows].tolist()) & set(np.delete(patients, rows).tolist())
        previous = set(rows.tolist())
    assert len(subsets[1.0]) == len(patients)


@pytest.mark.parametrize("seed", range(5))
def test_subsets_have_the_exact_size(seed: int) -> None:
    labels, patients = toy_cohort(seed)
    largest = max(Counter(patients.tolist()).values())
    for fraction, rows in nested_subsets(labels, patients, (0.01, 0.02, 0.05, 0.1, 0.2, 0.5), seed).items():
        assert len(rows) == round(fraction * len(patients))
    for fraction, rows in nested_subsets(labels, patients, (0.013, 0.07, 0.33, 0.66), seed).items():
        assert abs(len(rows) - round(fraction * len(patients))) <= largest // 2


def test_a_subset_depends_on_its_seed_and_not_on_its_neighbours() -> None:
    labels, patients = toy_cohort(0)
    alone = nested_subsets(labels, patients, (0.05,), seed=7)[0.05]
    among = nested_subsets(labels, patients, (0.5, 0.05, 0.049), seed=7)[0.05]
    other = nested_subsets(labels, patients, (0.05,), seed=8)[0.05]
    assert alone.tolist() == among.tolist()
    assert alone.tolist() != other.tolist()


def test_every_prefix_is_better_stratified_than_chance() -> None:
    ours, chance = [], []
    for seed in range(10):
        labels, patients = toy_cohort(seed)
        share = labels.values.mean(axis=0)
        rng = np.random.default_rng(seed)
        for fraction, rows in nested_subsets(labels, patients, (0.01, 0.05, 0.1, 0.3), seed).items():
            drawn = rng.choice(len(patients), len(rows), replace=False)
            ours.append(np.abs(labels.values[rows].sum(axis=0) - len(rows) * share).max())
            chance.append(np.abs(labels.values[drawn].sum(axis=0) - len(rows) * share).max())
            assert ours[-1] <= 2.5, (seed, fraction)
    assert np.mean(ours) < 0.25 * np.mean(chance)


def test_classes_keep_the_company_they_have() -> None:
    """A class that mostly comes alone also comes alone in small subsets: stratifying single classes would bias that."""
    rng = np.random.default_rng(0)
    normal = rng.random(1500) < 0.45
    first = np.where(normal, rng.random(1500) < 0.05, rng.random(1500) < 0.4)
    second = np.where(normal, rng.random(1500) < 0.05, rng.random(1500) < np.where(first, 0.2, 0.7))
    labels = make_labels(np.column_stack([normal, first, second]))
    patients = np.arange(1500)
    combination = labels.values @ [4, 2, 1]
    share = np.bincount(combination, minlength=8) / 1500
    drawn = np.zeros(8)
    for seed in range(40):
        rows = nested_subsets(labels, patients, (0.05,), seed)[0.05]
        drawn += np.bincount(combination[rows], minlength=8) / 75 / 40
    assert np.abs(drawn - share).max() < 0.005


def test_classes_worth_a_record_are_met_and_rarer_ones_as_often_as_their_share() -> None:
    met = []
    for seed in range(60):
        labels, patients = toy_cohort(0)
        rows = nested_subsets(labels, patients, (0.01,), seed)[0.01]
        assert len(rows) == 15
        met.append(labels.values[rows].any(axis=0))
    assert np.all(np.array(met)[:, :4])
    expected = 15 * labels.values.mean(axis=0)[4]
    assert 0.1 < expected < 0.5
    assert abs(np.mean(met, axis=0)[4] - expected) < 3 * np.sqrt(expected * (1 - expected) / 60)


def test_patients_with_many_records_are_not_kept_for_last() -> None:
    shares = []
    for seed in range(10):
        labels, patients = toy_cohort(seed, n_patients=700)
        sizes = Counter(patients.tolist())
        repeated = np.array([sizes[patient] > 2 for patient in patients.tolist()])
        rows = nested_subsets(labels, patients, (0.1,), seed)[0.1]
        shares.append(repeated[rows].mean() - repeated.mean())
    assert abs(np.mean(shares)) < 0.02


def test_unknown_labels_and_foreign_rows_are_never_drawn() -> None:
    labels, patients = toy_cohort(0)
    known = np.random.default_rng(0).random(len(patients)) < 0.7
    labels = make_labels(labels.values, known)
    pool = np.arange(0, len(patients), 2)
    subsets = nested_subsets(labels, patients, (0.1, 1.0), 0, rows=pool)
    assert subsets[1.0].tolist() == [row for row in pool.tolist() if known[row]]
    assert set(subsets[0.1].tolist()) <= set(subsets[1.0].tolist())
    assert len(subsets[0.1]) == round(0.1 * len(subsets[1.0]))


@pytest.mark.parametrize("task", ["binary", "single"])
def test_binary_and_single_labels_are_stratified_too(task: str) -> None:
    drawn = np.random.default_rng(0).choice(3, 1000, p=[0.8, 0.15, 0.05])
    values = (drawn == 1)[:, None] if task == "binary" else np.eye(3)[drawn]
    labels = make_labels(values, task=task)
    patients = np.array([f"p{row}" for row in range(1000)])
    rows = nested_subsets(labels, patients, (0.1,), 0)[0.1]
    assert np.all(np.abs(labels.values[rows].sum(axis=0) - 100 * labels.values.mean(axis=0)) <= 1.5)


def test_a_fraction_that_leaves_nothing_is_refused() -> None:
    labels = make_labels(np.ones((20, 1)))
    with pytest.raises(InputError, match=r"leaves no labelled record.*0.01 of 20 records"):
        nested_subsets(labels, np.arange(20), (0.01,), 0)
    with pytest.raises(InputError, match="no labelled record to draw from"):
        nested_subsets(make_labels(np.ones((3, 1)), np.zeros(3, dtype=bool)), np.arange(3), (1.0,), 0)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.01, float("nan")])
def test_a_fraction_outside_its_range_is_refused(fraction: float) -> None:
    with pytest.raises(InputError, match="label fraction"):
        nested_subsets(make_labels(np.ones((20, 1))), np.arange(20), (fraction,), 0)


def test_one_patient_with_everything_is_drawn_whole() -> None:
    subsets = nested_subsets(make_labels(np.ones((20, 1))), np.zeros(20), (0.1, 1.0), 0)
    assert len(subsets[0.1]) == len(subsets[1.0]) == 20


def test_stratified_folds_are_alike_and_patient_wise() -> None:
    labels, patients = toy_cohort(3)
    folds = stratified_folds(labels.values, patients, 10, seed=0)
    assert sorted(set(folds.tolist())) == list(range(1, 11))
    assert all(len(set(folds[patients == patient].tolist())) == 1 for patient in set(patients.tolist()))
    sizes = np.bincount(folds)[1:]
    assert np.all(np.abs(sizes - 150) <= 4)
    per_fold = np.array([labels.values[folds == fold].sum(axis=0) for fold in range(1, 11)])
    assert np.all(np.abs(per_fold - per_fold.mean(axis=0)) <= 4)
    assert folds.tolist() == stratified_folds(labels.values, patients, 10, seed=0).tolist()


def test_classes_without_positives_counts_known_rows_only() -> None:
    values = np.array([[1, 0, 1], [0, 0, 0], [0, 0, 1]])
    labels = make_labels(values, np.array([True, True, False]))
    assert classes_without_positives(labels, [0, 1, 2]) == ("c1",)
    assert classes_without_positives(labels, np.array([1, 2])) == ("c0", "c1", "c2")


@pytest.mark.real_data
def test_fractions_of_the_ptbxl_sample(ptbxl_root: Path) -> None:
    records = pd.read_csv(ptbxl_root / "ptbxl_database.csv")
    statements = pd.read_csv(ptbxl_root / "scp_statements.csv", index_col=0)
    superclass = statements.loc[statements["diagnostic"] == 1, "diagnostic_class"].to_dict()
    classes = ("NORM", "MI", "STTC", "CD", "HYP")
    found = [
        {superclass[code] for code in ast.literal_eval(codes) if code in superclass} for codes in records["scp_codes"]
    ]
    values = np.array([[name in one for name in classes] for one in found])
    records = records.rename(columns={"strat_fold": "fold"})
    train = rotation_splits(records)[0].train
    assert len(train) == 1488
    patients = records["patient_id"].to_numpy()
    share = values[train].mean(axis=0)
    for seed in range(10):
        subsets = nested_subsets(make_labels(values), patients, (0.01, 0.1, 1.0), seed, rows=train)
        assert [len(rows) for rows in subsets.values()] == [15, 149, 1488]
        assert values[subsets[0.01]].any(axis=0).all()
        for rows in subsets.values():
            assert np.abs(values[rows].sum(axis=0) - len(rows) * share).max() < 2
