"""One ECG, in whole microvolts, that every format is written from."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ssrl_ecg.signals.leads import limb_leads_from_i_ii

RATE_HZ = 250.0


@pytest.fixture(scope="session")
def signal_mv() -> np.ndarray:
    """(12, 500) in mV, in steps of 1 uV; I and II in steps of 2 uV, so that derived leads are whole too."""
    time_s = np.arange(500) / RATE_HZ
    rng = np.random.default_rng(3)
    beat = np.exp(-(((time_s % 0.8) - 0.4) ** 2) / 2e-4)
    eight = rng.uniform(0.3, 1.5, (8, 1)) * beat + rng.normal(0, 0.01, (8, 500))
    eight = np.round(eight * 500) / 500
    return np.concatenate([limb_leads_from_i_ii(eight[0], eight[1]), eight[2:]])


@pytest.fixture(scope="session")
def writers() -> ModuleType:
    """The writers of every format."""
    specification = importlib.util.spec_from_file_location("ecg_writers", Path(__file__).with_name("writers.py"))
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
