"""A small marked database without files: simulated records whose leads carry marks, some of them missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.ludb import LeadAnnotation
from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.data.wave_marks import MarkedDatabase
from ssrl_ecg.evaluation.segmentation.data import SegmentationTask
from ssrl_ecg.signals.waves import waves_from_mask

N_RECORDS = 8
SPAN_S = (1.0, 9.0)


def inside(times_s):
    whole = np.isfinite(times_s[:, [0, 2]]).all(axis=1)
    return times_s[whole & (times_s[:, 0] >= SPAN_S[0]) & (times_s[:, 2] <= SPAN_S[1])]


@pytest.fixture(scope="session")
def task():
    """Eight simulated records of eight patients in two folds, marked from 1 to 9 s; lead II of the first is not."""
    ecg = simulate(N_RECORDS, generator=np.random.default_rng(0), sampling_rate_hz=500.0)
    leads = []
    for mask in ecg.masks:
        waves_s = {wave: inside(times_s) for wave, times_s in waves_from_mask(mask, 500.0).items()}
        leads.append([LeadAnnotation(waves_s, SPAN_S)] * 12)
    leads[0] = [None if lead == 1 else one for lead, one in enumerate(leads[0])]
    names = [str(k) for k in range(N_RECORDS)]
    records = pd.DataFrame({"record_id": names, "patient_id": names})
    problems = pd.DataFrame([("0", "II", "lead has no annotation")], columns=["record_id", "lead", "reason"])
    database = MarkedDatabase(records, ecg.signal_mv, 500.0, leads, problems)
    values = np.eye(2, dtype=np.uint8)[np.arange(N_RECORDS) % 2]
    labels = Labels("rhythm", ("a", "b"), values, np.ones(N_RECORDS, bool), "multilabel")
    return SegmentationTask(database, labels, 1 + np.arange(N_RECORDS) // 4, "fingerprint", 42)
