"""What an experiment pretrains and trains, as plain plans; nothing is built before it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ssrl_ecg.augmentations.recipes import Recipe
from ssrl_ecg.evaluation.simulated_start import SimulatedStart
from ssrl_ecg.methods.method import Method
from ssrl_ecg.models.encoder import Encoder, EncoderConfig
from ssrl_ecg.training.classify import ClassifyConfig
from ssrl_ecg.training.pretrain import PretrainConfig
from ssrl_ecg.training.run import as_config


@dataclass(frozen=True, kw_only=True)
class EncoderPlan:
    """One kind of encoder with its settings."""

    kind: type[Encoder]
    config: EncoderConfig

    def build(self) -> Encoder:
        """Build a fresh encoder from torch's current seed."""
        return self.kind(self.config)

    def settings(self) -> dict[str, Any]:
        """Plain values that identify it."""
        return {"encoder": self.kind.__name__, "encoder_config": as_config(self.config)}


@dataclass(frozen=True, kw_only=True)
class MethodPlan:
    """One self-supervised method with everything its pretraining depends on."""

    name: str
    """Name in the tables."""
    kind: type[Method]
    config: Any
    """The method's own frozen configuration."""
    pretrain: PretrainConfig
    recipe: Recipe
    """Augmentations of a view."""
    encoder: EncoderPlan | None = None
    """For a method that needs an encoder of its own; None for the experiment's."""
    n_pretrainings: int | None = None
    """Pretrainings with different seeds; None for the experiment's number."""
    finetuned: bool = True
    """Whether it has a fine-tuned row, if the experiment fine-tunes at all."""
    start: SimulatedStart | None = None
    """Simulated records that the encoder learns from first; for ``Simulation`` they are all it learns from."""

    @property
    def knowledge(self) -> bool:
        """Whether measurements, criteria or a simulator take part."""
        return self.start is not None or bool(self.kind.needs & {"measurements", "simulation"})

    def settings(self) -> dict[str, Any]:
        """Plain values that identify the pretraining, beside the encoder's."""
        start = {} if self.start is None else {"start": self.start.settings()}
        return start | {
            "method": self.kind.__name__,
            "config": as_config(self.config),
            "pretrain": as_config(self.pretrain),
            "recipe": self.recipe.to_dict(),
        }


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """How one kind of classifier is trained: settings and augmentations."""

    config: ClassifyConfig
    recipe: Recipe

    def settings(self) -> dict[str, Any]:
        """Plain values that identify the training."""
        return {"config": as_config(self.config), "recipe": self.recipe.to_dict()}
