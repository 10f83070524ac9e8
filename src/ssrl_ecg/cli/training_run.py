"""What every training command does around the training: its record, and how to go on after Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from ssrl_ecg.cli.estimates import describe_estimate
from ssrl_ecg.cli.parsing import one_of
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.learning_curves import CURVES_NAME, read_history, text_curves, write_learning_curves
from ssrl_ecg.training.epoch_logs import LOGGERS, EpochLog
from ssrl_ecg.training.history import HISTORY_NAME
from ssrl_ecg.training.provenance import data_facts
from ssrl_ecg.training.rehearsal import rehearsing
from ssrl_ecg.training.run import run_record, tune_allocator


@dataclass(frozen=True, kw_only=True)
class WatchOptions:
    """How a training is watched."""

    logger: Annotated[str, one_of(LOGGERS)] = "csv"
    """Where each epoch's numbers go beside OUT.run/history.csv: to OUT.run/tensorboard (ssrl-ecg[tensorboard]), or to
    the MLflow at MLFLOW_TRACKING_URI (ssrl-ecg[mlflow])."""
    dry_run: bool = False
    """Run a few steps, say what time and memory the whole training would take, and write nothing."""


@dataclass(frozen=True)
class Run:
    """Where a training keeps its files, and whom it tells each epoch's numbers."""

    folder: Path
    log: EpochLog | None


def run_folder(out: Path) -> Path:
    """Folder beside the checkpoint ``out`` that holds run.json, history.csv and the state of an unfinished training."""
    return out.with_name(f"{out.name}.run")


@contextmanager
def training_run(
    out: Path,
    *,
    command: list[str],
    options: Any,
    seed: int,
    store: RecordStore,
    watch: WatchOptions,
    more: Mapping[str, Any] | None = None,
) -> Iterator[Run]:
    """Record a training beside the checkpoint it will write; at its end print and draw its learning curves.

    The record is written first, so that a place that cannot be written to is found before hours of training. A dry run
    keeps its files in a folder that vanishes, and leaves the block after a few steps.

    Args:
        out: the checkpoint.
        command: the words that started the run.
        options: dataclass with every setting.
        seed: the seed everything random was derived from.
        store: the records.
        watch: logger, and whether this is a dry run.
        more: what else is to be said of the data.

    Yields:
        The run.

    Raises:
        InputError: ``out`` is a folder.
        KeyboardInterrupt: Ctrl-C, with a note on how to go on.
    """
    if out.is_dir():
        raise InputError("the checkpoint is to be a file", field="--out", found=f"the folder {out}")
    tune_allocator()
    if watch.dry_run:
        with TemporaryDirectory() as scratch, rehearsing() as rehearsal:
            yield Run(Path(scratch), None)
        assert rehearsal.estimate is not None
        print(describe_estimate(rehearsal.estimate), flush=True)
        return
    folder = run_folder(out)
    try:
        with (
            run_record(folder, command=command, config=options, seed=seed, data=data_facts(store) | dict(more or {})),
            LOGGERS[watch.logger](folder, options) as log,
        ):
            yield Run(folder, log)
    except KeyboardInterrupt as stop:
        how = "goes on after the last whole epoch" if any(folder.glob("*.ckpt")) else "starts again"
        stop.add_note(f"{out} was not written; the same command {how}")
        raise
    _show_learning_curves(folder)
    print(f"checkpoint: {out}\nrecord and history: {folder}", flush=True)


def _show_learning_curves(folder: Path) -> None:
    path = folder / HISTORY_NAME
    if path.exists():
        history = read_history(path)
        write_learning_curves(history, folder / CURVES_NAME)
        print(*text_curves(history), sep="\n")
