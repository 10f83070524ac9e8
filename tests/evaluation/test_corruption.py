from __future__ import annotations

import pickle

import numpy as np
import pytest

from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.store import build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.corruption import CorruptedStore, Corruption


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corruption")
    return build_store(PTBXL(write_synthetic_ptbxl(folder / "cohort", 10)), folder / "store").store


def test_noise_has_the_given_sd_and_is_white_in_every_lead(store):
    rows = np.arange(len(store))
    noise = CorruptedStore.of(store, Corruption(noise_sd_mv=0.1)).read_mv(rows) - store.read_mv(rows)
    assert noise.std() == pytest.approx(0.1, rel=0.01)
    assert noise.mean() == pytest.approx(0, abs=0.001)
    leads = noise.transpose(1, 0, 2).reshape(12, -1)
    assert np.abs(np.corrcoef(leads) - np.eye(12)).max() < 0.05
    lagged = (noise[..., 1:] * noise[..., :-1]).mean() / noise.var()
    assert lagged == pytest.approx(0, abs=0.02)


def test_the_mask_is_one_block_over_all_leads_and_the_rest_is_untouched(store):
    rows = np.arange(len(store))
    clean, masked = store.read_mv(rows), CorruptedStore.of(store, Corruption(mask_fraction=0.2)).read_mv(rows)
    starts = set()
    for before, after in zip(clean, masked, strict=True):
        changed = (before != after).any(axis=0)
        zero = (after == 0).all(axis=0)
        block = np.flatnonzero(zero)
        run = max(np.split(block, np.flatnonzero(np.diff(block) > 1) + 1), key=len)
        assert len(run) == 200
        assert set(np.flatnonzero(changed)) <= set(run)
        starts.add(int(run[0]))
    assert len(starts) > 5


def test_a_record_is_corrupted_alike_whatever_is_read_with_it(store):
    corrupted = CorruptedStore.of(store, Corruption(noise_sd_mv=0.2, mask_fraction=0.1, seed=7))
    together = corrupted.read_mv([3, 1, 8])
    assert np.array_equal(together[1:2], corrupted.read_mv([1]))
    other = CorruptedStore.of(store, Corruption(noise_sd_mv=0.2, mask_fraction=0.1, seed=8))
    assert not np.array_equal(together, other.read_mv([3, 1, 8]))
    assert np.array_equal(pickle.loads(pickle.dumps(corrupted)).read_mv([3, 1, 8]), together)


def test_no_corruption_changes_nothing_and_a_full_mask_leaves_nothing(store):
    assert Corruption().is_none
    assert not Corruption(mask_fraction=0.1).is_none
    rows = np.arange(len(store))
    assert np.array_equal(CorruptedStore.of(store, Corruption()).read_mv(rows), store.read_mv(rows))
    assert not CorruptedStore.of(store, Corruption(noise_sd_mv=1, mask_fraction=1)).read_mv(rows).any()


@pytest.mark.parametrize(
    "values",
    [{"noise_sd_mv": -0.1}, {"noise_sd_mv": np.inf}, {"mask_fraction": 1.1}, {"mask_fraction": np.nan}, {"seed": -1}],
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        Corruption(**values)
