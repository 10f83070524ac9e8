"""``ssrl-ecg measure``: one recording on the terminal, many into a table, exit codes and refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.signals.measurements import MEASUREMENTS


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    signals = simulate(3, generator=np.random.default_rng(0), sampling_rate_hz=250).signal_mv
    for number, signal_mv in enumerate(signals):
        np.save(folder / f"{number}.npy", signal_mv)
    return sorted(folder.glob("*.npy"))


RATE = ("--file-rate-hz", 250)


def test_one_recording_is_printed_and_drawn(ssrl_ecg, files, tmp_path):
    picture = tmp_path / "ecg.png"
    outcome = ssrl_ecg("measure", files[0], *RATE, "--picture", picture)
    assert outcome.code == 0
    assert f"{files[0]}: 10 s at 250 Hz" in outcome.out
    assert "heart rate" in outcome.out
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_several_recordings_become_a_table(ssrl_ecg, files, tmp_path, suffix):
    out = tmp_path / f"table.{suffix}"
    assert ssrl_ecg("measure", *files, *RATE, "--out", out).code == 0
    table = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out).reset_index()
    assert table.columns.tolist() == ["record_id", "flags", *MEASUREMENTS]
    assert table["record_id"].tolist() == [str(path) for path in files]
    assert table["heart_rate_bpm"].between(40, 140).all()


def test_a_dataset_is_measured_record_by_record(ssrl_ecg, cohort, tmp_path):
    outcome = ssrl_ecg("measure", "--data", cohort, "--out", tmp_path / "table.csv", "--n-jobs", 1)
    assert outcome.code == 0
    assert "120 recordings" in outcome.out
    assert len(pd.read_csv(tmp_path / "table.csv")) == 120


def test_bad_recordings_are_listed_and_the_exit_code_says_so(ssrl_ecg, refused, files, tmp_path):
    out = tmp_path / "table.csv"
    outcome = ssrl_ecg("measure", files[0], tmp_path / "gone.npy", *RATE, "--out", out)
    assert outcome.code == 3
    assert "1 recordings were left out" in outcome.out
    assert pd.read_csv(tmp_path / "table.rejected.csv")["reason"].tolist() == ["file is missing"]
    assert len(pd.read_csv(out)) == 1
    reason = refused("measure", tmp_path / "gone.npy", tmp_path / "away.npy", *RATE, "--out", tmp_path / "none.csv")
    assert "none of the 2 recordings can be measured" in reason
    assert not (tmp_path / "none.csv").exists()


def test_what_does_not_go_together_is_refused(refused, files, cohort, tmp_path):
    assert "give either files or --data" in refused("measure")
    assert "give either files or --data" in refused("measure", files[0], "--data", cohort)
    assert "give --out TABLE.csv" in refused("measure", *files, *RATE)
    assert "give --out TABLE.csv" in refused("measure", "--data", cohort)
    assert "unknown kind of table" in refused("measure", *files, *RATE, "--out", tmp_path / "table.xls")
    words = ("measure", *files, *RATE, "--out", tmp_path / "table.csv", "--picture", tmp_path / "a.png")
    assert "a picture shows a single recording" in refused(*words)
    assert "give file_rate_hz" in refused("measure", files[0])
    assert list(tmp_path.iterdir()) == []
