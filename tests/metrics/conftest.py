from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings

# A busy machine is no reason for a numerical property to fail.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240607)
