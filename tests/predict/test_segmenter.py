from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.models.unet import UNet, UNetConfig
from ssrl_ecg.predict.segmenter import MASK_RATE_HZ, Segmentation, Segmenter, waves_writer
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import SegmenterCheckpoint

FED = Preprocessing(window_s=5.0, highpass_hz=0.5, normalisation="record")


@pytest.fixture(scope="module")
def segmenter():
    torch.manual_seed(0)
    unet = UNet(ECGEncoder1DCNN(CNNConfig(width=2)), UNetConfig(width=4, lead_width=2)).eval()
    return Segmenter(SegmenterCheckpoint(unet, FED))


@pytest.fixture(scope="module")
def recording():
    ecg = simulate(1, generator=np.random.default_rng(0), sampling_rate_hz=250.0)
    return SignalFile(ecg.signal_mv[0], 250.0, LEADS)


def test_masks_are_as_long_as_the_recording_whatever_its_rate_and_length(segmenter, recording):
    short = SignalFile(recording.signal_mv[:, :750], 250.0, LEADS)
    prepared = [segmenter.prepare(recording), segmenter.prepare(short)]
    whole, first = segmenter.answer(prepared)
    assert {lead: mask.shape for lead, mask in whole.masks.items()} == dict.fromkeys(LEADS, (5000,))
    assert first.masks["V6"].shape == (1500,)


def test_leads_are_found_by_name(segmenter, recording):
    order = np.random.default_rng(0).permutation(12)
    shuffled = SignalFile(recording.signal_mv[order], 250.0, tuple(LEADS[k] for k in order))
    plain, again = segmenter.answer([segmenter.prepare(recording), segmenter.prepare(shuffled)])
    for lead in LEADS:
        np.testing.assert_array_equal(plain.masks[lead], again.masks[lead])


def test_a_recording_too_short_for_a_beat_is_refused(segmenter, recording):
    with pytest.raises(InputError, match="shorter"):
        segmenter.prepare(SignalFile(recording.signal_mv[:, :400], 250.0, LEADS))


@pytest.fixture
def found():
    mask = np.zeros(1000, np.uint8)
    mask[:30], mask[100:150], mask[200:250], mask[980:] = 3, 1, 2, 1
    return Segmentation({"I": mask, "II": np.zeros(1000, np.uint8)}, ("noisy",))


def test_waves_are_listed_in_time_and_cut_off_ones_lack_a_boundary(found):
    assert found.waves() == [
        ("I", "t", None, 0.06),
        ("I", "p", 0.2, 0.3),
        ("I", "qrs", 0.4, 0.5),
        ("I", "p", 1.96, None),
    ]
    assert MASK_RATE_HZ == 500


def test_csv_has_a_row_per_wave_and_json_a_line_per_recording(found):
    file = io.StringIO()
    waves_writer("csv", file)(Path("a.hea"), found)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert rows[0] == {"file": "a.hea", "lead": "I", "wave": "t", "onset_s": "", "offset_s": "0.06"}
    assert len(rows) == 4
    file = io.StringIO()
    waves_writer("json", file)(Path("a.hea"), found)
    line = json.loads(file.getvalue())
    assert line["leads"]["I"] == {"p": [[0.2, 0.3], [1.96, None]], "qrs": [[0.4, 0.5]], "t": [[None, 0.06]]}
    assert line["leads"]["II"] == {"p": [], "qrs": [], "t": []}
    assert line["warnings"] == ["noisy"]
