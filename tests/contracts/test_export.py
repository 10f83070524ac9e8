"""What every encoder in the table must do to leave the house: be written as a graph that says what torch says."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from ssrl_ecg.deployment.export import FORMATS, TOLERANCE, contract_path, export_checkpoint
from ssrl_ecg.models import ENCODERS
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import EncoderCheckpoint
from ssrl_ecg.training.windows import over_windows

SMALL = {"vit-s": {"width": 12, "depth": 2}, "vit-xs": {"depth": 2}, "vit-xs-leads": {"depth": 2}}
"""Where 4 channels are not the smallest network of its kind."""
FILTERED = Preprocessing(window_s=0.64, highpass_hz=0.5, clip_mv=5.0, normalisation="record")


def small_encoder(name: str) -> EncoderCheckpoint:
    torch.manual_seed(0)
    kind = ENCODERS[name]
    encoder = kind(kind.Config(**({"width": 4} | SMALL.get(name, {}))))
    for _ in range(2):  # running statistics that are not their initial 0 and 1
        encoder(torch.randn(16, 12, 64))
    return EncoderCheckpoint(encoder.eval(), FILTERED)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # seconds each on an idle machine, minutes beside other work
@pytest.mark.parametrize("format_name", ["onnx", "torchscript"])
@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_is_exported_or_refused_in_one_line(name, format_name, tmp_path):
    """Nothing in the table is refused today; ONNX goes through torch.export."""
    checkpoint, out = small_encoder(name), tmp_path / "model"
    contract = export_checkpoint(checkpoint, out, format_name=format_name, n_samples=100)
    assert json.loads(contract_path(out).read_text())["input"] == contract["input"] | {"leads": [*FILTERED.leads]}

    signal_mv = torch.randn(5, 12, 100)
    with torch.no_grad():
        expected = over_windows(checkpoint.encoder, signal_mv, FILTERED).numpy()
    (found,) = FORMATS[format_name].open(out.read_bytes())(signal_mv.numpy())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * max(1, np.abs(expected).max()))
