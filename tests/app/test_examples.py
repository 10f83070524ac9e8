from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.app.examples import EXAMPLES, example
from ssrl_ecg.data.ptbxl import DIAGNOSTIC_CLASSES
from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS

STATEMENTS = {
    "normal": {"NORM", "SR"},
    "inferior infarction": {"IMI", "SR"},
    "left bundle branch block": {"CLBBB", "SR"},
    "left ventricular hypertrophy": {"LVH", "SR"},
    "infarction and atrial fibrillation": {"IMI", "AFIB"},
    "normal, arms interchanged": {"NORM", "SR"},
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_show_what_they_are_called(name):
    recipe = EXAMPLES[name]
    labels = np.array([[recipe.superclass == one for one in DIAGNOSTIC_CLASSES]], np.uint8)
    ecg = simulate(1, generator=np.random.default_rng(recipe.seed), labels=labels, severity=(0.9, 1.0), noise=0.6)
    assert set(ecg.table["statements"].iloc[0]) == STATEMENTS[name]


def test_examples_are_the_same_every_time_and_arms_are_interchanged():
    normal, swapped = example("normal"), example("normal, arms interchanged")
    np.testing.assert_array_equal(normal.signal_mv, example("normal").signal_mv)
    np.testing.assert_allclose(swapped.signal_mv[0], -normal.signal_mv[0], atol=1e-6)
    assert (normal.signal_mv.shape, normal.sampling_rate_hz, normal.leads) == ((12, 5000), 500.0, LEADS)
    with pytest.raises(InputError, match="no such example"):
        example("something else")
