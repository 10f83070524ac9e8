"""``python -m ssrl_ecg.train_finetune`` and ``.train_supervised``, under the published flags and defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ssrl_ecg.cli.classifier_options import ClassifyOptions
from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.finetune import FinetuneOptions, run_finetuning
from ssrl_ecg.cli.labelled_records import LabelledRecords
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.cli.pretrained import PretrainedOptions
from ssrl_ecg.cli.published_options import PublishedOptions, published_signal, run_door
from ssrl_ecg.cli.signal_options import EncoderOptions
from ssrl_ecg.cli.supervised import SupervisedOptions, run_supervised
from ssrl_ecg.training.classify import ClassifyConfig

WEIGHT_DECAY = 1e-2
"""AdamW's own default: the published commands have no flag for it."""


@dataclass(frozen=True, kw_only=True)
class PublishedTraining(PublishedOptions):
    """Options of both published trainings."""

    out: Path
    """Checkpoint to write, safetensors whatever its name."""
    epochs: int = 20
    """Passes over the labelled recordings; the best of them on the validation fold is kept."""
    batch_size: int = 64
    """Recordings per step."""
    lr: float = 1e-3
    """Peak learning rate."""
    label_fraction: float = 0.1
    """Share of the training recordings whose labels are used."""
    loss: Literal["bce", "focal", "weighted", "class_balanced"] = "focal"
    """weighted: by inverse class frequency; class_balanced: by effective numbers."""
    balance_strategy: Literal["standard", "stratified", "oversample"] = "oversample"
    """Oversample rare classes or not; the labelled recordings are stratified in any case."""

    def common(self) -> dict[str, Any]:
        """Return what both trainings are told alike, as ``ClassifierOptions`` calls it."""
        return {
            "out": self.out,
            "data": self.data,
            "folds": self.folds,
            "label_fraction": self.label_fraction,
            "recipe": "none",
            "training": ClassifyOptions(seed=self.seed),
        }

    def schedule(self, records: LabelledRecords) -> ClassifyConfig:
        """Turn epochs into steps, with one look at the validation records per epoch."""
        steps_per_epoch = -(-len(records.training) // max(self.batch_size, 1))  # the config refuses 0
        return ClassifyConfig(
            steps=self.epochs * steps_per_epoch,
            passes=0,
            evaluate_every=steps_per_epoch,
            patience=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.lr,
            weight_decay=WEIGHT_DECAY,
            loss=self.loss,
            oversample=self.balance_strategy == "oversample",
            seed=self.seed,
        )


@dataclass(frozen=True, kw_only=True)
class FinetuneDoor(PublishedTraining):
    """Train a classifier of PTB-XL's five superclasses from a pretrained encoder."""

    ssl_checkpoint: Path
    """Checkpoint of the pretrained encoder; it brings its preprocessing."""
    freeze_encoder: bool = False
    """Train the head alone (linear probing)."""
    out: Path = Path("checkpoints/finetuned.safetensors")


@dataclass(frozen=True, kw_only=True)
class SupervisedDoor(PublishedTraining):
    """Train ECGEncoder1DCNN and a linear head on PTB-XL's five superclasses from scratch."""

    signal_length: int = 1000
    """Samples of the input at 100 Hz."""
    out: Path = Path("checkpoints/supervised.safetensors")


def finetune(argv: list[str] | None = None) -> int:
    """Run ``train_finetune``."""

    def command(words: list[str], usage: str) -> int:
        door = parse(FinetuneDoor, words, usage)
        options = FinetuneOptions(
            pretrained=PretrainedOptions(checkpoint=door.ssl_checkpoint),
            freeze_encoder=door.freeze_encoder,
            probe_first=False,
            **door.common(),
        )
        pretrained = options.pretrained.load()
        records = options.records(pretrained.preprocessing.sampling_rate_hz)
        run_finetuning(options, door.schedule(records), pretrained, records, [*usage.split(), *words])
        return DONE

    return run_door("train_finetune", argv, command)


def supervised(argv: list[str] | None = None) -> int:
    """Run ``train_supervised``."""

    def command(words: list[str], usage: str) -> int:
        door = parse(SupervisedDoor, words, usage)
        options = SupervisedOptions(
            signal=published_signal(door.signal_length), encoder=EncoderOptions(encoder="cnn"), **door.common()
        )
        records = options.records(options.signal.sampling_rate_hz)
        run_supervised(options, door.schedule(records), records, [*usage.split(), *words])
        return DONE

    return run_door("train_supervised", argv, command)
