"""What an experiment pretrains and trains, as plain plans; nothing is built before it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ssrl_ecg.augmentations.recipes import Recipe
from ssrl_ecg.evaluation.floors import DEFAULT_FLOORS, FLOORS, check_floors
from ssrl_ecg.evaluation.label_fractions import LabelFractions
from ssrl_ecg.evaluation.revisions import code_version
from ssrl_ecg.evaluation.simulated_start import SimulatedStart
from ssrl_ecg.methods.method import Method
from ssrl_ecg.metrics.comparison import check_replicates
from ssrl_ecg.models.encoder import Encoder, EncoderConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.classify import ClassifyConfig
from ssrl_ecg.training.loop import Compute
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
        settings = {
            "method": self.kind.__name__,
            "config": as_config(self.config),
            "pretrain": as_config(self.pretrain),
            "recipe": self.recipe.to_dict(),
        }
        return start | settings | code_version("pretraining")


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """How one kind of classifier is trained: settings and augmentations."""

    config: ClassifyConfig
    recipe: Recipe

    def settings(self) -> dict[str, Any]:
        """Plain values that identify the training."""
        config = as_config(self.config)
        if config["layer_rate_decay"] == 1:
            del config["layer_rate_decay"]  # so that cells from before there was one keep their identity
        return {"config": config, "recipe": self.recipe.to_dict()} | code_version("training")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything the main job needs beside the data."""

    encoder: EncoderPlan
    """Of the supervised rows, and of every method without its own."""
    preprocessing: Preprocessing
    """Not fitted yet; it is fitted on the training signals of the splits."""
    methods: Sequence[MethodPlan]
    supervised: Mapping[str, TrainingPlan]
    """Rows that are trained from scratch, by name."""
    finetune: TrainingPlan | None
    design: LabelFractions
    n_pretrainings: int = 3
    """Pretrainings per method, seeds counted up from the method's; cells take them in turn."""
    floors: Sequence[str] | None = None
    """Names of ``FLOORS``; None for the default ones that fit the label set."""
    attention_probe: bool = False
    """Whether frozen encoders are also read out by attention (``training.attention_probe``)."""
    whole_systems: bool = False
    """Whether the floors' ensemble also teaches students, in each method's features and, as a control, without them."""
    compute: Compute = field(default_factory=Compute)

    def check(self, n_replicates: int, level: float = 0.95) -> None:
        """Refuse, before hours of training, what would fail after them.

        Args:
            n_replicates: bootstrap replicates of the report.
            level: nominal coverage of its intervals.

        Raises:
            InputError: an unknown floor or one whose package is missing, or too few replicates for Holm's correction of
                all comparisons.
        """
        floors = DEFAULT_FLOORS if self.floors is None else self.floors
        check_floors(floors)
        n_methods = len(self.methods) * (1 if self.finetune is None else 2)
        n_others = len(self.supervised) + 1 + sum(FLOORS[name].compared for name in floors)
        n_comparisons = n_methods * n_others * self.design.n_amounts
        check_replicates(n_comparisons, n_replicates, level)

    def processes(self) -> dict[str, int]:
        """Plain values that identify a training by several processes, whose batches add up; none for a single one."""
        return {"devices": self.compute.devices} if self.compute.devices > 1 else {}

    def encoder_of(self, method: MethodPlan | None) -> EncoderPlan:
        """The encoder a method is pretrained in; of None, the experiment's."""
        return self.encoder if method is None or method.encoder is None else method.encoder

    def n_pretrainings_of(self, method: MethodPlan | None) -> int:
        """How many encoders a method, or the random floor, has."""
        return self.n_pretrainings if method is None or method.n_pretrainings is None else method.n_pretrainings

    @property
    def encoders(self) -> tuple[EncoderPlan, ...]:
        """Every encoder once, the experiment's first."""
        return tuple(dict.fromkeys([self.encoder, *(self.encoder_of(method) for method in self.methods)]))
