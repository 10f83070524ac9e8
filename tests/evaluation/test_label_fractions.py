import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ssrl_ecg.data.splits import Split, rotation_splits, split_by_folds
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.arms import Arm, Scores
from ssrl_ecg.evaluation.cells import describe_failures, group_folder, write_cell
from ssrl_ecg.evaluation.label_fractions import (
    ArmPlan,
    LabelFractions,
    arm_jobs,
    cell_files,
    load_scores,
    make_cells,
    rankable_scores,
    score_arrays,
    scored_folds,
    write_frame,
)
from ssrl_ecg.evaluation.runner import Execution, run_cells
from ssrl_ecg.evaluation.summary import ResultsFolder, make_comparisons

QUIET = Execution(progress=False)


class CountingArm(Arm):
    """Scores are the labels plus noise; remembers how often it ran."""

    name, family = "counting", "floor"

    def __init__(self):
        self.rows = []

    def run(self, task):
        self.rows.append(task.rows)
        generator = np.random.default_rng(task.seed)

        def score(rows):
            return task.labels.values[rows] + generator.normal(0, 0.5, (len(rows), len(task.labels.classes)))

        return [Scores(score(split.validation), score(split.test)) for split in task.splits]


@pytest.fixture
def parts(synthetic_store):
    labels = synthetic_store.labels("super")
    splits = rotation_splits(synthetic_store.records)
    patients = synthetic_store.records["patient_id"].to_numpy()
    design = LabelFractions(fractions=(0.1, 0.5, 1.0), n_repeats=(3, 2, 2))
    return labels, splits, make_cells(design, labels, patients, splits[0].train)


def test_cells_are_nested_within_a_repeat_and_full_at_100_percent(parts):
    _, splits, cells = parts
    assert [(cell.fraction, cell.number) for cell in cells] == [
        (0.1, 0),
        (0.1, 1),
        (0.1, 2),
        (0.5, 0),
        (0.5, 1),
        (1.0, 0),
        (1.0, 1),
    ]
    by_key = {(cell.fraction, cell.number): set(cell.rows.tolist()) for cell in cells}
    for repeat in (0, 1):
        assert by_key[0.1, repeat] < by_key[0.5, repeat] < by_key[1.0, repeat] == set(splits[0].train.tolist())
    assert by_key[0.1, 0] != by_key[0.1, 1]


def test_number_of_repeats_must_match_fractions():
    with pytest.raises(InputError, match="one number of repeats"):
        LabelFractions(fractions=(0.1, 1.0), n_repeats=(3,))
    with pytest.raises(InputError, match="at least one repeat"):
        LabelFractions(fractions=(0.1,), n_repeats=(0,))
    with pytest.raises(InputError, match="one number of repeats"):
        LabelFractions(fractions=(), n_repeats=())


def draw(store, rows, **design):
    labels, patients = store.labels("super"), store.records["patient_id"].to_numpy()
    return make_cells(LabelFractions(**design), labels, patients, rows)


def test_counts_are_prefixes_of_the_same_orders_as_fractions(parts, synthetic_store):
    """With 90 training records 9 labels are 10 %: the same records, whichever way they are asked for."""
    _, splits, cells = parts
    rows = splits[0].train
    counts = (0, 4, round(0.1 * len(rows)), 20)
    design = {"fractions": (1.0,), "n_repeats": (2,), "counts": counts, "count_repeats": 3}
    by_name = {cell.name: cell for cell in draw(synthetic_store, rows, **design)}
    expected = {"0labels-00", "100pct-00", "100pct-01"}
    assert set(by_name) == expected | {f"{count}labels-{k:02d}" for count in counts[1:] for k in range(3)}
    patients = synthetic_store.records["patient_id"].to_numpy()
    for k in range(3):
        own = [set(by_name[f"{count}labels-{k:02d}"].rows.tolist()) for count in counts[1:]]
        assert own[0] < own[1] < own[2] < set(rows.tolist())
        assert own[1] == set(cells[k].rows.tolist())
        assert by_name[f"4labels-{k:02d}"].seed == cells[k].seed
        for count, chosen in zip(counts[1:], own, strict=True):
            largest = max(np.unique(patients[rows], return_counts=True)[1])
            assert abs(len(chosen) - count) <= largest / 2
            left = np.setdiff1d(rows, list(chosen))
            assert not set(patients[list(chosen)]) & set(patients[left])
    zero = by_name["0labels-00"]
    assert (zero.fraction, len(zero.rows), zero.seed) == (0.0, 0, 42)


def test_counts_leave_the_subsets_of_fractions_as_they_are(parts, synthetic_store):
    _, splits, cells = parts
    design = {"fractions": (0.1, 0.5, 1.0), "n_repeats": (3, 2, 2), "counts": (0, 7, 33), "count_repeats": 5}
    both = {cell.name: cell for cell in draw(synthetic_store, splits[0].train, **design)}
    assert all(np.array_equal(both[cell.name].rows, cell.rows) for cell in cells)


def test_impossible_counts_are_refused(parts, synthetic_store):
    rows = parts[1][0].train
    with pytest.raises(InputError, match=f"not so many labelled.*expected {len(rows)} or less, found 999"):
        draw(synthetic_store, rows, counts=(999,))
    with pytest.raises(InputError, match="asked for twice"):
        draw(synthetic_store, rows, fractions=(1.0,), n_repeats=(1,), counts=(len(rows),))
    with pytest.raises(InputError, match="asked for twice"):
        draw(synthetic_store, rows, fractions=(1.0,), n_repeats=(1,), counts=(4, 4))
    with pytest.raises(InputError, match="no such number"):
        LabelFractions(counts=(-1,))


def test_with_zero_labels_run_those_arms_that_need_none_and_nowhere_else(parts, synthetic_store, tmp_path):
    labels, splits, _ = parts
    cells = draw(synthetic_store, splits[0].train, fractions=(), n_repeats=(), counts=(0, 8), count_repeats=2)
    learns, knows = CountingArm(), CountingArm()
    plans = [
        ArmPlan("learns", "floor", {}, lambda: learns),
        ArmPlan("knows", "floor", {}, lambda: knows, needs_labels=False),
    ]
    write_frame(tmp_path, synthetic_store, labels, splits, cells)
    facts = {"task": labels.task, "arms": [plan.facts() for plan in plans]}
    (tmp_path / "arms.json").write_text(json.dumps(facts))
    run_cells(arm_jobs(plans, synthetic_store, labels, splits, cells), tmp_path, QUIET)
    assert [len(rows) for rows in knows.rows] == [0]
    assert [len(rows) for rows in learns.rows] == [len(cell.rows) for cell in cells if cell.count]
    results = ResultsFolder(tmp_path)
    assert results.pairs() == [(0.0, "knows"), (8 / len(splits[0].train), "learns")]
    drawn = int(np.median([len(cell.rows) for cell in cells if cell.count]))
    assert abs(drawn - 8) <= 1
    assert [results.n_labels(fraction) for fraction, _ in results.pairs()] == [0, drawn]
    pairs = [("learns", "knows")]
    (found,) = make_comparisons(results, pairs, n_replicates=100)
    values = [results.cells(arm, fraction)[0].scores for fraction, arm in results.pairs()]
    learned = np.stack([cell.scores for cell in results.cells("learns", found.label_fraction)])
    expected = np.mean([slow_auroc(results, scores) for scores in learned]) - slow_auroc(results, values[0])
    assert found.difference == pytest.approx(expected)


def slow_auroc(results, scores):
    """Mean over classes of the mean over folds."""
    records = results.records
    return np.mean(
        [
            np.mean([roc_auc_score(records.targets[rows, k], scores[rows, k]) for rows in records.fold_rows().values()])
            for k in range(5)
        ]
    )


def test_an_arm_without_labels_is_not_compared_where_no_cell_is_without(parts, synthetic_store, tmp_path):
    labels, splits, cells = parts
    plans = [
        ArmPlan("learns", "method", {}, CountingArm),
        ArmPlan("knows", "floor", {}, CountingArm, needs_labels=False),
    ]
    write_frame(tmp_path, synthetic_store, labels, splits, cells)
    facts = {"task": labels.task, "arms": [plan.facts() for plan in plans]}
    (tmp_path / "arms.json").write_text(json.dumps(facts))
    run_cells(arm_jobs(plans, synthetic_store, labels, splits, cells), tmp_path, QUIET)
    assert make_comparisons(ResultsFolder(tmp_path), [("learns", "knows")], n_replicates=100) == []


def test_interrupted_cells_resume_and_changed_settings_run_again(parts, synthetic_store, tmp_path):
    labels, splits, cells = parts
    arm = CountingArm()
    plan = ArmPlan("counting", "floor", {"a": 1}, lambda: arm)
    write_frame(tmp_path, synthetic_store, labels, splits, cells)
    run_cells(arm_jobs([plan], synthetic_store, labels, splits, cells[:4]), tmp_path, QUIET)
    run_cells(arm_jobs([plan], synthetic_store, labels, splits, cells), tmp_path, QUIET)
    assert len(arm.rows) == len(cells)
    assert [(fraction, number) for fraction, number, _ in cell_files(tmp_path, "counting")] == [
        (cell.fraction, cell.number) for cell in cells
    ]
    changed = ArmPlan("counting", "floor", {"a": 2}, lambda: arm)
    run_cells(arm_jobs([changed], synthetic_store, labels, splits, cells[:1]), tmp_path, replace(QUIET, replace=True))
    assert len(arm.rows) == len(cells) + 1


@pytest.fixture
def results_of(parts, synthetic_store, tmp_path):
    """Run some cells with some settings into one folder, as a run with them would, and read the folder."""
    labels, splits, _ = parts

    def run(cells, settings, *, computed=None):
        plan = ArmPlan("counting", "floor", settings, CountingArm)
        write_frame(tmp_path, synthetic_store, labels, splits, cells)
        (tmp_path / "arms.json").write_text(json.dumps({"task": labels.task, "arms": [plan.facts()]}))
        jobs = arm_jobs([plan], synthetic_store, labels, splits, cells if computed is None else computed)
        run_cells(jobs, tmp_path, replace(QUIET, replace=True))
        return ResultsFolder(tmp_path)

    return run


def test_cells_of_an_earlier_run_with_more_repeats_are_not_mixed_in(parts, results_of):
    cells = parts[2]
    assert len(results_of(cells, {}).cells("counting", 0.1)) == 3
    fewer = results_of([cell for cell in cells if cell.number < 2 and cell.fraction != 0.5], {})
    assert len(list(group_folder(fewer.folder, "counting").glob("*.npz"))) == len(cells)
    assert fewer.fractions("counting") == [0.1, 1.0]
    assert [len(fewer.cells("counting", fraction)) for fraction in (0.1, 1.0)] == [2, 2]


def test_a_cell_of_other_settings_is_refused_until_the_run_is_repeated(parts, results_of):
    cells = parts[2]
    results = results_of(cells, {"a": 1})
    stale = group_folder(results.folder, "counting") / "10pct-01.npz"
    earlier = stale.read_bytes()
    changed = results_of(cells, {"a": 2})
    assert len(changed.cells("counting", 0.1)) == 3
    stale.write_bytes(earlier)
    with pytest.raises(InputError, match=r"10pct-01\.npz: a cell of another run.*identity"):
        changed.cells("counting", 0.1)
    assert len(results_of(cells, {"a": 2}).cells("counting", 0.1)) == 3


def test_a_missing_cell_is_named(parts, results_of):
    cells = parts[2]
    results = results_of(cells, {})
    (group_folder(results.folder, "counting") / "50pct-01.npz").unlink()
    assert len(results.cells("counting", 0.1)) == 3
    with pytest.raises(InputError, match=r"50pct-01\.npz: a cell is missing"):
        results.cells("counting", 0.5)
    (results.folder / "identities.json").unlink()
    with pytest.raises(InputError, match=r"identities\.json: results are incomplete"):
        ResultsFolder(results.folder)


def test_a_cell_nobody_listed_is_refused(parts, results_of):
    """The frame of a new run beside the identities of an older one: the run stopped between writing the two."""
    cells = parts[2]
    results_of(cells, {})
    half = results_of(cells, {}, computed=cells[:1])
    with pytest.raises(InputError, match=r"10pct-01\.npz: a cell of another run"):
        half.cells("counting", 0.1)


def test_logits_of_a_softmax_rank_records_by_their_log_probability():
    logits = np.random.default_rng(3).normal(0, 3, (40, 4)).astype(np.float32)
    shifted = logits + np.random.default_rng(4).normal(0, 50, (40, 1)).astype(np.float32)
    slow = np.array([[np.log(np.exp(x) / sum(np.exp(row))) for x in row] for row in logits.astype(float)])
    assert rankable_scores(logits, "single", gives_logits=True) == pytest.approx(slow)
    assert rankable_scores(shifted, "single", gives_logits=True) == pytest.approx(slow, abs=1e-4)
    assert rankable_scores(logits, "single", gives_logits=False) is logits
    assert rankable_scores(logits, "multilabel", gives_logits=True) is logits


def test_every_arm_gets_the_same_rows(parts, synthetic_store, tmp_path):
    labels, splits, cells = parts
    first, second = CountingArm(), CountingArm()
    plans = [ArmPlan(name, "floor", {}, lambda arm=arm: arm) for name, arm in (("first", first), ("second", second))]
    run_cells(arm_jobs(plans, synthetic_store, labels, splits, cells), tmp_path, QUIET)
    assert all(np.array_equal(a, b) for a, b in zip(first.rows, second.rows, strict=True))


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
def test_scores_round_trip_in_half_the_size_and_keep_their_order(tmp_path, scale):
    rng = np.random.default_rng(0)
    whole = (5 + scale * rng.standard_t(3, (270, 3))).astype(np.float32)
    scores = [Scores(whole[:200], whole), Scores(np.empty((0, 3), np.float32), np.full((2, 3), 3.0, np.float32))]
    path = tmp_path / "cells" / "x" / "10pct-00.npz"
    write_cell(path, score_arrays(scores), "identity")
    loaded, identity = load_scores(path)
    assert identity == "identity"
    assert path.stat().st_size < 0.6 * 4 * 470 * 3 + 2500
    assert loaded[1].validation.shape == (0, 3)
    assert np.array_equal(loaded[1].test, scores[1].test)
    assert loaded[0].validation == pytest.approx(whole[:200], rel=1e-3, abs=2e-3 * scale)
    labels = rng.random(270) < 0.3
    before, after = (roc_auc_score(labels, one[:, 0]) for one in (whole, loaded[0].test))
    assert abs(before - after) < 2e-4


def test_frame_names_records_not_rows(parts, synthetic_store, tmp_path):
    labels, splits, cells = parts
    write_frame(tmp_path, synthetic_store, labels, splits, cells)
    ids = synthetic_store.records["record_id"].to_numpy()
    subsets = json.loads((tmp_path / "subsets.json").read_text())
    records = ids[cells[0].rows].tolist()
    assert subsets[cells[0].name] == {"label_fraction": 0.1, "seed": cells[0].seed, "records": records}
    listed = json.loads((tmp_path / "splits.json").read_text())
    assert [part["test"] for part in listed] == [ids[split.test].tolist() for split in splits]
    lines = (tmp_path / "records.csv").read_text().splitlines()
    assert lines[0] == "record_id,patient_id,fold,NORM,MI,STTC,CD,HYP"
    assert len(lines) == 1 + len(np.unique(np.concatenate([split.test for split in splits])))


def test_group_folder_is_a_plain_name(tmp_path):
    assert group_folder(tmp_path, "MiniRocket + ridge").name == "minirocket-ridge"


def test_an_empty_fold_is_named(synthetic_store):
    with pytest.raises(InputError, match="11"):
        split_by_folds(synthetic_store.records, [1], [2], [11])


def test_seeds_can_be_named_and_never_twice(synthetic_store):
    labels, splits = synthetic_store.labels("super"), rotation_splits(synthetic_store.records)
    patients = synthetic_store.records["patient_id"].to_numpy()
    named = LabelFractions(fractions=(0.1, 1.0), n_repeats=(3, 3), seeds=(42, 52, 62))
    cells = make_cells(named, labels, patients, splits[0].train)
    assert [cell.seed for cell in cells] == [42, 52, 62] * 2
    counted = LabelFractions(fractions=(0.1,), n_repeats=(1,), first_seed=52)
    (alone,) = make_cells(counted, labels, patients, splits[0].train)
    np.testing.assert_array_equal(alone.rows, cells[1].rows)
    with pytest.raises(InputError, match="two seeds are equal"):
        LabelFractions(fractions=(0.1,), n_repeats=(2,), seeds=(42, 42))
    with pytest.raises(InputError, match="more repeats than seeds"):
        LabelFractions(fractions=(0.1,), n_repeats=(3,), seeds=(42, 52))


def test_a_split_that_cuts_through_folds_is_scored_as_one_fold(synthetic_store):
    folds = synthetic_store.records["fold"].to_numpy()
    whole = rotation_splits(synthetic_store.records)
    np.testing.assert_array_equal(scored_folds(synthetic_store, whole), folds)
    rows = np.arange(len(folds))
    cut = Split(rows[::3], rows[1::3], rows[2::3])
    assert not scored_folds(synthetic_store, [cut]).any()


def test_an_arm_that_diverges_in_one_cell_is_compared_on_the_others(parts, synthetic_store, tmp_path):
    """NaN in one subset, at another amount in all: noted, left out of rows, pairs kept together by subset."""
    labels, splits, cells = parts
    broken = [cell for cell in cells if cell.name in ("10pct-01", "50pct-00", "50pct-01")]

    class Diverging(CountingArm):
        def run(self, task):
            scores = super().run(task)
            if any(np.array_equal(task.rows, cell.rows) for cell in broken):
                scores[0].test[3, 2] = np.nan
            return scores

    plans = [ArmPlan("steady", "floor", {}, CountingArm), ArmPlan("shaky", "method", {"a": 1}, Diverging)]
    write_frame(tmp_path, synthetic_store, labels, splits, cells)
    facts = {"task": labels.task, "arms": [plan.facts() for plan in plans]}
    (tmp_path / "arms.json").write_text(json.dumps(facts))
    outcomes = run_cells(arm_jobs(plans, synthetic_store, labels, splits, cells), tmp_path, QUIET)
    assert [one.name for one in outcomes.failures] == [cell.name for cell in broken]
    assert all("scores are not finite" in one.reason for one in outcomes.failures)
    assert "1 of" in outcomes.failures[0].reason
    results = ResultsFolder(tmp_path)
    assert results.failures == list(outcomes.failures)
    assert results.fractions("shaky") == [0.1, 1.0]
    assert len(results.cells("shaky", 0.1)) == 2
    pair = results.paired_scores("shaky", "steady", 0.1)
    alone = [results.cells(name, 0.1) for name in ("shaky", "steady")]
    np.testing.assert_array_equal(pair[0].scores, [alone[0][0].scores, alone[0][1].scores])
    np.testing.assert_array_equal(pair[1].scores, [alone[1][0].scores, alone[1][2].scores])
    found = make_comparisons(results, [("shaky", "steady")], n_replicates=100)
    assert {one.label_fraction for one in found} <= {0.1, 1.0}
    sentences = describe_failures(results.failures)
    assert sentences[0].startswith("shaky: 3 failed and count in no row (10pct-01, 50pct-00, 50pct-01)")
