"""What every training command does around the training: its record, and how to go on after Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.training.provenance import data_facts
from ssrl_ecg.training.run import run_record, tune_allocator


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
    more: Mapping[str, Any] | None = None,
) -> Iterator[Path]:
    """Record a training beside the checkpoint it will write.

    The record is written first, so that a place that cannot be written to is found before hours of training.

    Args:
        out: the checkpoint.
        command: the words that started the run.
        options: dataclass with every setting.
        seed: the seed everything random was derived from.
        store: the records.
        more: what else is to be said of the data.

    Yields:
        The run's folder.

    Raises:
        InputError: ``out`` is a folder.
        KeyboardInterrupt: Ctrl-C, with a note on how to go on.
    """
    if out.is_dir():
        raise InputError("the checkpoint is to be a file", field="--out", found=f"the folder {out}")
    tune_allocator()
    folder = run_folder(out)
    try:
        with run_record(folder, command=command, config=options, seed=seed, data=data_facts(store) | dict(more or {})):
            yield folder
    except KeyboardInterrupt as stop:
        how = "goes on after the last whole epoch" if any(folder.glob("*.ckpt")) else "starts again"
        stop.add_note(f"{out} was not written; the same command {how}")
        raise
    print(f"checkpoint: {out}\nrecord and history: {folder}", flush=True)
