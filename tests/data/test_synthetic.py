from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb
from scipy.signal import decimate

from ssrl_ecg.data import synthetic
from ssrl_ecg.data.ptbxl import PTBXL, load_ptbxl_metadata, make_default_splits
from ssrl_ecg.data.synthetic import PROVENANCE, write_synthetic_ptbxl
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS

N_RECORDS = 700


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_synthetic_ptbxl(tmp_path_factory.mktemp("synthetic") / "cohort", N_RECORDS, seed=1)


@pytest.fixture(scope="module")
def metadata(root: Path) -> pd.DataFrame:
    return load_ptbxl_metadata(root)


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_reference_reader_reads_what_was_simulated(
    root: Path, tmp_path: Path, metadata: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
):
    kept = []

    def keeping(*args: object, **kwargs: object):
        kept.append(simulate(*args, **kwargs))
        return kept[-1]

    simulate = synthetic.simulate
    monkeypatch.setattr(synthetic, "simulate", keeping)
    write_synthetic_ptbxl(tmp_path / "again", N_RECORDS, seed=1)
    assert len(kept) > 1
    signal_mv = np.concatenate([ecg.signal_mv for ecg in kept])
    masks = np.concatenate([ecg.masks for ecg in kept])
    np.testing.assert_array_equal(np.load(root / "masks100.npy", allow_pickle=False), masks)
    for row in (0, 1, 350, N_RECORDS - 1):
        record = wfdb.rdrecord(str(root / metadata["filename_lr"].iloc[row]))
        assert (record.fs, record.sig_len, set(record.units), set(record.fmt)) == (100, 1000, {"mV"}, {"16"})
        assert record.sig_name == [lead.upper() for lead in LEADS]
        np.testing.assert_allclose(record.p_signal.T, signal_mv[row], atol=1e-6)


def test_headers_carry_true_checksums_and_first_values(root: Path, metadata: pd.DataFrame):
    for name in metadata["filename_lr"].iloc[:20]:
        record = wfdb.rdrecord(str(root / name), physical=False)
        assert [total % 65536 for total in record.d_signal.sum(axis=0)] == [total % 65536 for total in record.checksum]
        assert record.d_signal[0].tolist() == record.init_value


def test_limb_leads_obey_their_laws_in_the_files(root: Path, metadata: pd.DataFrame):
    for name in metadata["filename_lr"].iloc[::50]:
        i, ii, iii, avr, avl, avf = np.fromfile(root / f"{name}.dat", "<i2").reshape(-1, 12).T[:6].astype(int)
        np.testing.assert_array_equal(iii, ii - i)
        np.testing.assert_array_equal(2 * avr, -(i + ii))
        np.testing.assert_array_equal(2 * avl, 2 * i - ii)
        np.testing.assert_array_equal(2 * avf, 2 * ii - i)


def test_the_loader_of_ptbxl_reads_the_tree(root: Path):
    source = PTBXL(root)
    records = source.records()
    label_sets = source.label_sets(records)
    assert len(records) == N_RECORDS
    assert label_sets["super"].classes == ("NORM", "MI", "STTC", "CD", "HYP")
    assert label_sets["super"].values.sum(axis=0).min() > 40
    assert set(label_sets["form"].classes) == {"PVC", "PAC", "NDT", "NST_", "LNGQT"}
    assert set(label_sets["rhythm"].classes) == {"SR", "AFIB", "STACH", "SBRAD"}
    assert source.read(next(records.itertuples(index=False))).signal_mv.shape == (12, 1000)


def test_columns_are_those_of_ptbxl(root: Path, ptbxl_root: Path):
    for name in ("ptbxl_database.csv", "scp_statements.csv"):
        ours, theirs = (pd.read_csv(folder / name) for folder in (root, ptbxl_root))
        assert list(ours.columns) == list(theirs.columns)


def test_codes_sit_where_ptbxl_has_them(root: Path, ptbxl_root: Path):
    columns = ["diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass"]
    ours, theirs = (pd.read_csv(folder / "scp_statements.csv", index_col=0)[columns] for folder in (root, ptbxl_root))
    pd.testing.assert_frame_equal(ours, theirs.loc[ours.index])


def test_no_patient_is_in_two_folds_and_folds_are_alike(metadata: pd.DataFrame):
    assert metadata.groupby("patient_id")["strat_fold"].nunique().eq(1).all()
    assert set(metadata["strat_fold"]) == set(range(1, 11))
    assert metadata["strat_fold"].value_counts().between(0.06 * N_RECORDS, 0.14 * N_RECORDS).all()
    n_norm = metadata["scp_codes"].map(lambda codes: "NORM" in codes).groupby(metadata["strat_fold"]).mean()
    assert n_norm.between(0.30, 0.58).all()
    make_default_splits(metadata.reset_index())


def test_patients_have_one_to_four_records(metadata: pd.DataFrame):
    counts = metadata["patient_id"].value_counts()
    assert counts.between(1, 4).all()
    assert 1.1 < counts.mean() < 1.35


def test_records_of_one_patient_share_their_superclasses(root: Path):
    source = PTBXL(root)
    records = source.records()
    values = pd.DataFrame(source.label_sets(records)["super"].values)
    assert records["patient_id"].duplicated().any()
    assert values.groupby(records["patient_id"].to_numpy()).nunique().eq(1).all(axis=None)


def test_the_tree_says_that_it_is_synthetic(root: Path):
    facts = json.loads((root / PROVENANCE).read_text())
    assert facts["generator"] == "ssrl_ecg"
    assert (facts["seed"], facts["n_records"]) == (1, N_RECORDS)
    database = pd.read_csv(root / "ptbxl_database.csv")
    assert (database["report"] == "synthetic ECG").all()
    assert database["age"].isna().all()
    parameters = pd.read_csv(root / "parameters.csv")
    np.testing.assert_array_equal(parameters["ecg_id"], database["ecg_id"])
    rhythm = [list(ast.literal_eval(codes))[-1] for codes in database["scp_codes"]]
    assert rhythm == parameters["rhythm"].tolist()


def test_equal_seeds_give_equal_trees(tmp_path: Path):
    first, again, other = (write_synthetic_ptbxl(tmp_path / str(k), 30, seed) for k, seed in enumerate((5, 5, 6)))
    assert tree(first) == tree(again)
    assert tree(first) != tree(other)


def test_500_hz_on_request_comes_with_its_own_100_hz(tmp_path: Path):
    root = write_synthetic_ptbxl(tmp_path / "both", 12, sampling_rate_hz=500)
    for name in (f"00000/{ecg_id:05d}" for ecg_id in range(1, 13)):
        fast = wfdb.rdrecord(str(root / f"records500/{name}_hr")).p_signal
        slow = wfdb.rdrecord(str(root / f"records100/{name}_lr")).p_signal
        assert fast.shape == (5000, 12)
        assert slow.shape == (1000, 12)
        expected = decimate(fast, 5, ftype="fir", axis=0)
        assert np.sqrt(np.mean((slow - expected)[20:-20] ** 2)) < 0.02
        np.testing.assert_allclose(slow[:, 2], slow[:, 1] - slow[:, 0], atol=1e-9)
    fast, slow = (np.load(root / f"masks{rate_hz}.npy", allow_pickle=False) for rate_hz in (500, 100))
    np.testing.assert_array_equal(fast[:, ::5], slow)
    assert PTBXL(root, 500).read(next(PTBXL(root, 500).records().itertuples(index=False))).sampling_rate_hz == 500


@pytest.mark.parametrize(
    ("arguments", "field"), [({"sampling_rate_hz": 250}, "sampling_rate_hz"), ({"n_records": 5}, "n_records")]
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, arguments: dict[str, int], field: str):
    with pytest.raises(InputError, match=field):
        write_synthetic_ptbxl(tmp_path / "cohort", **arguments)
    assert not list(tmp_path.iterdir())


def test_other_peoples_folders_are_left_alone_and_own_ones_replaced(tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("x")
    for name in ("mine", "file"):
        with pytest.raises(InputError, match="not a synthetic cohort"):
            write_synthetic_ptbxl(tmp_path / name, 20)
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    write_synthetic_ptbxl(tmp_path / "empty", 20)
    write_synthetic_ptbxl(tmp_path / "empty", 12)
    assert len(pd.read_csv(tmp_path / "empty" / "ptbxl_database.csv")) == 12


def test_nothing_is_left_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full_disk(*args: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(synthetic, "_write_tables", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_synthetic_ptbxl(tmp_path / "cohort", 20)
    assert not list(tmp_path.iterdir())
