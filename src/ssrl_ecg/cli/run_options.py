"""The main job's flags, and the experiment they describe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.finetune import FinetuneOptions
from ssrl_ecg.cli.parsing import one_of
from ssrl_ecg.cli.supervised import SupervisedOptions
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.experiment import Experiment, MethodPlan, TrainingPlan
from ssrl_ecg.evaluation.label_fractions import LabelFractions
from ssrl_ecg.methods import METHODS
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.models import ENCODERS
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.classify import FINETUNING, ClassifyConfig
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.pretrain import PretrainConfig

TITLES = {"simclr": "SimCLR", "byol": "BYOL"}
"""Method -> its name in tables; a method that is not here is shown under its own name."""


@dataclass(frozen=True, kw_only=True)
class ExperimentOptions:
    """What is compared, and how it is trained.

    Defaults are those of pretrain, supervised and finetune: the recipe chosen on folds 1-5 and 6 of the PTB-XL sample
    (results/trials).
    """

    methods: tuple[Annotated[str, one_of(METHODS)], ...] = ("simclr",)
    """Self-supervised methods."""
    encoder: Annotated[str, one_of(ENCODERS)] = "resnet18"
    """Encoder of every row but MiniRocket's."""
    encoder_width: int = 32
    """Channels of the encoder's first stage."""
    window_s: float = 2.5
    """Length of training crops and of the windows that are averaged at test, in seconds."""
    highpass_hz: float = 0.5
    """High-pass cut-off; 0 for none."""
    clip_mv: float = 5.0
    """Amplitudes are limited to this."""
    normalisation: Literal["dataset", "record", "none"] = "dataset"
    """"dataset": per-lead mean and SD of the training signals, which keeps voltage."""
    recipe: Annotated[str, one_of(RECIPES)] = SupervisedOptions.recipe
    """Augmentations of views, and of the crops of supervised training."""
    finetune_recipe: Annotated[str, one_of(RECIPES)] = FinetuneOptions.recipe
    """Augmentations of the crops of fine-tuning."""
    supervised_recipes: tuple[Annotated[str, one_of(RECIPES)], ...] = ()
    """Further supervised rows, one for each of these recipes."""
    temperature: float = SimCLRConfig.temperature
    """SimCLR's temperature."""
    pretrain_epochs: int = PretrainConfig.epochs
    """Passes over the unlabelled training records."""
    pretrain_batch_size: int = PretrainConfig.batch_size
    """Records per pretraining step."""
    pretrain_learning_rate: float = PretrainConfig.learning_rate
    """Peak rate of pretraining."""
    n_pretrainings: int = 3
    """Pretrainings per method with different seeds; label subsets take them in turn."""
    steps: int = ClassifyConfig.steps
    """Steps of supervised training and of fine-tuning."""
    supervised_learning_rate: float = ClassifyConfig.learning_rate
    """Peak rate of supervised training."""
    supervised_weight_decay: float = ClassifyConfig.weight_decay
    """Weight decay of supervised training."""
    finetune_learning_rate: float = FINETUNING.learning_rate
    """Peak rate of fine-tuning, which starts from the probe's head."""
    supervised_loss: Literal["bce", "focal", "class_balanced", "weighted"] = "bce"
    """Loss of supervised training."""
    supervised_oversample: bool = False
    """Oversample rare classes in supervised training."""
    fractions: tuple[float, ...] = (0.01, 0.1, 1.0)
    """Label fractions."""
    repeats: tuple[int, ...] = (10, 5, 3)
    """Label subsets at each fraction; at 1.0, seeds."""
    minirocket: bool = True
    """Include MiniRocket + ridge (needs the extra packages of ssrl-ecg[floors])."""
    seed: int = 42
    """First seed of subsets, pretrainings and trainings."""
    precision: Literal["32", "bf16"] = "bf16"
    """"bf16" is about 1.6 times as fast on recent processors; weights stay float32."""
    accelerator: str = "auto"
    """Lightning's accelerator, such as cpu or gpu."""

    def experiment(self) -> Experiment:
        """Build the experiment.

        Raises:
            InputError: a value out of range.
        """
        recipe = RECIPES[self.recipe]()
        supervised = ClassifyConfig(
            steps=self.steps,
            learning_rate=self.supervised_learning_rate,
            weight_decay=self.supervised_weight_decay,
            loss=self.supervised_loss,
            oversample=self.supervised_oversample,
            seed=self.seed,
        )
        finetune = replace(FINETUNING, steps=self.steps, learning_rate=self.finetune_learning_rate, seed=self.seed)
        encoder = ENCODERS[self.encoder]
        if self.n_pretrainings < 1:
            raise InputError("at least one pretraining is needed", field="n_pretrainings", found=self.n_pretrainings)
        return Experiment(
            encoder_kind=encoder,
            encoder_config=encoder.Config(width=self.encoder_width),
            preprocessing=Preprocessing(
                window_s=self.window_s,
                highpass_hz=self.highpass_hz or None,
                clip_mv=self.clip_mv,
                normalisation=self.normalisation,
            ),
            methods=[self._method(name) for name in self.methods],
            supervised={"supervised": TrainingPlan(config=supervised, recipe=recipe)}
            | {
                f"supervised, recipe {name}": TrainingPlan(config=supervised, recipe=RECIPES[name]())
                for name in self.supervised_recipes
            },
            finetune=TrainingPlan(config=finetune, recipe=RECIPES[self.finetune_recipe]()),
            design=LabelFractions(fractions=self.fractions, n_repeats=self.repeats, first_seed=self.seed),
            n_pretrainings=self.n_pretrainings,
            minirocket=self.minirocket,
            compute=Compute(precision=self.precision, accelerator=self.accelerator),
        )

    def _method(self, name: str) -> MethodPlan:
        kind = METHODS[name]
        config = SimCLRConfig(temperature=self.temperature) if kind is SimCLR else kind.Config()
        pretrain = PretrainConfig(
            epochs=self.pretrain_epochs,
            batch_size=self.pretrain_batch_size,
            learning_rate=self.pretrain_learning_rate,
            seed=self.seed,
        )
        return MethodPlan(
            name=TITLES.get(name, name), kind=kind, config=config, pretrain=pretrain, recipe=RECIPES[self.recipe]()
        )
