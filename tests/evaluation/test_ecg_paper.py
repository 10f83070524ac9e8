"""The paper's scale is measured on the figure's pixels, not on the numbers it was drawn from."""

from __future__ import annotations

import numpy as np
import pytest
import wfdb

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.ecg_paper import plot_ecg
from ssrl_ecg.signals.leads import LEADS

MM_PER_INCH = 25.4


def paper_mm(figure, label):
    """Points of a line in millimetres from the sheet's lower left corner, through display pixels."""
    (line,) = [line for line in figure.axes[0].lines if line.get_label() == label]
    pixels = figure.axes[0].transData.transform(line.get_xydata())
    return pixels / figure.dpi * MM_PER_INCH


def noise(sampling_rate_hz, duration_s):
    n_samples = round(sampling_rate_hz * duration_s)
    return 0.2 * np.random.default_rng(0).standard_normal((12, n_samples))


@pytest.mark.parametrize("sampling_rate_hz", [100.0, 360.0, 500.0])
def test_one_second_is_25_mm_and_one_millivolt_is_10_mm(sampling_rate_hz):
    signal_mv = np.zeros((12, round(10 * sampling_rate_hz)))
    at_s = (2.0, 3.0)
    for second in at_s:
        signal_mv[1, round(second * sampling_rate_hz)] = 1.0
    trace_mm = paper_mm(plot_ecg(signal_mv, sampling_rate_hz), "rhythm II")
    peaks = np.flatnonzero(trace_mm[:, 1] > trace_mm[:, 1].min() + 5)
    assert len(peaks) == 2
    assert trace_mm[peaks[1], 0] - trace_mm[peaks[0], 0] == pytest.approx(25.0, abs=1e-6)
    assert trace_mm[peaks[0], 1] - trace_mm[0, 1] == pytest.approx(10.0, abs=1e-6)


def test_figure_size_is_the_sheet_and_grid_lines_lie_on_whole_and_fifth_millimetres():
    figure = plot_ecg(np.zeros((12, 1000)), 100.0)
    np.testing.assert_allclose(figure.get_size_inches() * MM_PER_INCH, (270, 135))
    for step_mm in (1, 5):
        points_mm = paper_mm(figure, f"_grid_{step_mm}_mm")
        segments = points_mm.reshape(-1, 3, 2)[:, :2]
        x_mm = [start[0] for start, end in segments if start[0] == pytest.approx(end[0])]
        y_mm = [start[1] for start, end in segments if start[1] == pytest.approx(end[1])]
        np.testing.assert_allclose(x_mm, np.arange(0, 270 + step_mm, step_mm), atol=1e-6)
        np.testing.assert_allclose(y_mm, np.arange(0, 135 + step_mm, step_mm), atol=1e-6)


def test_calibration_pulse_is_one_millivolt_and_a_fifth_of_a_second_before_each_row():
    figure = plot_ecg(np.zeros((12, 1000)), 100.0)
    pulses = [line for line in figure.axes[0].lines if line.get_label() == "_calibration"]
    assert len(pulses) == 4
    for pulse in pulses:
        x_mm, y_mm = pulse.get_xydata().T
        top = np.flatnonzero(y_mm == y_mm.max())
        assert np.ptp(y_mm) == pytest.approx(10.0)
        assert np.ptp(x_mm[top]) == pytest.approx(5.0)
        assert x_mm.max() < paper_mm(figure, "I")[:, 0].min()


@pytest.mark.parametrize("sampling_rate_hz", [100.0, 250.0])
def test_standard_sheet_shows_each_lead_in_its_place_and_its_two_and_a_half_seconds(sampling_rate_hz):
    signal_mv = noise(sampling_rate_hz, 10)
    figure = plot_ecg(signal_mv, sampling_rate_hz)
    quarter = round(2.5 * sampling_rate_hz)
    sheet = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
    baselines_mm = []
    for row in sheet:
        for column, name in enumerate(row):
            trace_mm = paper_mm(figure, name)
            shown_mv = signal_mv[LEADS.index(name), column * quarter : (column + 1) * quarter]
            baseline_mm = np.mean(trace_mm[:, 1]) - 10 * np.mean(shown_mv)
            np.testing.assert_allclose((trace_mm[:, 1] - baseline_mm) / 10, shown_mv, atol=1e-9)
            assert trace_mm[0, 0] == pytest.approx(paper_mm(figure, "I")[0, 0] + column * 62.5)
            baselines_mm.append(baseline_mm)
    np.testing.assert_allclose(np.diff(np.reshape(baselines_mm, (3, 4)), axis=1), 0, atol=1e-9)
    assert baselines_mm[0] > baselines_mm[4] > baselines_mm[8]
    rhythm_mm = paper_mm(figure, "rhythm II")
    assert len(rhythm_mm) == signal_mv.shape[1]
    assert rhythm_mm[:, 1].max() < baselines_mm[8]


def test_shorter_strip_stacks_all_leads_in_order():
    figure = plot_ecg(noise(100.0, 3), 100.0)
    heights_mm = [paper_mm(figure, name)[:, 1].mean() for name in LEADS]
    assert all(len(paper_mm(figure, name)) == 300 for name in LEADS)
    assert heights_mm == sorted(heights_mm, reverse=True)


def texts(figure):
    return " | ".join(text.get_text() for text in figure.axes[0].texts)


def test_footer_says_scale_and_what_is_left_out():
    assert "25 mm/s, 10 mm/mV, 500 Hz" in texts(plot_ecg(np.zeros((12, 5000)), 500.0))
    assert "first" not in texts(plot_ecg(np.zeros((12, 5000)), 500.0))
    assert "first 10 s of 12 s" in texts(plot_ecg(np.zeros((12, 1200)), 100.0))


def test_title_and_lead_names_are_written():
    figure = plot_ecg(np.zeros((12, 1000)), 100.0, title="Record 7")
    written = [text.get_text() for text in figure.axes[0].texts]
    assert "Record 7" in written
    assert set(LEADS) <= set(written)
    assert written.count("II") == 2


def test_sheet_grows_for_large_traces_but_not_without_end():
    plain = plot_ecg(np.zeros((12, 1000)), 100.0).get_size_inches()[1] * MM_PER_INCH
    signal_mv = np.zeros((12, 1000))
    signal_mv[0, 100] = 3.0  # 30 mm above the uppermost baseline, whose row has 15 mm
    grown = plot_ecg(signal_mv, 100.0)
    assert grown.get_size_inches()[1] * MM_PER_INCH == pytest.approx(plain + 15)
    assert paper_mm(grown, "I")[:, 1].max() < grown.get_size_inches()[1] * MM_PER_INCH
    signal_mv[1, 100], signal_mv[0, 100] = -500.0, 500.0
    wild = plot_ecg(signal_mv, 100.0).get_size_inches()[1] * MM_PER_INCH
    assert wild == pytest.approx(plain + 80)


def test_wave_bands_cover_exactly_the_marked_samples():
    mask = np.zeros(1000, dtype=np.uint8)
    mask[100:110], mask[120:130], mask[245:255] = 1, 2, 3
    figure = plot_ecg(np.zeros((12, 1000)), 100.0, wave_mask=mask)
    widths_mm = sorted(round(patch.get_width(), 6) for patch in figure.axes[0].patches)
    # P and QRS: three leads and the strip; T: the strip whole, and cut by the column's edge in two times three leads.
    assert widths_mm == [1.25] * 6 + [2.5] * 9
    assert {"P", "QRS", "T"} <= {text.get_text() for text in figure.axes[0].texts}


def test_worth_is_shaded_by_its_share_of_the_largest_in_every_lead_of_the_stacked_sheet():
    worth = np.zeros((12, 1200))
    worth[0, 100:110], worth[11, 900:920], worth[5, 1100:1110] = 2.0, -1.0, 2.0  # the last after the tenth second
    figure = plot_ecg(np.zeros((12, 1200)), 100.0, worth=worth, stacked=True)
    assert len([line for line in figure.axes[0].lines if line.get_label() in LEADS]) == 12
    (bands,) = figure.axes[0].collections
    widths_mm = [np.ptp(path.vertices[:, 0]) for path in bands.get_paths()]
    assert widths_mm == [pytest.approx(2.5), pytest.approx(5.0)]
    (red, _, blue, strong), (red2, _, blue2, weak) = bands.get_facecolors()
    assert red > blue
    assert red2 < blue2
    assert strong == pytest.approx(2 * weak)
    with pytest.raises(InputError, match="worth does not fit"):
        plot_ecg(np.zeros((12, 1200)), 100.0, worth=worth[:, 1:])


def test_each_lead_may_have_waves_of_its_own():
    masks = np.zeros((12, 1000), dtype=np.uint8)
    masks[1, 400:410] = 2  # II is shown then in the rhythm strip only
    masks[6, 600:620] = 2  # V1 is shown from 5.0 to 7.5 s
    figure = plot_ecg(np.zeros((12, 1000)), 100.0, wave_mask=masks)
    assert sorted(round(patch.get_width(), 6) for patch in figure.axes[0].patches) == [2.5, 5.0]


def test_missing_samples_leave_a_gap():
    signal_mv = np.zeros((12, 1000))
    signal_mv[0], signal_mv[1, 50:60] = np.nan, np.nan
    figure = plot_ecg(signal_mv, 100.0)
    assert np.isnan(paper_mm(figure, "rhythm II")[50:60, 1]).all()
    assert np.isfinite(figure.get_size_inches()).all()


@pytest.mark.parametrize(
    ("signal_mv", "rate", "mask"),
    [
        (np.zeros((11, 1000)), 100.0, None),
        (np.zeros(1000), 100.0, None),
        (np.zeros((12, 1)), 100.0, None),
        (np.zeros((12, 1000)), 0.0, None),
        (np.zeros((12, 1000)), float("nan"), None),
        (np.zeros((12, 1000)), 100.0, np.zeros(999, dtype=int)),
    ],
)
def test_impossible_input_is_refused(signal_mv, rate, mask):
    with pytest.raises(InputError):
        plot_ecg(signal_mv, rate, wave_mask=mask)


@pytest.mark.real_data
def test_real_record_is_drawn_as_recorded(ptbxl_root):
    header = min(ptbxl_root.glob("records100/*/*.hea"))
    record = wfdb.rdrecord(str(header.with_suffix("")))
    trace_mm = paper_mm(plot_ecg(record.p_signal.T, record.fs), "rhythm II")
    expected_mv = record.p_signal[:, [name.upper() for name in record.sig_name].index("II")]
    np.testing.assert_allclose(np.diff(trace_mm[:, 1]) / 10, np.diff(expected_mv), atol=1e-9)
    assert np.ptp(trace_mm[:, 0]) == pytest.approx(9.99 * 25)
