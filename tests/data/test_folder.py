"""Folder: WFDB, CSV and NPY records of one's own, labels of three kinds, and everything that can be wrong with them."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import wfdb

from ssrl_ecg.data.folder import Folder
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.data.splits import split_by_folds
from ssrl_ecg.data.store import build_store
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS, limb_leads_from_i_ii

RATE_HZ = 100


def ecg(seed: int = 0, rate_hz: float = RATE_HZ, duration_s: float = 10.0) -> np.ndarray:
    """A smooth 12-lead signal in mV that obeys Einthoven's law."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(rate_hz * duration_s)) / rate_hz
    waves = np.sin(2 * np.pi * rng.uniform(0.5, 8, (8, 3, 1)) * time_s + rng.uniform(0, 6, (8, 3, 1))).mean(axis=1)
    return np.concatenate([limb_leads_from_i_ii(waves[0], waves[1]), waves[2:]]).astype(np.float32)


def write_labels(root: Path, text: str) -> None:
    (root / "labels.csv").write_text(text, encoding="utf-8")


def read(folder: Folder, name: str) -> SignalFile:
    record: Any = SimpleNamespace(record_id=name, path=name)
    return folder.read(record)


def write_csv(path: Path, signal: np.ndarray, leads: tuple[str, ...] = LEADS) -> None:
    pd.DataFrame(signal.T, columns=list(leads)).to_csv(path, index=False)


def write_wfdb(root: Path, name: str, signal: np.ndarray, rate_hz: float = RATE_HZ) -> None:
    n_leads = len(signal)
    wfdb.wrsamp(
        name, rate_hz, ["mV"] * n_leads, list(LEADS[:n_leads]), signal.T.astype(float), fmt=["16"] * n_leads,
        adc_gain=[1000.0] * n_leads, baseline=[0] * n_leads, write_dir=str(root),
    )  # fmt: skip


def test_all_three_formats_give_the_same_signal(tmp_path: Path) -> None:
    signal = np.round(ecg(), 3)
    write_wfdb(tmp_path, "w", signal)
    write_csv(tmp_path / "c.csv", signal)
    np.save(tmp_path / "lead_time.npy", signal)
    np.save(tmp_path / "time_lead.npy", signal.T.astype(np.float64))
    folder = Folder(tmp_path, file_rate_hz=RATE_HZ)
    for name in ("w", "w.hea", "c", "c.csv", "lead_time", "time_lead.npy"):
        recording = read(folder, name)
        assert (recording.sampling_rate_hz, recording.leads) == (RATE_HZ, LEADS)
        np.testing.assert_allclose(recording.signal_mv, signal, atol=1e-6)


def test_csv_columns_in_any_order_and_spelling_beside_others(tmp_path: Path) -> None:
    signal = ecg()
    table = pd.DataFrame(signal.T, columns=[f"Lead {lead.upper()}" for lead in LEADS])[::1]
    table = table[sorted(table.columns)]
    table.insert(0, "time", np.arange(len(table)) / RATE_HZ)
    table["device"] = "x"
    table.to_csv(tmp_path / "a.csv")
    np.testing.assert_allclose(read(Folder(tmp_path, file_rate_hz=RATE_HZ), "a").signal_mv, signal, atol=1e-6)


def test_eight_recorded_leads_give_twelve(tmp_path: Path) -> None:
    signal = ecg()
    write_csv(tmp_path / "a.csv", signal[[0, 1, *range(6, 12)]], ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6"))
    np.testing.assert_allclose(read(Folder(tmp_path, file_rate_hz=RATE_HZ), "a").signal_mv, signal, atol=1e-6)


def test_npy_leads_can_be_named(tmp_path: Path) -> None:
    signal = ecg()
    np.save(tmp_path / "a.npy", signal[::-1])
    folder = Folder(tmp_path, file_rate_hz=RATE_HZ, leads=LEADS[::-1])
    np.testing.assert_allclose(read(folder, "a").signal_mv, signal, atol=1e-6)


@pytest.mark.parametrize(("unit", "factor"), [("uV", 1e3), ("V", 1e-3), ("mV", 1.0)])
def test_units_become_millivolts(tmp_path: Path, unit: str, factor: float) -> None:
    signal = ecg()
    np.save(tmp_path / "a.npy", signal * factor)
    folder = Folder(tmp_path, file_rate_hz=RATE_HZ, unit=unit)
    np.testing.assert_allclose(read(folder, "a").signal_mv, signal, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("factor", "unit"), [(1e3, "uV"), (1e-3, "V")])
def test_implausible_millivolts_suggest_the_unit(tmp_path: Path, factor: float, unit: str) -> None:
    np.save(tmp_path / "a.npy", (ecg() * factor).astype(np.float32))
    with pytest.raises(InputError, match=f'unit="{unit}"'):
        read(Folder(tmp_path, file_rate_hz=RATE_HZ), "a")


def test_offsets_flat_leads_and_nan_are_no_question_of_units(tmp_path: Path) -> None:
    signal = ecg()
    signal[3] += 300
    signal[4, 10] = np.nan
    signal[5] = 0
    np.save(tmp_path / "offset.npy", signal)
    np.save(tmp_path / "flat.npy", np.zeros((12, 1000)))
    folder = Folder(tmp_path, file_rate_hz=RATE_HZ)
    assert np.isnan(read(folder, "offset").signal_mv[4, 10])
    assert not read(folder, "flat").signal_mv.any()


@pytest.mark.parametrize("file_rate_hz", [100.0, 128.0, 257.0, 360.0, 500.0, 62.5])
@pytest.mark.parametrize(("target_hz", "duration_s"), [(100.0, 10.0), (500.0, 2.5)])
def test_other_rates_and_longer_records_fit_the_store(
    tmp_path: Path, file_rate_hz: float, target_hz: float, duration_s: float
) -> None:
    signal = ecg(rate_hz=file_rate_hz, duration_s=duration_s + 3.1)
    np.save(tmp_path / "a.npy", signal)
    folder = Folder(tmp_path, file_rate_hz=file_rate_hz, sampling_rate_hz=target_hz, duration_s=duration_s)
    recording = read(folder, "a")
    assert recording.signal_mv.shape == (12, round(target_hz * duration_s))
    expected = ecg(rate_hz=target_hz, duration_s=duration_s)
    inner = slice(round(0.5 * target_hz), None)
    np.testing.assert_allclose(recording.signal_mv[:, inner], expected[:, inner], atol=0.01)


def test_a_long_file_is_not_read_beyond_the_need(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.tile(ecg(), 30))
    with open(tmp_path / "a.csv", "w") as file:
        file.write(",".join(LEADS) + "\n" + (",".join(["0.5"] * 12) + "\n") * 2000 + "broken beyond the need\n")
    folder = Folder(tmp_path, file_rate_hz=RATE_HZ)
    assert read(folder, "a.npy").signal_mv.shape == (12, 1000)
    assert read(folder, "a.csv").signal_mv.shape == (12, 1000)


def test_bad_records_are_listed_by_the_store_and_the_rest_goes_on(tmp_path: Path) -> None:
    np.save(tmp_path / "good.npy", ecg())
    np.save(tmp_path / "short.npy", ecg(duration_s=9))
    np.save(tmp_path / "uv.npy", ecg() * 1000)
    np.save(tmp_path / "square.npy", np.zeros((12, 12)))
    np.save(tmp_path / "text.npy", np.array([["a"] * 12] * 1000))
    np.save(tmp_path / "objects.npy", np.array([[{}] * 12] * 20), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "zip.npy", "w") as archive:
        archive.writestr("good.csv", "I,II\n")
    (tmp_path / "noise.npy").write_bytes(b"not an array")
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "headless.csv").write_text("1,2,3\n4,5,6\n")
    (tmp_path / "words.csv").write_text(",".join(LEADS) + "\n" + ",".join(["x"] * 12) + "\n")
    write_csv(tmp_path / "eleven.csv", ecg()[1:], LEADS[1:])
    names = {
        "good": "", "short": "another length", "uv": 'unit="uV"', "square": "does not fit", "text": "does not fit",
        "objects": "cannot be read", "noise": "format is not known", "empty.npy": "file is empty", "empty": "ambiguous",
        "empty.csv": "file is empty", "headless": "columns have no names", "words": "cannot be read",
        "zip": "archives are not opened", "eleven": "missing lead", "absent": "file is missing",
        "../outside": "not a path inside", "/etc/x": "not a path inside",
    }  # fmt: skip
    write_labels(tmp_path, "record,af\n" + "".join(f"{name},1\n" for name in names))
    result = build_store(Folder(tmp_path, file_rate_hz=RATE_HZ), tmp_path / "store")
    assert result.store.records["record_id"].tolist() == ["good"]
    assert result.store.labels("labels").values.tolist() == [[1]]
    rejected = pd.read_csv(result.store.path / "rejected.csv").set_index("record_id")["reason"]
    assert len(rejected) == len(names) - 1
    for name, reason in names.items():
        assert name == "good" or reason in rejected[name], rejected[name]


def test_files_without_a_rate_say_what_to_give(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ecg())
    with pytest.raises(InputError, match="give file_rate_hz"):
        read(Folder(tmp_path), "a")


def test_several_zero_one_columns_are_multilabel(tmp_path: Path) -> None:
    write_labels(tmp_path, "record,patient_id,fold,af,mi\nb,p1,1,1,0\na,p1,1,0.0,1.0\nc,p2,,,1\nd,,3,NA,0\n")
    folder = Folder(tmp_path)
    records = folder.records()
    assert records["record_id"].tolist() == ["b", "a", "c", "d"]
    assert records["patient_id"].tolist() == ["p1", "p1", "p2", "record:d"]
    assert records["fold"].tolist() == [1, 1, -1, 3]
    labels = folder.label_sets(records)["labels"]
    assert (labels.task, labels.classes) == ("multilabel", ("af", "mi"))
    assert labels.known.tolist() == [True, True, False, False]
    assert labels.values[:2].tolist() == [[1, 0], [0, 1]]


def test_a_record_may_be_called_like_an_unknown_cell(tmp_path: Path) -> None:
    write_labels(tmp_path, "record,af\nNA,1\nnan,NA\n")
    records = Folder(tmp_path).records()
    assert records["record_id"].tolist() == ["NA", "nan"]
    assert Folder(tmp_path).label_sets(records)["labels"].known.tolist() == [True, False]


def test_one_zero_one_column_is_binary(tmp_path: Path) -> None:
    write_labels(tmp_path, "record,af\na,1\nb,0\nc,\n")
    labels = Folder(tmp_path).label_sets(Folder(tmp_path).records())["labels"]
    assert (labels.task, labels.classes, labels.values.tolist()) == ("binary", ("af",), [[1], [0], [0]])
    assert labels.known.tolist() == [True, True, False]


def test_one_text_column_is_single_and_its_classes_do_not_depend_on_the_rows(tmp_path: Path) -> None:
    write_labels(tmp_path, 'record,rhythm\na,sinus\nb,af\nc,\nd,"block, 1st degree"\n')
    folder = Folder(tmp_path)
    labels = folder.label_sets(folder.records().iloc[[2, 0]])["labels"]
    assert (labels.task, labels.classes) == ("single", ("af", "block, 1st degree", "sinus"))
    assert labels.known.tolist() == [False, True]
    assert labels.values[1].tolist() == [0, 0, 1]


def test_a_folder_without_labels_can_be_pretrained_on(tmp_path: Path) -> None:
    write_labels(tmp_path, "\ufeffrecord\n" + "".join(f"r{row}\n" for row in range(30)))
    folder = Folder(tmp_path)
    records = folder.records()
    assert folder.label_sets(records) == {}
    assert np.bincount(records["fold"])[1:].tolist() == [3] * 10


def test_missing_folds_are_drawn_patient_wise_stratified_and_always_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    patients, af = rng.integers(0, 150, 200), rng.random(200) < 0.2
    lines = [f"r{row},{patient},{int(label)}" for row, (patient, label) in enumerate(zip(patients, af, strict=True))]
    write_labels(tmp_path, "record,patient_id,af\n" + "\n".join(lines))
    records = Folder(tmp_path).records()
    assert records.equals(Folder(tmp_path).records())
    split = split_by_folds(records, range(1, 9), (9,), (10,))
    assert len(split.train) + len(split.validation) + len(split.test) == 200
    positives = np.bincount(records["fold"], weights=af)[1:]
    assert np.all(np.abs(positives - af.sum() / 10) <= 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,af\na,1\n", "lacks a column.*record"),
        ("record,af\n", "lists no record"),
        ("", "cannot be read"),
        ("record,af\na,1\na,0\n", "listed twice.*found a"),
        ("record,af\na,1\n,0\n", "no name.*line 3"),
        ("record,fold,af\na,x,1\n", "fold is not a whole number.*found x"),
        ("record,fold,af\na,1.5,1\n", "fold is not a whole number"),
        ("record,af,mi\na,1,0\nb,2,0\n", "field af.*found '2'"),
        ("record,af,age\na,1,63\n", "field age.*found '63'"),
    ],
)
def test_unusable_labels_files_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    write_labels(tmp_path, text)
    with pytest.raises(InputError, match=message) as caught:
        Folder(tmp_path).label_sets(Folder(tmp_path).records())
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "labels.csv") in str(caught.value)


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="folder of recordings is missing"):
        Folder(tmp_path / "absent")
    with pytest.raises(InputError, match="labels file is missing"):
        Folder(tmp_path).records()
    with pytest.raises(InputError, match="unknown unit"):
        Folder(tmp_path, unit="mm")
    with pytest.raises(InputError, match="duration_s"):
        Folder(tmp_path, duration_s=0)
    with pytest.raises(InputError, match="missing lead"):
        Folder(tmp_path, leads=LEADS[:8])


def test_the_fingerprint_follows_files_and_settings(tmp_path: Path) -> None:
    write_labels(tmp_path, "record,af\na,1\nsub/b.npy,0\n")
    (tmp_path / "sub").mkdir()
    np.save(tmp_path / "a.npy", ecg())
    np.save(tmp_path / "sub" / "b.npy", ecg())
    first = Folder(tmp_path).fingerprint()
    (tmp_path / "elsewhere.txt").write_text("nobody's file")
    assert Folder(tmp_path).fingerprint() == first
    assert Folder(tmp_path, unit="uV").fingerprint() != first
    assert Folder(tmp_path, file_rate_hz=500).fingerprint() != first
    os.utime(tmp_path / "sub" / "b.npy", ns=(0, 0))
    second = Folder(tmp_path).fingerprint()
    write_labels(tmp_path, "record,af\na,0\nsub/b.npy,0\n")
    assert len({first, second, Folder(tmp_path).fingerprint()}) == 3


@pytest.mark.real_data
def test_recordings_of_ludb_make_a_store(data_root: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("record,af\n1,0\n2,1\n8.hea,1\n")
    folder = Folder(data_root / "ludb" / "data", tmp_path / "labels.csv")
    store = build_store(folder, tmp_path / "store").store
    assert len(store) == 3
    reference = wfdb.rdrecord(str(data_root / "ludb" / "data" / "8")).p_signal.T[:, ::5]
    assert np.corrcoef(reference[1], store.read_mv([2])[0, 1])[0, 1] > 0.98
