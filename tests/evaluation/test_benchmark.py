"""The referee on a small cohort; what an entry says is measured again with scikit-learn."""

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ssrl_ecg.cli.benchmark import main
from ssrl_ecg.cli.benchmark_ids import main as ids_main
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.splits import nested_subsets, rotation_splits, without_validation
from ssrl_ecg.data.store import build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.benchmark import benchmark_design, benchmark_ids, check_plans, needed_rows
from ssrl_ecg.evaluation.label_fractions import ArmPlan
from ssrl_ecg.evaluation.report import read_results
from ssrl_ecg.training.probe import cross_validated_probe


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """300 synthetic records, features that say something of their labels, and the words that name them."""
    folder = tmp_path_factory.mktemp("benchmark")
    random = np.random.default_rng(0)
    tree = write_synthetic_ptbxl(folder / "ptbxl", n_records=300, seed=4)
    table = pd.read_csv(tree / "ptbxl_database.csv", index_col="ecg_id")
    table = table.assign(sex=random.integers(0, 2, 300), age=random.integers(18, 90, 300))
    table.to_csv(tree / "ptbxl_database.csv")
    store = build_store(PTBXL(tree), folder / "store").store
    labels = store.labels("super")
    features = (random.normal(0, 1.5, (300, 12)) + labels.values @ random.normal(0, 1, (5, 12))).astype(np.float32)
    order = random.permutation(300)
    np.save(folder / "mine.npy", features[order])
    lines = ["record_id", *store.records["record_id"].to_numpy()[order]]
    (folder / "ids.csv").write_text("\n".join(lines) + "\n")
    words = ["--data", str(folder / "ptbxl"), "--store", str(folder / "store"), "--protocol", "rotation"]
    return folder, store, labels, features, words


@pytest.fixture(scope="module")
def entry(cohort):
    folder, _, _, _, words = cohort
    files = ["--features", str(folder / "mine.npy"), "--ids", str(folder / "ids.csv")]
    assert main([*words, *files, "--floors", "--replicates", "400", "--out", str(folder / "out")]) == 0
    return json.loads((folder / "out" / "leaderboard.json").read_text())


def test_ids_are_those_of_the_splits_and_of_the_nested_subsets(cohort):
    _, store, labels, _, _ = cohort
    splits = rotation_splits(store.records)
    found = benchmark_ids(store, labels, splits)
    ids, folds = (store.records[column].to_numpy() for column in ("record_id", "fold"))
    assert found["training"] == ids[np.isin(folds, range(1, 7)) & labels.known].tolist()
    assert found["test"] == {str(fold): ids[(folds == fold) & labels.known].tolist() for fold in (7, 8, 9)}
    patients = store.records["patient_id"].to_numpy()
    n = len(found["training"])
    for repeat in (0, 9):
        expected = nested_subsets(labels, patients, [32 / n], 42 + repeat, rows=splits[0].train)[32 / n]
        assert found["subsets"][f"32labels-{repeat:02d}"] == ids[expected].tolist()
    lists = {name: found[name] for name in ("subsets", "test", "training")}
    text = json.dumps(lists, sort_keys=True, separators=(",", ":"))
    assert found["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert found == benchmark_ids(store, labels, [without_validation(splits)])


def test_ids_can_be_written_by_a_command(cohort, entry, capsys):
    folder, store, labels, _, words = cohort
    assert ids_main([*words, "--out", str(folder / "ids.json")]) == 0
    written = json.loads((folder / "ids.json").read_text())
    assert written == benchmark_ids(store, labels, rotation_splits(store.records))
    assert written == json.loads((folder / "out" / "ids.json").read_text())
    assert written["sha256"] == entry["ids_sha256"]
    assert written["sha256"] in capsys.readouterr().out


def test_an_entry_holds_what_scikit_learn_measures(cohort, entry):
    """Fit the probe on the listed ids, score the listed test records, average; cells keep half precision."""
    _, store, labels, features, _ = cohort
    ids = benchmark_ids(store, labels, rotation_splits(store.records))
    row_of = {record: row for row, record in enumerate(store.records["record_id"])}
    patients = store.records["patient_id"].to_numpy()
    aurocs = {fold: [] for fold in ids["test"]}
    for repeat in range(10):
        rows = np.sort([row_of[one] for one in ids["subsets"][f"32labels-{repeat:02d}"]])
        probe = cross_validated_probe(features, labels, rows, patients, 42 + repeat)
        for fold, records in ids["test"].items():
            tested = [row_of[one] for one in records]
            aurocs[fold].append(roc_auc_score(labels.values[tested], probe.logits(features[tested]), average="macro"))
    (row,) = [row for row in entry["rows"] if row["n_labels"] == 32]
    assert row["per_fold"] == pytest.approx(
        {fold: np.mean(values) for fold, values in aurocs.items()}, abs=5e-4
    )  # scores are kept in half precision
    assert row["macro_auroc"] == pytest.approx(np.mean(list(aurocs.values())), abs=5e-4)
    assert row["interval"][0] < row["macro_auroc"] < row["interval"][1]


def test_an_entry_says_what_it_is(entry):
    assert {name: entry[name] for name in ("schema", "name", "track", "label_set", "dimension")} == {
        "schema": "ssrl-ecg-benchmark/1", "name": "mine", "track": "no validation", "label_set": "super",
        "dimension": 12,
    }  # fmt: skip
    assert [row["n_labels"] for row in entry["rows"][:-1]] == pytest.approx([16, 32, 64, 128], abs=1)
    assert set(entry["rows"][0]) == {
        "name", "family", "n_labels", "label_fraction", "n_subsets", "macro_auroc", "interval", "auprc", "per_class",
        "per_fold",
    }  # fmt: skip


def test_parts_of_the_test_records_have_counts_and_claims_only_where_they_can(cohort, entry):
    _, store, labels, _, _ = cohort
    tested = without_validation(rotation_splits(store.records)).test
    table = store.records.iloc[tested]
    groups = {(one["characteristic"], one["group"]): one for one in entry["groups"] if one["label_fraction"] == 1.0}
    assert groups["sex", "female"]["n_records"] == (table["sex"] == 1).sum()
    assert groups["age", "60-79"]["n_records"] == table["age"].between(60, 79.999).sum()
    assert {name for characteristic, name in groups if characteristic == "fold"} == {"7", "8", "9"}
    for (characteristic, name), one in groups.items():
        for column, label in enumerate(labels.classes):
            score = one["per_class"][label]
            few = min(score["n_positives"], one["n_records"] - score["n_positives"]) < 20
            assert (score["auroc"] is None) == few, (characteristic, name, label)
            if (characteristic, name) == ("sex", "female"):
                assert score["n_positives"] == labels.values[tested][(table["sex"] == 1).to_numpy(), column].sum()


def test_the_page_and_the_results_are_there(cohort, entry):
    report = read_results(cohort[0] / "out" / "results.json")
    assert report.track == "no validation"
    assert {one.characteristic for one in report.groups} >= {"fold", "sex", "age"}
    text = (cohort[0] / "out" / "report.html").read_text()
    assert "Few-label benchmark: mine" in text
    assert "Macro AUROC by sex" in text


def test_a_validation_fold_may_choose_on_request(cohort, tmp_path):
    folder, _, _, _, words = cohort
    files = ["--features", str(folder / "mine.npy"), "--ids", str(folder / "ids.csv"), "--name", "Mine, validated"]
    flags = ["--floors", "--replicates", "50", "--validation", "fold", "--out", str(tmp_path)]
    assert main([*words, *files, *flags]) == 0
    found = json.loads((tmp_path / "leaderboard.json").read_text())
    assert (found["track"], found["name"]) == ("validation fold", "Mine, validated")
    assert not np.isnan(read_results(tmp_path / "results.json").rows[0].f1)


def test_counts_stay_below_the_number_of_labelled_records():
    assert benchmark_design(1488).counts == (0, 16, 32, 64, 128, 256, 512)
    assert benchmark_design(64).counts == (0, 16, 32)


def test_needed_are_all_labelled_records_of_the_parts(cohort):
    _, store, labels, _, _ = cohort
    split = without_validation(rotation_splits(store.records))
    expected = [row for row in sorted([*split.train, *split.test]) if labels.known[row]]
    assert needed_rows(labels, [split]).tolist() == expected


def test_a_floors_name_and_too_few_replicates_are_refused():
    floor = ArmPlan("MiniRocket + ridge", "floor", {}, lambda: None)
    with pytest.raises(InputError, match="another name"):
        check_plans([ArmPlan("minirocket ridge", "method", {}, lambda: None), floor], 7, 2000)
    with pytest.raises(InputError, match=r"correct 7 comparisons.*expected 279 or more"):
        check_plans([ArmPlan("mine", "method", {}, lambda: None), floor], 7, 278)
    check_plans([ArmPlan("mine", "method", {}, lambda: None), floor], 7, 279)


PUBLISHED = Path(__file__).parents[2] / "results" / "benchmark-ids" / "ptbxl-sample.json"


def test_published_ids_are_nested_apart_from_the_tested_and_have_their_hash():
    found = json.loads(PUBLISHED.read_text())
    lists = {name: found[name] for name in ("subsets", "test", "training")}
    text = json.dumps(lists, sort_keys=True, separators=(",", ":"))
    assert found["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    training = set(found["training"])
    assert not training & {one for records in found["test"].values() for one in records}
    for repeat in range(10):
        nested = [set(found["subsets"][f"{count}labels-{repeat:02d}"]) for count in (16, 32, 64, 128, 256, 512)]
        assert all(small < large for small, large in itertools.pairwise([*nested, training]))
        assert [len(one) for one in nested] == pytest.approx([16, 32, 64, 128, 256, 512], abs=2)


@pytest.mark.real_data
def test_published_ids_are_what_the_code_draws(ptbxl_root, tmp_path):
    store = build_store(PTBXL(ptbxl_root), tmp_path / "store").store
    drawn = benchmark_ids(store, store.labels("super"), rotation_splits(store.records))
    assert drawn == json.loads(PUBLISHED.read_text())
