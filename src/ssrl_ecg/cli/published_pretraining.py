"""``python -m ssrl_ecg.train_ssl``, ``.train_ssl_simclr`` and ``.train_ssl_byol``: published flags and defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import one_of, parse
from ssrl_ecg.cli.pretrain import PretrainOptions, run_pretraining
from ssrl_ecg.cli.pretraining_data import PretrainingDataOptions
from ssrl_ecg.cli.published_options import PublishedOptions, published_signal, run_door
from ssrl_ecg.cli.signal_options import EncoderOptions
from ssrl_ecg.methods import (
    BYOL,
    BYOLConfig,
    MaskedReconstruction,
    MaskedReconstructionConfig,
    Method,
    SimCLR,
    SimCLRConfig,
)
from ssrl_ecg.models import ModuleConfig
from ssrl_ecg.training.pretrain import PretrainConfig


@dataclass(frozen=True, kw_only=True)
class PublishedPretraining(PublishedOptions):
    """Options of all published pretraining commands."""

    epochs: int = 20
    """Passes over the training recordings."""
    batch_size: int = 256
    """Recordings per step."""
    lr: float = 1e-3
    """Peak learning rate."""
    signal_length: int = 1000
    """Samples of a view at 100 Hz."""
    config: Annotated[str, one_of(RECIPES)] = "full"
    """Augmentations: all seven, all but one, or another recipe."""

    def pretrain(self, kind: type[Method], method: ModuleConfig, out: Path, command: list[str]) -> int:
        """Pretrain ``ECGEncoder1DCNN`` and write the checkpoint."""
        options = PretrainOptions(
            out=out,
            data=PretrainingDataOptions(data=(self.data.data,), store=self.store),
            folds=self.folds,
            signal=published_signal(self.signal_length),
            encoder=EncoderOptions(encoder="cnn"),
            recipe=self.config,
            method=method,
            schedule=PretrainConfig(
                epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.lr, seed=self.seed
            ),
        )
        run_pretraining(kind, options, command)
        return DONE


@dataclass(frozen=True, kw_only=True)
class MaskedDoor(PublishedPretraining):
    """Pretrain ECGEncoder1DCNN by masked reconstruction on the training folds of PTB-XL at 100 Hz."""

    batch_size: int = 64
    """Recordings per step."""
    mask_ratio: float = 0.3
    """Share of the samples that are blanked, in blocks of half a second; the error counts there."""
    config: Annotated[str, one_of(RECIPES)] = "none"
    """Augmentations before the mask; the published command had none."""
    out: Path = Path("checkpoints/ssl_masked.safetensors")
    """Checkpoint to write, safetensors whatever its name."""


@dataclass(frozen=True, kw_only=True)
class SimCLRDoor(PublishedPretraining):
    """Pretrain ECGEncoder1DCNN with SimCLR on the training folds of PTB-XL at 100 Hz."""

    temperature: float = 0.07
    """Divides cosine similarities."""
    projection_dim: int = 128
    """Dimensions in which views are compared."""
    out: Path = Path("checkpoints/ssl_simclr.safetensors")
    """Checkpoint to write, safetensors whatever its name."""


@dataclass(frozen=True, kw_only=True)
class BYOLDoor(PublishedPretraining):
    """Pretrain ECGEncoder1DCNN with BYOL on the training folds of PTB-XL at 100 Hz."""

    momentum_tau: float = 0.996
    """Share of itself that the target keeps at the start; lower in short trainings, rises to 1."""
    out: Path = Path("checkpoints/ssl_byol.safetensors")
    """Checkpoint to write, safetensors whatever its name."""


def masked(argv: list[str] | None = None) -> int:
    """Run ``train_ssl``."""

    def command(words: list[str], usage: str) -> int:
        door = parse(MaskedDoor, words, usage)
        method = MaskedReconstructionConfig(mask_ratio=door.mask_ratio)
        return door.pretrain(MaskedReconstruction, method, door.out, [*usage.split(), *words])

    return run_door("train_ssl", argv, command)


def simclr(argv: list[str] | None = None) -> int:
    """Run ``train_ssl_simclr``."""

    def command(words: list[str], usage: str) -> int:
        door = parse(SimCLRDoor, words, usage)
        method = SimCLRConfig(temperature=door.temperature, projection_dim=door.projection_dim)
        return door.pretrain(SimCLR, method, door.out, [*usage.split(), *words])

    return run_door("train_ssl_simclr", argv, command)


def byol(argv: list[str] | None = None) -> int:
    """Run ``train_ssl_byol``."""

    def command(words: list[str], usage: str) -> int:
        door = parse(BYOLDoor, words, usage)
        method = BYOLConfig(momentum_tau=door.momentum_tau)
        return door.pretrain(BYOL, method, door.out, [*usage.split(), *words])

    return run_door("train_ssl_byol", argv, command)
