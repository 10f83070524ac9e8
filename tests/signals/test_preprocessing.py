from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wfdb
from scipy import stats

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.filters import sos_filter
from ssrl_ecg.signals.leads import INDEPENDENT_LEADS, LEADS, einthoven_error_mv, limb_leads_from_i_ii
from ssrl_ecg.signals.preprocessing import Preprocessing


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def recording_mv(rng: np.random.Generator) -> np.ndarray:
    """Ten seconds at 500 Hz, (12, 5000), smooth, with exact limb-lead laws."""
    time_s = np.arange(5000) / 500
    eight = sum(
        rng.normal(size=(8, 1)) * np.sin(2 * np.pi * f * time_s + rng.uniform(0, 6, (8, 1))) for f in (1.1, 4.7, 13.0)
    )
    return np.concatenate([limb_leads_from_i_ii(eight[0], eight[1]), eight[2:]])


class TestConstruction:
    def test_defaults_are_ptbxl_at_100_hz(self) -> None:
        preprocessing = Preprocessing()
        assert preprocessing.window_samples == 1000
        assert preprocessing.leads == LEADS
        assert preprocessing.normalisation == "dataset"
        with pytest.raises(FrozenInstanceError):
            preprocessing.window_s = 5.0  # type: ignore[misc]

    def test_a_low_pass_at_or_above_nyquist_is_allowed(self) -> None:
        Preprocessing(highpass_hz=0.5, lowpass_hz=150.0)

    @pytest.mark.parametrize(
        ("values", "named"),
        [
            ({"sampling_rate_hz": 0}, "sampling_rate_hz"),
            ({"sampling_rate_hz": "100"}, "sampling_rate_hz"),
            ({"sampling_rate_hz": float("inf")}, "sampling_rate_hz"),
            ({"sampling_rate_hz": None}, "sampling_rate_hz"),
            ({"window_s": -2.5}, "window_s"),
            ({"window_s": 0.001}, "window_s"),
            ({"window_s": True}, "window_s"),
            ({"highpass_hz": 0.0}, "highpass_hz"),
            ({"highpass_hz": 40.0, "lowpass_hz": 40.0}, "highpass_hz"),
            ({"highpass_hz": 50.0}, "highpass_hz"),
            ({"lowpass_hz": [40.0]}, "lowpass_hz"),
            ({"mains_hz": -50.0}, "mains_hz"),
            ({"clip_mv": 0.0}, "clip_mv"),
            ({"normalisation": "minmax"}, "normalisation"),
            ({"normalisation": ["record"]}, "normalisation"),
            ({"unit": "uV"}, "unit"),
            ({"leads": ()}, "leads"),
            ({"leads": "I"}, "leads"),
            ({"leads": ("I", "AVR")}, "leads"),
            ({"leads": ("I", "I")}, "leads"),
            ({"leads": ("I", 2)}, "leads"),
            ({"mean_mv": (0.0,) * 12}, "sd_mv"),
            ({"mean_mv": (0.0,) * 11, "sd_mv": (1.0,) * 12}, "mean_mv"),
            ({"mean_mv": (0.0,) * 12, "sd_mv": (1.0,) * 11 + (0.0,)}, "sd_mv"),
            ({"mean_mv": (0.0,) * 12, "sd_mv": (float("nan"),) * 12}, "sd_mv"),
            ({"mean_mv": 0.0, "sd_mv": 1.0}, "mean_mv"),
        ],
    )
    def test_impossible_values_are_refused_in_one_line_that_names_them(
        self, values: dict[str, Any], named: str
    ) -> None:
        with pytest.raises(InputError) as error:
            Preprocessing(**values)
        assert named in str(error.value)
        assert "\n" not in str(error.value)


class TestSerialisation:
    def test_json_round_trip_is_exact(self, rng: np.random.Generator) -> None:
        fitted = Preprocessing(
            sampling_rate_hz=257.3, leads=("II", "V5"), window_s=1 / 3, highpass_hz=0.67, lowpass_hz=150.0, clip_mv=10.0
        ).fitted([rng.normal(size=(5, 2, 100))])
        for preprocessing in (Preprocessing(), fitted, replace(fitted, normalisation="record", mains_hz=50.0)):
            assert Preprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict()))) == preprocessing

    def test_every_field_is_written(self) -> None:
        assert set(Preprocessing().to_dict()) == set(Preprocessing.__dataclass_fields__)

    def test_absent_keys_take_their_defaults(self) -> None:
        assert Preprocessing.from_dict({"window_s": 2.5}) == Preprocessing(window_s=2.5)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"sampling_rate": 100}, "unknown preprocessing key sampling_rate"),
            ({"leads": "II"}, "lead names"),
            ({"window_s": "10"}, "not a positive number"),
            ({"window_s": [10]}, "not a positive number"),
            ({"mean_mv": ["a"] * 12, "sd_mv": [1.0] * 12}, "finite numbers"),
            (["window_s"], "not a table"),
        ],
    )
    def test_unknown_keys_and_wrong_types_are_refused(self, values: Any, message: str) -> None:
        with pytest.raises(InputError, match=message):
            Preprocessing.from_dict(values)


class TestPrepare:
    def test_order_spelling_unit_and_rate_do_not_matter(
        self, recording_mv: np.ndarray, rng: np.random.Generator
    ) -> None:
        preprocessing = Preprocessing()
        expected = preprocessing.prepare(recording_mv, sampling_rate_hz=500, leads=LEADS, unit="mV")
        assert expected.shape == (12, 1000)
        assert expected.dtype == np.float32
        np.testing.assert_allclose(expected[:, 50:-50], recording_mv[:, ::5][:, 50:-50], atol=0.02)
        order = rng.permutation(12)
        names = [LEADS[k].upper() for k in order]
        for unit, scale in (("mV", 1.0), ("uV", 1e3), ("V", 1e-3)):
            shuffled = preprocessing.prepare(recording_mv[order] * scale, sampling_rate_hz=500, leads=names, unit=unit)
            np.testing.assert_allclose(shuffled, expected, atol=1e-5)

    def test_integer_microvolts(self) -> None:
        signal_uv = np.full((12, 1000), 1500, dtype=np.int16)
        prepared = Preprocessing().prepare(signal_uv, sampling_rate_hz=100, leads=LEADS, unit="uV")
        np.testing.assert_array_equal(prepared, np.float32(1.5))

    def test_limb_leads_are_derived_and_laws_kept(self, recording_mv: np.ndarray) -> None:
        eight = recording_mv[[LEADS.index(lead) for lead in INDEPENDENT_LEADS]]
        derived = Preprocessing().prepare(eight, sampling_rate_hz=500, leads=INDEPENDENT_LEADS, unit="mV")
        recorded = Preprocessing().prepare(recording_mv, sampling_rate_hz=500, leads=LEADS, unit="mV")
        np.testing.assert_allclose(derived, recorded, atol=1e-6)
        assert einthoven_error_mv(derived) < 1e-5

    def test_a_subset_of_leads_in_its_own_order(self, recording_mv: np.ndarray) -> None:
        two = Preprocessing(leads=("V5", "II"), sampling_rate_hz=500)
        prepared = two.prepare(recording_mv, sampling_rate_hz=500, leads=LEADS, unit="mV")
        np.testing.assert_array_equal(prepared, recording_mv[[10, 1]].astype(np.float32))

    def test_nan_outside_the_needed_leads_does_no_harm(self, recording_mv: np.ndarray) -> None:
        recording_mv[3] = np.nan
        Preprocessing(leads=("II",)).prepare(recording_mv, sampling_rate_hz=500, leads=LEADS, unit="mV")
        with pytest.raises(InputError, match="NaN or infinite samples in lead aVR"):
            Preprocessing().prepare(recording_mv, sampling_rate_hz=500, leads=LEADS, unit="mV")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"unit": "mv"}, "unknown unit"),
            ({"leads": [*LEADS[:11], "V7"]}, "unknown lead 'V7'"),
            ({"leads": [*LEADS[:11], "V5"]}, "more than once: V5"),
            ({"leads": LEADS[:11]}, "does not fit"),
            ({"signal": np.zeros((5000, 12))}, "does not fit"),
            ({"signal": np.zeros((1, 12, 5000))}, "does not fit"),
            ({"signal": np.zeros((11, 5000)), "leads": LEADS[:11]}, "missing lead: V6"),
            ({"signal": np.zeros((11, 5000)), "leads": LEADS[1:]}, "missing lead: I "),
            ({"signal": np.zeros((12, 4990))}, "shorter than one window"),
            ({"signal": np.zeros((12, 0))}, "no sample is left"),
            ({"sampling_rate_hz": 0.0}, "sampling rate"),
        ],
    )
    def test_what_cannot_be_mapped_is_refused(self, changes: dict[str, Any], message: str) -> None:
        recording = {"signal": np.zeros((12, 5000)), "sampling_rate_hz": 500.0, "leads": LEADS, "unit": "mV"} | changes
        with pytest.raises(InputError, match=message):
            Preprocessing().prepare(recording.pop("signal"), **recording)

    @pytest.mark.real_data
    def test_ptbxl_at_500_hz_becomes_its_own_100_hz_file(self, ptbxl_root: Path) -> None:
        fine = sorted((ptbxl_root / "records500").rglob("*.hea"))[::40]
        assert fine
        for header in fine:
            coarse = ptbxl_root / "records100" / header.parent.name / header.name.replace("_hr", "_lr")
            record, expected = (wfdb.rdrecord(str(path.with_suffix(""))) for path in (header, coarse))
            prepared = Preprocessing().prepare(
                record.p_signal.T, sampling_rate_hz=500, leads=record.sig_name, unit="mV"
            )
            assert np.abs(prepared - expected.p_signal.T)[:, 10:-10].max() < 0.01


class TestFilter:
    def test_nothing_set_is_the_signal_itself(self) -> None:
        signal_mv = torch.randn(2, 12, 1000)
        assert Preprocessing().filter(signal_mv) is signal_mv

    def test_equals_scipy_s_sections_then_clips(self, rng: np.random.Generator) -> None:
        signal_mv = rng.normal(size=(2, 12, 1500))
        preprocessing = Preprocessing(highpass_hz=0.5, lowpass_hz=40.0, mains_hz=30.0, clip_mv=1.0)
        filtered = preprocessing.filter(torch.from_numpy(signal_mv)).numpy()
        expected = sos_filter(signal_mv, 100.0, low_hz=0.5, high_hz=40.0, mains_hz=30.0).clip(-1.0, 1.0)
        np.testing.assert_allclose(filtered[..., 300:-300], expected[..., 300:-300], atol=0.02)
        assert np.abs(filtered).max() == 1.0


class TestFitted:
    def test_streamed_statistics_equal_those_of_everything_at_once(self, rng: np.random.Generator) -> None:
        scale, offset = rng.uniform(0.05, 2.0, 12), rng.normal(size=12) * 100
        everything = rng.normal(size=(23, 12, 100)) * scale[:, None] + offset[:, None]
        batches = (everything[a:b] for a, b in ((0, 1), (1, 1), (1, 10), (10, 23)))
        fitted = Preprocessing().fitted(batches)
        np.testing.assert_allclose(fitted.mean_mv, everything.mean(axis=(0, 2)), rtol=1e-12)
        np.testing.assert_allclose(fitted.sd_mv, everything.std(axis=(0, 2)), rtol=1e-9)

    def test_a_flat_lead_gets_sd_one(self, rng: np.random.Generator) -> None:
        batch = rng.normal(size=(4, 12, 100)).astype(np.float32)
        batch[:, 4] = 0.1
        fitted = Preprocessing().fitted([batch, batch])
        assert fitted.sd_mv is not None
        assert fitted.sd_mv[4] == 1.0
        assert fitted.normalise(torch.from_numpy(batch))[:, 4].abs().max() < 1e-6

    def test_statistics_are_taken_after_filter_and_clip(self, rng: np.random.Generator) -> None:
        batch = rng.normal(size=(4, 12, 500)) + 5.0
        fitted = Preprocessing(highpass_hz=1.0, clip_mv=0.5, window_s=5.0).fitted([batch])
        seen = fitted.normalise(fitted.filter(torch.from_numpy(batch))).numpy()
        np.testing.assert_allclose(seen.mean(axis=(0, 2)), 0.0, atol=1e-12)
        np.testing.assert_allclose(seen.std(axis=(0, 2)), 1.0, rtol=1e-12)

    def test_other_normalisations_need_no_fit(self) -> None:
        for normalisation in ("record", "none"):
            preprocessing = Preprocessing(normalisation=normalisation)  # type: ignore[arg-type]
            assert preprocessing.fitted(iter(())) is preprocessing

    @pytest.mark.parametrize(
        ("batches", "message"),
        [
            ([], "no training records"),
            ([np.zeros((0, 12, 100))], "no training records"),
            ([np.zeros((2, 8, 100))], "wrong batch"),
            ([np.full((2, 12, 100), np.nan)], "NaN or infinite"),
        ],
    )
    def test_what_cannot_be_fitted_is_refused(self, batches: list[np.ndarray], message: str) -> None:
        with pytest.raises(InputError, match=message):
            Preprocessing().fitted(batches)


class TestNormalise:
    def test_dataset_keeps_voltage(self) -> None:
        preprocessing = Preprocessing(leads=("I", "II"), mean_mv=(1.0, -1.0), sd_mv=(2.0, 0.5))
        signal_mv = torch.tensor([[[3.0, 1.0], [0.0, -1.0]]])
        torch.testing.assert_close(preprocessing.normalise(signal_mv), torch.tensor([[[1.0, 0.0], [2.0, 0.0]]]))

    def test_dataset_before_fitting_is_refused(self) -> None:
        with pytest.raises(InputError, match="not known yet"):
            Preprocessing().normalise(torch.zeros(1, 12, 10))

    def test_record_is_a_z_score_over_the_given_samples(self, rng: np.random.Generator) -> None:
        signal_mv = rng.normal(size=(3, 12, 250)) * 0.4 + 2.0
        normalised = Preprocessing(normalisation="record").normalise(torch.from_numpy(signal_mv)).numpy()
        np.testing.assert_allclose(normalised, stats.zscore(signal_mv, axis=-1), atol=1e-10)

    def test_a_flat_lead_of_a_record_becomes_zeros(self) -> None:
        signal_mv = torch.randn(2, 12, 100, generator=torch.Generator().manual_seed(0))
        signal_mv[0, 3] = 0.7 + 1e-4 * signal_mv[0, 3]  # less than the step of a recorder
        before = signal_mv.clone()
        normalised = Preprocessing(normalisation="record").normalise(signal_mv)
        assert torch.equal(signal_mv, before)
        assert (normalised[0, 3] == 0).all()
        assert normalised.isfinite().all()

    def test_none_is_the_signal_itself(self) -> None:
        signal_mv = torch.randn(2, 12, 100)
        assert Preprocessing(normalisation="none").normalise(signal_mv) is signal_mv

    def test_another_number_of_leads_is_refused(self) -> None:
        with pytest.raises(InputError, match="wrong number of leads"):
            Preprocessing(normalisation="record").normalise(torch.zeros(1, 8, 10))


class TestWindows:
    @pytest.mark.parametrize("n_samples", [250, 251, 374, 375, 500, 1000, 1001, 1250])
    @pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75, 0.999])
    def test_windows_cover_the_record_and_end_with_it(self, n_samples: int, overlap: float) -> None:
        starts = Preprocessing(window_s=2.5).window_starts(n_samples, overlap)
        covered = np.zeros(n_samples, dtype=bool)
        for start in starts:
            assert 0 <= start <= n_samples - 250
            covered[start : start + 250] = True
        assert covered.all()
        assert starts[0] == 0
        assert starts[-1] == n_samples - 250
        assert list(starts) == sorted(set(starts))

    def test_ten_seconds_in_halves_and_in_quarters(self) -> None:
        assert Preprocessing(window_s=2.5).window_starts(1000) == (0, 125, 250, 375, 500, 625, 750)
        assert Preprocessing(window_s=2.5).window_starts(1000, overlap=0.0) == (0, 250, 500, 750)
        assert Preprocessing().window_starts(1000) == (0,)

    def test_too_short_records_and_impossible_overlaps_are_refused(self) -> None:
        with pytest.raises(InputError, match="shorter than one window"):
            Preprocessing().window_starts(999)
        for overlap in (-0.1, 1.0, float("nan")):
            with pytest.raises(InputError, match="overlap"):
                Preprocessing().window_starts(1000, overlap)
