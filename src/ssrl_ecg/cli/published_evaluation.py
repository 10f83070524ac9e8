"""``python -m ssrl_ecg.evaluate``: evaluation under the published flags and defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.evaluate import EvaluateOptions, run_evaluation
from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.cli.published_options import run_door


@dataclass(frozen=True, kw_only=True)
class EvaluateDoor:
    """Judge a classifier on the test fold of PTB-XL, on request with noise added or a stretch set to zero."""

    checkpoint: Path
    """Checkpoint of a classifier."""
    data_root: Path = Path("data/PTB-XL")
    """Folder of PTB-XL."""
    store: Path | None = None
    """Folder of the store that the recordings are read into once; without it ./store/NAME-RATEhz."""
    test_folds: str = "10"
    """Folds to judge it on."""
    batch_size: int = 64
    """Recordings scored at a time."""
    noise_std: float = 0.0
    """SD in mV of noise that is added to every recording."""
    mask_ratio: float = 0.0
    """Share of every recording, in one block, that is set to 0 in all leads."""
    seed: int = 42
    """Of bootstrap, noise and masks."""


def main(argv: list[str] | None = None) -> int:
    """Run ``evaluate``."""

    def command(words: list[str], usage: str) -> int:
        door = parse(EvaluateDoor, words, usage)
        options = EvaluateOptions(
            checkpoint=door.checkpoint,
            data=LabelledDataOptions(data=f"ptbxl:{door.data_root}", store=door.store),
            test_folds=door.test_folds,
            batch_size=door.batch_size,
            noise_std=door.noise_std,
            mask_ratio=door.mask_ratio,
            seed=door.seed,
        )
        run_evaluation(options)
        return DONE

    return run_door("evaluate", argv, command)
