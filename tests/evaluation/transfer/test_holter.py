from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import resample_poly

from ssrl_ecg.data.mitbih import AAMI_CLASSES, MITBIH
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.transfer.holter import HolterBeats, read_holter_record
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.preprocessing import Preprocessing

RAW = Preprocessing(window_s=2.0, normalisation="none")


def beats_of(folder, *names, preprocessing=RAW):
    source = MITBIH(folder)
    return HolterBeats.of([read_holter_record(source, name, preprocessing) for name in names], preprocessing)


def test_leads_go_to_their_own_places_by_name_and_the_others_are_zero(tmp_path, write_record):
    times_s, symbols, signal = write_record(tmp_path, "114", leads=("V5", "MLII"))
    beats = beats_of(tmp_path, "114")
    windows = beats.windows_mv(np.arange(len(beats)))
    at_100_hz = resample_poly(signal.T, 5, 18, axis=-1, padtype="line")
    middle = np.round(times_s * 100).astype(int)
    for lead, row in (("V5", 0), ("II", 1)):
        expected = at_100_hz[row, middle[10] - 100 : middle[10] + 100]
        np.testing.assert_allclose(windows[10, LEADS.index(lead)], expected, atol=2e-3)
    others = [LEADS.index(lead) for lead in LEADS if lead not in ("V5", "II")]
    assert not windows[:, others].any()
    assert [AAMI_CLASSES[one] for one in beats.classes] == [{"A": "S"}.get(symbol, symbol) for symbol in symbols]


def test_windows_end_in_zeros_where_the_record_ends_and_can_be_shifted(tmp_path, write_record):
    write_record(tmp_path, "101")
    beats = beats_of(tmp_path, "101")
    first = beats.at[0]
    assert first < 100
    window = beats.windows_mv(np.array([0]))[0]
    assert not window[:, : 100 - first].any()
    assert window[1, 100 - first :].any()
    shifted = beats.windows_mv(np.array([5, 5]), np.array([0, 7]))
    np.testing.assert_array_equal(shifted[1, :, :-7], shifted[0, :, 7:])


def test_the_usual_beat_is_the_median_and_the_first_two_leads_can_be_taken_out(tmp_path, write_record):
    write_record(tmp_path, "106", leads=("V5", "MLII"), seed=1)
    write_record(tmp_path, "101", seed=2)
    beats = beats_of(tmp_path, "106", "101")
    own = np.flatnonzero(beats.record == 1)
    windows = beats.windows_mv(own)
    np.testing.assert_allclose(beats.usual_mv[1], np.median(windows, axis=0), atol=1e-6)
    pairs = beats.two_leads(windows, beats.record[own])
    np.testing.assert_array_equal(pairs, windows[:, [LEADS.index("II"), LEADS.index("V1")]])
    mixed = beats.two_leads(beats.usual_mv, np.arange(2))
    np.testing.assert_array_equal(mixed[0], beats.usual_mv[0][[LEADS.index("II"), LEADS.index("V5")]])


def test_a_record_with_one_usable_lead_goes_on_with_it_and_says_so(tmp_path, write_record):
    write_record(tmp_path, "101", flat=(1,))
    record = read_holter_record(MITBIH(tmp_path), "101", RAW)
    assert record.leads == ("II",)
    assert record.notes == (("101", "lead V1 is flat"),)
    beats = HolterBeats.of([record], RAW)
    pairs = beats.two_leads(beats.windows_mv(np.arange(3)), np.zeros(3, int))
    assert pairs[:, 0].any()
    assert not pairs[:, 1].any()


def test_a_lead_that_has_no_place_is_left_out(tmp_path, write_record):
    write_record(tmp_path, "101", leads=("MLII", "CM5"))
    record = read_holter_record(MITBIH(tmp_path), "101", RAW)
    assert record.leads == ("II",)
    assert record.notes == (("101", "lead CM5 has no place of its own"),)


def test_records_that_cannot_be_used_are_refused(tmp_path, write_record):
    write_record(tmp_path, "101", flat=(0, 1))
    with pytest.raises(InputError, match=r"101\.dat: no lead can be used"):
        read_holter_record(MITBIH(tmp_path), "101", RAW)
    write_record(tmp_path, "106", last_mark=360 * 40)
    with pytest.raises(InputError, match=r"106\.atr: beat beyond the record's end.*40\.00 s"):
        read_holter_record(MITBIH(tmp_path), "106", RAW)


@pytest.mark.real_data
def test_real_record_114_has_v5_in_its_place_although_it_is_stored_first(data_root):
    beats = beats_of(data_root / "mitdb", "114", "100")
    assert [record.leads for record in beats.records] == [("II", "V5"), ("II", "V5")]
    assert beats.records[0].counts().tolist() == [1820, 12, 43, 4, 0]
    usual = beats.usual_mv[1]
    assert 0.5 < usual[LEADS.index("II"), 95:106].max() < 2.0
    assert not usual[LEADS.index("V1")].any()
