"""``ssrl-ecg convert``: records, what is left out, and what is asked of the user."""

from __future__ import annotations

import numpy as np
import pandas as pd
import wfdb


def test_convert(ssrl_ecg, refused, tmp_path):
    signal_mv = np.random.default_rng(0).normal(0, 300, (8, 500))
    np.save(tmp_path / "a.npy", signal_mv)
    words = ("convert", tmp_path / "a.npy", tmp_path / "gone.edf", "--out", tmp_path / "out", "--unit", "uV")
    words = (*words, "--leads", "I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
    assert "give file_rate_hz" in refused(*words)
    outcome = ssrl_ecg(*words, "--sampling-rate-hz", 250)
    assert outcome.code == 3
    assert "1 records, 1 with warnings" in outcome.out
    record = wfdb.rdrecord(str(tmp_path / "out" / "a"))
    np.testing.assert_allclose(record.p_signal[:, 6:].T, signal_mv[2:] / 1000, atol=6e-4)
    manifest = pd.read_csv(tmp_path / "out" / "manifest.csv", keep_default_na=False)
    assert "III, aVR, aVL, aVF derived from I and II" in manifest["warnings"][0]
    assert manifest["rejected"].tolist() == ["", "file is missing"]
    assert "is not empty" in refused(*words)
