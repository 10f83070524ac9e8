"""Where each epoch's numbers go beside ``history.csv``: TensorBoard or MLflow, for those who watch runs there."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ssrl_ecg.errors import InputError
from ssrl_ecg.extras import extra_package
from ssrl_ecg.files import jsonable
from ssrl_ecg.training.run import as_config

EpochLog = Callable[[Mapping[str, float]], None]
"""Takes one epoch's numbers; "epoch" is among them."""

_MLFLOW_LONGEST = 500
"""Characters of a parameter's value; MLflow's own bound differs between its stores, and none is lower."""


@contextmanager
def _csv(folder: Path, config: Any) -> Iterator[EpochLog | None]:
    yield None  # history.csv is written in any case


@contextmanager
def _tensorboard(folder: Path, config: Any) -> Iterator[EpochLog]:
    extra_package("tensorboard", "tensorboard", "TensorBoard logs")
    writers: Any = extra_package("torch.utils.tensorboard", "tensorboard", "TensorBoard logs")
    with writers.SummaryWriter(str(folder / "tensorboard")) as writer:

        def log(row: Mapping[str, float]) -> None:
            for name, value in _numbers(row):
                writer.add_scalar(name, value, int(row["epoch"]))
            writer.flush()

        yield log


@contextmanager
def _mlflow(folder: Path, config: Any) -> Iterator[EpochLog]:
    mlflow: Any = extra_package("mlflow", "mlflow", "MLflow logs")
    address = _mlflow_address()
    client = mlflow.MlflowClient(address)
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "ssrl-ecg")
    known = client.get_experiment_by_name(name)
    experiment = client.create_experiment(name) if known is None else known.experiment_id
    run = client.create_run(experiment, run_name=folder.name).info.run_id
    for key, value in _flat(jsonable(as_config(config))):
        client.log_param(run, key, str(value)[:_MLFLOW_LONGEST])
    status = "FAILED"
    try:
        yield lambda row: _log_metrics(client, run, row)
        status = "FINISHED"
    finally:
        client.set_terminated(run, status)


def _mlflow_address() -> str:
    address = os.environ.get("MLFLOW_TRACKING_URI")
    if not address:
        example = "for example http://127.0.0.1:5000"
        raise InputError("MLflow's address is not known", field="MLFLOW_TRACKING_URI", expected=example)
    return address


def _log_metrics(client: Any, run: str, row: Mapping[str, float]) -> None:
    for name, value in _numbers(row):
        client.log_metric(run, name, value, step=int(row["epoch"]))


def _numbers(row: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Yield what can be drawn: an undefined AUROC has no place in a curve."""
    return ((name, value) for name, value in row.items() if name != "epoch" and math.isfinite(value))


def _flat(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested tables with their path, as in ``schedule.epochs``."""
    if not isinstance(tree, Mapping):
        yield prefix, tree
        return
    for key, value in tree.items():
        yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))


LOGGERS = {"csv": _csv, "mlflow": _mlflow, "tensorboard": _tensorboard}
"""Every kind of log by the name that the command line uses."""
