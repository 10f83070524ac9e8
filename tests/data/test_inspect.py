"""Inspect: counts by hand on a small cohort with one record of every flaw, and the PTB-XL sample."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from ssrl_ecg.data.folder import Folder
from ssrl_ecg.data.inspect import inspect_store, is_saturated
from ssrl_ecg.data.inspect_plot import plot_inspection
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.store import RecordStore, build_store
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import limb_leads_from_i_ii


def ecg(seed: int) -> np.ndarray:
    """(12, 1000) of noise in mV that obeys Einthoven's law."""
    waves = np.random.default_rng(seed).normal(0, 0.3, (8, 1000))
    return np.concatenate([limb_leads_from_i_ii(waves[0], waves[1]), waves[2:]])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RecordStore:
    root = tmp_path_factory.mktemp("cohort")
    signals = {name: ecg(seed) for seed, name in enumerate(["a", "b", "flat", "saturated", "clipped", "wrong", "nan"])}
    signals["flat"][8] = 0.1
    signals["saturated"][7, 100:105] = 4.0
    signals["clipped"][9, 50] = 40.0
    signals["wrong"][2] += 0.1
    signals["nan"][0, 0] = np.nan
    for name, signal in signals.items():
        np.save(root / f"{name}.npy", signal)
    rows = ["a,p1,1,1,0", "b,p1,2,1,0", "flat,p2,1,1,1", "saturated,p3,1,,0", "clipped,p4,2,0,0", "wrong,p5,-1,1,0"]
    rows += ["nan,p6,1,1,1", "missing1,p7,1,1,1", "missing2,p7,1,1,1"]
    header = "record,patient_id,fold,af,mi,pacemaker\n"
    (root / "labels.csv").write_text(header + "".join(f"{row},0\n" for row in rows))
    return build_store(Folder(root, file_rate_hz=100, unit="mV"), root / "store").store


def test_records_patients_and_folds_are_counted(store: RecordStore) -> None:
    inspection = inspect_store(store)
    assert (inspection.n_records, inspection.n_patients) == (6, 5)
    assert inspection.records_per_patient == {1: 4, 2: 1}
    assert inspection.folds == {-1: 1, 1: 3, 2: 2}
    assert inspection.n_patients_across_folds == 1
    assert "WARNING: 1 patients have records in several folds" in inspection.to_text()


def test_classes_are_counted_over_known_records(store: RecordStore) -> None:
    summary = inspect_store(store).label_sets["labels"]
    assert (summary.task, summary.n_known) == ("multilabel", 5)
    assert summary.counts == {"af": 4, "mi": 1, "pacemaker": 0}
    assert summary.empty_classes == ("pacemaker",)
    assert summary.imbalance_ratio == 4
    assert summary.most_frequent(2) == {"af": 4, "mi": 1}


def test_every_flaw_is_found_and_only_there(store: RecordStore) -> None:
    quality = inspect_store(store).quality
    assert quality.flat == ("flat",)
    assert quality.saturated == ("saturated",)
    assert quality.clipped == ("clipped",)
    assert quality.einthoven == ("wrong",)
    assert quality.nan == ("nan",)
    assert quality.counts() == dict.fromkeys(("flat", "saturated", "clipped", "einthoven", "nan"), 1)


def test_rejections_are_grouped_by_reason(store: RecordStore) -> None:
    inspection = inspect_store(store)
    assert [record for record, _ in inspection.rejected] == ["nan", "missing1", "missing2"]
    assert inspection.rejection_reasons() == {"file is missing": 2, "NaN or infinite samples": 1}


def test_amplitudes_are_percentiles_over_records(store: RecordStore) -> None:
    signal_mv = store.signals_uv / 1000
    ranges = sorted(float(record[11].max() - record[11].min()) for record in signal_mv)
    low, _, median, _, high = inspect_store(store).peak_to_peak_mv["V6"]
    assert median == pytest.approx((ranges[2] + ranges[3]) / 2, abs=1e-4)
    assert ranges[0] <= low <= ranges[1] <= ranges[4] <= high <= ranges[5]


def test_text_and_json_tell_the_same_and_hold_no_signal(store: RecordStore) -> None:
    inspection = inspect_store(store)
    text, values = inspection.to_text(), json.loads(json.dumps(inspection.to_dict()))
    assert "folder: 6 records of 5 patients, 12 leads, 10 s at 100 Hz" in text
    assert "without a record: pacemaker" in text
    assert "1  saturated: saturated" in text
    assert values["quality"]["saturated"] == ["saturated"]
    assert "examples" not in values


def test_a_binary_task_compares_positives_with_negatives(tmp_path: Path) -> None:
    for row in range(5):
        np.save(tmp_path / f"{row}.npy", ecg(row))
    (tmp_path / "labels.csv").write_text("record,af\n0,1\n1,0\n2,0\n3,0\n4,0\n")
    store = build_store(Folder(tmp_path, file_rate_hz=100), tmp_path / "store").store
    assert inspect_store(store).label_sets["labels"].imbalance_ratio == 4


def slow_is_saturated(record: np.ndarray, n_run: int) -> bool:
    for lead in record.tolist():
        for extreme in (min(lead), max(lead)):
            runs = [len(list(run)) for value, run in groupby(lead) if value == extreme]
            if abs(extreme) >= 1 and max(runs) >= n_run and min(lead) != max(lead):
                return True
    return False


def test_saturation_agrees_with_a_slow_search() -> None:
    rng = np.random.default_rng(0)
    signal_mv = rng.integers(-2, 3, (300, 2, 40)).astype(np.float32) * rng.choice([0.3, 0.6], (300, 1, 1))
    signal_mv[0] = 2.0
    expected = [slow_is_saturated(record, 4) for record in signal_mv]
    assert 10 < sum(expected) < 290
    assert is_saturated(signal_mv, 4).tolist() == expected
    assert not is_saturated(signal_mv, 41).any()


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_picture_is_written(store: RecordStore, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"picture{suffix}"
    plot_inspection(inspect_store(store), path)
    assert path.stat().st_size > 10_000
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_picture_without_labels_and_of_many_classes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ecg(0))
    (tmp_path / "labels.csv").write_text("record\na\n")
    bare = inspect_store(build_store(Folder(tmp_path, file_rate_hz=100), tmp_path / "bare").store)
    assert bare.main_label_set is None
    assert [example.record_id for example in bare.examples] == ["a"]
    plot_inspection(bare, tmp_path / "bare.png")
    classes = [f"class{number}" for number in range(40)]
    (tmp_path / "labels.csv").write_text(f"record,{','.join(classes)}\na{',1' * 40}\n")
    rich = inspect_store(build_store(Folder(tmp_path, file_rate_hz=100), tmp_path / "rich").store)
    assert "and 28 rarer classes" in rich.to_text()
    plot_inspection(rich, tmp_path / "rich.png")


def test_another_picture_format_is_refused(store: RecordStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"picture format.*found \.jpg"):
        plot_inspection(inspect_store(store), tmp_path / "picture.jpg")


def test_a_store_without_its_rejections_is_damaged(store: RecordStore, tmp_path: Path) -> None:
    hidden = store.path / "rejected.csv"
    content = hidden.read_bytes()
    hidden.unlink()
    try:
        with pytest.raises(InputError, match=r"rejected\.csv: store is damaged"):
            inspect_store(store)
    finally:
        hidden.write_bytes(content)


@pytest.mark.real_data
def test_the_ptbxl_sample_as_it_is_described(ptbxl_root: Path, tmp_path: Path) -> None:
    inspection = inspect_store(build_store(PTBXL(ptbxl_root), tmp_path / "store").store)
    assert (inspection.n_records, inspection.n_patients, sorted(inspection.folds)) == (2277, 2226, list(range(1, 10)))
    assert inspection.n_patients_across_folds == 0
    assert inspection.main_label_set == "super"
    assert inspection.label_sets["all"].empty_classes == ("INJIL", "INJIN")
    assert inspection.quality.counts()["einthoven"] == 0
    assert 0.5 < inspection.peak_to_peak_mv["II"][2] < 2
