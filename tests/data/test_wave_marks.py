from __future__ import annotations

import shutil

import numpy as np
import pytest
import wfdb

from ssrl_ecg.data.ludb import LUDB
from ssrl_ecg.data.wave_marks import MarkedRecords, read_marked_database, simulated_records
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.waves import UNMARKED

BEAT = [("(", 600), ("p", 620), (")", 645), ("(", 670), ("N", 690), (")", 715), ("(", 800), ("t", 850), (")", 890)]


def mark(folder, record, lead, marks):
    symbols, samples = zip(*marks, strict=True)
    wfdb.wrann(record, "marks", np.array(samples), list(symbols), write_dir=str(folder / "data"))
    (folder / "data" / f"{record}.marks").rename(folder / "data" / f"{record}.{lead}")


@pytest.fixture
def folder(tmp_path):
    """Two records of noise, one beat marked in every lead."""
    folder, rng = tmp_path / "ludb", np.random.default_rng(0)
    (folder / "data").mkdir(parents=True)
    names = [lead.lower() for lead in LEADS]
    for record in "12":
        signal = rng.integers(-900, 900, (5000, 12)) / 1000
        wfdb.wrsamp(record, 500, ["mV"] * 12, names, p_signal=signal, fmt=["16"] * 12, adc_gain=[1000.0] * 12,
                    baseline=[0] * 12, write_dir=str(folder / "data"))  # fmt: skip
        for lead in names:
            mark(folder, record, lead, BEAT)
    (folder / "ludb.csv").write_text("ID,Sex,Age,Rhythms\n1,F,51,Sinus rhythm\n2,M,70,Atrial fibrillation\n")
    return folder


def test_masks_are_the_marks_inside_the_span_at_any_rate(folder):
    database = read_marked_database(LUDB(folder))
    for rate_hz in (500.0, 250.0, 100.0):
        mask = database.masks(rate_hz)[1, 4]
        time_s = np.arange(len(mask)) / rate_hz
        inside = (time_s >= 1.2) & (time_s < 1.78)
        np.testing.assert_array_equal(mask == UNMARKED, ~inside)
        for code, (first_s, last_s) in enumerate([(1.2, 1.29), (1.34, 1.43), (1.6, 1.78)], start=1):
            np.testing.assert_array_equal(mask == code, (time_s >= first_s - 1e-9) & (time_s < last_s - 1e-9))
    records = database.at(100.0)
    assert records.signal_mv.shape == records.masks.shape == (2, 12, 1000)
    assert len(records.take(np.array([1]))) == 1
    assert database.problems.empty


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda file: file.unlink(), "missing|No such|absent|cannot"),
        (lambda file: mark(file.parent.parent, "1", "v2", [*BEAT[:-1], (")", 5001)]), "outside the record"),
        (lambda file: file.write_bytes(b"\0\0"), "no annotation|empty|cannot"),
    ],
    ids=["missing", "beyond the end", "empty"],
)
def test_a_lead_whose_marks_cannot_be_used_is_listed_and_the_rest_goes_on(folder, harm, reason):
    harm(folder / "data" / "1.v2")
    database = read_marked_database(LUDB(folder))
    assert database.problems[["record_id", "lead"]].to_numpy().tolist() == [["1", "V2"]]
    assert database.problems["reason"].str.contains(reason).all(), database.problems["reason"].iloc[0]
    masks = database.masks(100.0)
    assert (masks[0, LEADS.index("V2")] == UNMARKED).all()
    assert (masks[0, 0] != UNMARKED).any()
    assert (masks[1, LEADS.index("V2")] != UNMARKED).any()


def test_a_record_that_cannot_be_used_is_left_out_and_listed(folder):
    (folder / "data" / "1.dat").write_bytes(b"")
    database = read_marked_database(LUDB(folder))
    assert database.records["record_id"].tolist() == ["2"]
    assert database.problems[["record_id", "lead"]].to_numpy().tolist() == [["1", ""]]
    assert len(database.signal_mv) == len(database.leads) == 1


def test_a_database_without_marks_is_refused(folder):
    for lead in LEADS:
        for record in "12":
            (folder / "data" / f"{record}.{lead.lower()}").unlink()
    with pytest.raises(InputError, match="no lead has marks"):
        read_marked_database(LUDB(folder))
    shutil.rmtree(folder)


def test_simulated_records_share_their_waves_among_leads():
    records = simulated_records(2, 3, 250.0)
    assert records.signal_mv.shape == records.masks.shape == (2, 12, 2500)
    assert (records.masks == records.masks[:, :1]).all()
    assert records.fingerprint() == simulated_records(2, 3, 250.0).fingerprint() != records.take([0]).fingerprint()


def test_masks_of_other_records_are_refused():
    with pytest.raises(InputError, match="not of these records"):
        MarkedRecords(np.zeros((2, 12, 100), np.float32), np.zeros((2, 12, 99), np.uint8), 100.0)


def test_real_marks_fill_the_middle_of_the_records(data_root):
    database = read_marked_database(LUDB(data_root / "ludb"), ["1", "2", "8"])
    masks = database.masks(500.0)
    marked = masks != UNMARKED
    assert database.problems.empty
    assert 0.5 < marked.mean() < 0.95
    assert {0, 1, 2, 3} == set(np.unique(masks[marked]))
    assert 0.1 < (masks[marked] == 3).mean() < 0.4
