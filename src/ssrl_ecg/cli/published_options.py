"""What the published commands (``python -m ssrl_ecg.train_...``) have in common: PTB-XL and where it lies."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.exits import run_guarded
from ssrl_ecg.cli.fold_options import FoldOptions
from ssrl_ecg.cli.signal_options import SignalOptions

SAMPLING_RATE_HZ = 100.0
"""Rate the published commands work at: 1000 samples are 10 s."""


@dataclass(frozen=True, kw_only=True)
class PublishedOptions:
    """Options of all published training commands."""

    data_root: Path = Path("data/PTB-XL")
    """Folder of PTB-XL."""
    store: Path | None = None
    """Folder of the store that the recordings are read into once; without it ./store/NAME-100hz."""
    folds: FoldOptions = field(default_factory=FoldOptions)
    seed: int = 42
    """Seed of everything that is drawn."""

    @property
    def data(self) -> LabelledDataOptions:
        """PTB-XL with the five superclasses."""
        return LabelledDataOptions(data=f"ptbxl:{self.data_root}", store=self.store)


def published_signal(signal_length: int) -> SignalOptions:
    """Return unfiltered input of so many samples at 100 Hz."""
    return SignalOptions(window_s=signal_length / SAMPLING_RATE_HZ, highpass_hz=0, clip_mv=0)


def run_door(module: str, argv: list[str] | None, command: Callable[[list[str], str], int]) -> int:
    """Run a published command with its exit codes.

    Args:
        module: its module, such as ``train_ssl_simclr``.
        argv: its words; None takes them from the process.
        command: (words, the whole command as usage lines show it) -> exit code.
    """
    words = sys.argv[1:] if argv is None else argv
    return run_guarded(lambda: command(words, f"python -m ssrl_ecg.{module}"))
