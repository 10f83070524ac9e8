"""The benchmark compares two chains that do the same thing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

spec = importlib.util.spec_from_file_location(
    "augmentation_chain", Path(__file__).parents[2] / "benchmarks" / "augmentation_chain.py"
)
chain = importlib.util.module_from_spec(spec)
spec.loader.exec_module(chain)


@pytest.mark.parametrize("bandpass", [chain.bandpass_sections, chain.bandpass_spectrum])
def test_both_sides_agree_on_the_same_parameters(bandpass):
    signal = chain.example_batch(16, 1000)
    for name, difference_mv in chain.rms_differences_mv(signal, 100.0, bandpass).items():
        # SD of the signal is about 0.2 mV. Band-passes differ near the ends, and sections bend towards Nyquist.
        assert difference_mv < (0.005 if name == "bandpass" else 1e-6), name


def test_both_sides_change_records_about_as_much():
    signal, recipe = chain.example_batch(64, 1000), chain.full()
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    batched = [(recipe(signal, 100.0, generator) - signal).std().item() for _ in range(8)]
    per_record = [
        (chain.per_record_batch(signal.numpy(), 100.0, rng, chain.bandpass_spectrum) - signal.numpy()).std()
        for _ in range(8)
    ]
    assert np.mean(batched) == pytest.approx(np.mean(per_record), rel=0.15)
