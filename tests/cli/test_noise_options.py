from __future__ import annotations

import numpy as np
import pytest
import wfdb

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.augmentations.recorded_noise import RecordedNoise
from ssrl_ecg.cli.noise_options import NoiseOptions
from ssrl_ecg.errors import InputError


@pytest.fixture
def nstdb(tmp_path):
    for name in ("em", "ma"):
        noise_mv = np.random.default_rng(len(name)).normal(0, 0.2, (3600, 2))
        wfdb.wrsamp(name, 360, ["mV"] * 2, ["a", "b"], noise_mv, fmt=["212"] * 2, write_dir=str(tmp_path))
    return tmp_path


def test_noise_comes_before_the_recipe_and_says_so(nstdb):
    plain = RECIPES["crop-timeout"]()
    noisy = NoiseOptions(nstdb=nstdb, noises=("em", "ma"), snr_db=(3.0, 6.0)).added_to(plain)
    assert noisy.name == "crop-timeout-nstdb"
    assert [type(step) for step in noisy.augmentations[:2]] == [RecordedNoise] * 2
    assert noisy.augmentations[0].config.snr_db == (3.0, 6.0)
    assert noisy.augmentations[2:] == plain.augmentations
    assert NoiseOptions().added_to(plain) is plain


def test_a_missing_recording_is_named(nstdb):
    with pytest.raises(InputError, match=r"bw\.hea"):
        NoiseOptions(nstdb=nstdb).added_to(RECIPES["crop-timeout"]())
