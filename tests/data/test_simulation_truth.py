from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.simulation_truth import PARAMETERS_FILE, SimulationTruth
from ssrl_ecg.data.simulator import PARAMETERS
from ssrl_ecg.data.store import build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.errors import InputError

N = 12


@pytest.fixture
def root(tmp_path):
    return write_synthetic_ptbxl(tmp_path / "synthetic", N, seed=3)


def test_a_store_carries_the_truth_of_its_records(root, tmp_path):
    (root / "records100" / "00000" / "00005_lr.dat").unlink()  # the record of ecg_id 5 is rejected
    store = build_store(PTBXL(root), tmp_path / "store").store
    kept = np.delete(np.arange(N), 4)
    assert store.records["ecg_id"].tolist() == (kept + 1).tolist()
    truth = SimulationTruth.of_store(store.path)
    np.testing.assert_array_equal(truth.masks, np.load(root / "masks100.npy")[kept])
    assert isinstance(truth.masks, np.memmap)
    written = pd.read_csv(root / PARAMETERS_FILE).iloc[kept].reset_index(drop=True)
    pd.testing.assert_frame_equal(truth.parameters, written.drop(columns="ecg_id"))
    assert list(truth.parameters) == ["rhythm", *PARAMETERS]


def test_a_store_made_before_the_truth_was_there_is_built_again(root, tmp_path):
    masks = (root / "masks100.npy").read_bytes()
    (root / "masks100.npy").unlink()
    store = build_store(PTBXL(root), tmp_path / "store").store
    with pytest.raises(InputError, match="ssrl-ecg data synthetic"):
        SimulationTruth.of_store(store.path)
    (root / "masks100.npy").write_bytes(masks)
    result = build_store(PTBXL(root), tmp_path / "store")
    assert result.rebuilt
    assert len(SimulationTruth.of_store(result.store.path).masks) == N


@pytest.mark.parametrize("damage", ["short", "garbled", "no id"])
def test_damaged_truth_is_named(root, damage):
    if damage == "short":
        np.save(root / "masks100.npy", np.zeros((N - 1, 1000), np.uint8))
    elif damage == "garbled":
        (root / "masks100.npy").write_bytes(b"no array")
    else:
        pd.read_csv(root / PARAMETERS_FILE).drop(columns="ecg_id").to_csv(root / PARAMETERS_FILE, index=False)
    source = PTBXL(root)
    with pytest.raises(InputError, match=str(root)):
        source.truth(source.records())
