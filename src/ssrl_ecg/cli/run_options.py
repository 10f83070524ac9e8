"""The main job's flags, and the experiment they describe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from ssrl_ecg.cli.parsing import one_of
from ssrl_ecg.cli.run_labels import LabelOptions
from ssrl_ecg.cli.run_training import RunTrainingOptions
from ssrl_ecg.cli.signal_options import EncoderOptions
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.floors import FLOORS
from ssrl_ecg.evaluation.plans import EncoderPlan, Experiment
from ssrl_ecg.methods import METHODS
from ssrl_ecg.models import ENCODERS
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.loop import Compute, Precision


@dataclass(frozen=True, kw_only=True)
class RunCompute(Compute):
    """Where and how exactly to compute."""

    precision: Precision = "bf16"
    """"bf16" is about 1.6 times as fast on recent processors; weights stay float32."""


@dataclass(frozen=True, kw_only=True)
class ExperimentOptions:
    """What is compared."""

    methods: tuple[Annotated[str, one_of(METHODS)], ...] = ("simclr",)
    """Self-supervised methods."""
    encoder: EncoderOptions = field(default_factory=EncoderOptions)
    """Encoder of every row but MiniRocket's."""
    window_s: float = 2.5
    """Length of training crops and of the windows that are averaged at test, in seconds."""
    highpass_hz: float = 0.5
    """High-pass cut-off; 0 for none."""
    clip_mv: float = 5.0
    """Amplitudes are limited to this."""
    normalisation: Literal["dataset", "record", "none"] = "dataset"
    """"dataset": per-lead mean and SD of the training signals, which keeps voltage."""
    n_pretrainings: int = 3
    """Pretrainings per method with different seeds; label subsets take them in turn."""
    training: RunTrainingOptions = field(default_factory=RunTrainingOptions)
    labels: LabelOptions = field(default_factory=LabelOptions)
    floors: tuple[Annotated[str, one_of(FLOORS)], ...] | None = None
    """Floors to compare with; without the flag all that fit the label set (MiniRocket needs ssrl-ecg[floors])."""
    attention_probe: bool = False
    """Also read frozen encoders out by attention."""
    seed: int = 42
    """First seed of subsets, pretrainings and trainings."""
    compute: RunCompute = field(default_factory=RunCompute)

    def experiment(self) -> Experiment:
        """Build the experiment.

        Raises:
            InputError: a value out of range.
        """
        if self.n_pretrainings < 1:
            raise InputError("at least one pretraining is needed", field="n_pretrainings", found=self.n_pretrainings)
        return Experiment(
            encoder=EncoderPlan(kind=ENCODERS[self.encoder.encoder], config=self.encoder.config()),
            preprocessing=Preprocessing(
                window_s=self.window_s,
                highpass_hz=self.highpass_hz or None,
                clip_mv=self.clip_mv,
                normalisation=self.normalisation,
            ),
            methods=[self.training.method(name, self.seed) for name in self.methods],
            supervised=self.training.supervised(self.seed),
            finetune=self.training.finetune(self.seed),
            design=self.labels.design(self.seed),
            n_pretrainings=self.n_pretrainings,
            floors=self.floors,
            attention_probe=self.attention_probe,
            compute=self.compute,
        )
