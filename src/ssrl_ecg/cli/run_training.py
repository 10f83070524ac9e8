"""How the main job pretrains and trains: the flags."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.finetune import FinetuneOptions
from ssrl_ecg.cli.parsing import one_of
from ssrl_ecg.cli.pretrain import PretrainOptions
from ssrl_ecg.cli.supervised import SupervisedOptions
from ssrl_ecg.evaluation.plans import MethodPlan, TrainingPlan
from ssrl_ecg.losses import CLASSIFICATION_LOSSES
from ssrl_ecg.methods import METHODS
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.training.classify import FINETUNING, ClassifyConfig
from ssrl_ecg.training.pretrain import PretrainConfig

TITLES = {
    "barlow-twins": "Barlow Twins",
    "beat-ssl": "Beat-SSL",
    "byol": "BYOL",
    "clocs": "CLOCS",
    "cpc": "CPC",
    "halves": "halves, four views",
    "simulation-simclr": "simulation, then SimCLR",
    "jepa": "JEPA",
    "mae": "MAE",
    "masked": "masked reconstruction",
    "measurements": "measurements (weak supervision)",
    "moco": "MoCo",
    "poly-window": "poly-window",
    "simclr": "SimCLR",
    "simulation": "simulation",
    "swav": "SwAV",
    "vicreg": "VICReg",
}
"""Method -> its name in tables; a method that is not here is shown under its own name."""


@dataclass(frozen=True, kw_only=True)
class RunTrainingOptions:
    """How networks are pretrained and trained.

    Defaults are those of pretrain, supervised and finetune: the recipe chosen on folds 1-5 and 6 of the PTB-XL sample
    (results/trials).
    """

    recipe: Annotated[str, one_of(RECIPES)] = PretrainOptions.recipe
    """Augmentations of views."""
    finetune_recipe: Annotated[str, one_of(RECIPES)] = FinetuneOptions.recipe
    """Augmentations of the crops of fine-tuning."""
    supervised_recipes: tuple[Annotated[str, one_of(RECIPES)], ...] = (SupervisedOptions.recipe,)
    """Augmentations of the crops of supervised training; each further one gives a supervised row of its own."""
    temperature: float = SimCLRConfig.temperature
    """SimCLR's temperature."""
    pretrain_epochs: int = PretrainConfig.epochs
    """Passes over the unlabelled training records."""
    pretrain_batch_size: int = PretrainConfig.batch_size
    """Records per pretraining step."""
    pretrain_learning_rate: float = PretrainConfig.learning_rate
    """Peak rate of pretraining."""
    steps: int = ClassifyConfig.steps
    """Steps of supervised training and of fine-tuning."""
    supervised_learning_rate: float = ClassifyConfig.learning_rate
    """Peak rate of supervised training."""
    supervised_weight_decay: float = ClassifyConfig.weight_decay
    """Weight decay of supervised training."""
    finetune_learning_rate: float = FINETUNING.learning_rate
    """Peak rate of fine-tuning, which starts from the probe's head."""
    finetune_layer_decay: float = FINETUNING.layer_rate_decay
    """Share of the next layer's rate at which each layer of a pretrained encoder learns; 1 for all alike."""
    supervised_loss: Annotated[str, one_of(CLASSIFICATION_LOSSES)] = ClassifyConfig.loss
    """Loss of supervised training."""
    supervised_oversample: bool = False
    """Oversample rare classes in supervised training."""

    def method(self, name: str, seed: int) -> MethodPlan:
        """A self-supervised method with its pretraining."""
        kind = METHODS[name]
        config = SimCLRConfig(temperature=self.temperature) if kind is SimCLR else kind.Config()
        pretrain = PretrainConfig(
            epochs=self.pretrain_epochs,
            batch_size=self.pretrain_batch_size,
            learning_rate=self.pretrain_learning_rate,
            seed=seed,
        )
        return MethodPlan(
            name=TITLES.get(name, name), kind=kind, config=config, pretrain=pretrain, recipe=RECIPES[self.recipe]()
        )

    def supervised(self, seed: int) -> dict[str, TrainingPlan]:
        """The rows that are trained from scratch, by name."""
        config = ClassifyConfig(
            steps=self.steps,
            learning_rate=self.supervised_learning_rate,
            weight_decay=self.supervised_weight_decay,
            loss=self.supervised_loss,
            oversample=self.supervised_oversample,
            seed=seed,
        )
        rows = {
            "supervised" if number == 0 else f"supervised, recipe {name}": RECIPES[name]()
            for number, name in enumerate(self.supervised_recipes)
        }
        return {row: TrainingPlan(config=config, recipe=recipe) for row, recipe in rows.items()}

    def finetune(self, seed: int) -> TrainingPlan:
        """Fine-tuning."""
        config = replace(
            FINETUNING,
            steps=self.steps,
            learning_rate=self.finetune_learning_rate,
            layer_rate_decay=self.finetune_layer_decay,
            seed=seed,
        )
        return TrainingPlan(config=config, recipe=RECIPES[self.finetune_recipe]())
