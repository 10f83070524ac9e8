from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field

import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.training.epoch_logs import LOGGERS

ROWS = [{"epoch": 0.0, "loss": 2.5, "auroc": math.nan}, {"epoch": 1.0, "loss": 1.25, "auroc": 0.75}]


@dataclass
class Inner:
    epochs: int = 2


@dataclass
class Settings:
    schedule: Inner = field(default_factory=Inner)
    folds: tuple[int, ...] = (1, 2)


def write(name, folder):
    with LOGGERS[name](folder, Settings()) as log:
        for row in ROWS:
            log(row)


def test_csv_needs_nobody_else(tmp_path):
    with LOGGERS["csv"](tmp_path, Settings()) as log:
        assert log is None
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_tensorboard_reads_what_was_logged_and_no_undefined_numbers(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write("tensorboard", tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}
    assert found == {"loss": [(0, 2.5), (1, 1.25)], "auroc": [(1, 0.75)]}


@pytest.mark.slow
def test_mlflow_reads_what_was_logged_with_its_settings(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    write("mlflow", tmp_path / "encoder.safetensors.run")
    with pytest.raises(KeyError), LOGGERS["mlflow"](tmp_path / "second", Settings()):
        raise KeyError
    client = mlflow.MlflowClient((tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("ssrl-ecg")
    second, first = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"])
    assert (first.info.run_name, first.info.status) == ("encoder.safetensors.run", "FINISHED")
    assert second.info.status == "FAILED"
    assert first.data.params == {"schedule.epochs": "2", "folds": "[1, 2]"}
    losses = [(metric.step, metric.value) for metric in client.get_metric_history(first.info.run_id, "loss")]
    assert losses == [(0, 2.5), (1, 1.25)]
    assert first.data.metrics == {"loss": 1.25, "auroc": 0.75}


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in ("mlflow", "tensorboard"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            with pytest.raises(InputError, match=rf"logs need: pip install 'ssrl-ecg\[{name}\]' \(found no {name}\)"):
                write(name, tmp_path)
    monkeypatch.setitem(sys.modules, "mlflow", object())
    with pytest.raises(InputError, match="MLFLOW_TRACKING_URI"):
        write("mlflow", tmp_path)
