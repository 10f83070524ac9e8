"""Every recipe trial behind the committed results: trained on folds 1-5 of the sample, judged on fold 6, all logged.

    python benchmarks/choose_recipes.py supervised|simclr|finetune[-again|-third] --data PTBXL_SAMPLE --store STORE

and supervised-fourth, simclr-fourth, simclr-rotation, byol, attention. In every round the supervised row gets as many
trials as all self-supervised rows together: 12 against 6 pretrainings and 6 fine-tunings, 5 against 3 and 2, 8 against
4 and 4, and 20 against 9 of SimCLR, 5 of the attention probe and 6 of BYOL. The first two rounds and the attention
probe's are from before label subsets kept the combinations of classes; the later ones have more subsets.
Writes results/trials/<part>.json, one entry per trial; entries already there are not repeated.
"""

from __future__ import annotations

import argparse
import copy
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssrl_ecg.augmentations.amplitude_scaling import AmplitudeScaling, AmplitudeScalingConfig
from ssrl_ecg.augmentations.base import Augmentation, Parameters
from ssrl_ecg.augmentations.channel_noise import ChannelNoise, ChannelNoiseConfig
from ssrl_ecg.augmentations.lead_dropout import LeadDropout, LeadDropoutConfig
from ssrl_ecg.augmentations.random_resized_crop import RandomResizedCrop, RandomResizedCropConfig
from ssrl_ecg.augmentations.recipes import RECIPES, Recipe
from ssrl_ecg.augmentations.time_out import TimeOut, TimeOutConfig
from ssrl_ecg.augmentations.twelve_leads import INDEPENDENT, TWELVE_FROM_EIGHT
from ssrl_ecg.augmentations.vcg_rotation import VCGRotation, VCGRotationConfig, rotation
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.splits import recipe_split
from ssrl_ecg.data.store import build_store
from ssrl_ecg.evaluation.arms import AttentionProbeArm, ProbeArm, TrainedArm
from ssrl_ecg.evaluation.label_fractions import ArmPlan, LabelFractions, make_cells
from ssrl_ecg.evaluation.trials import run_trials
from ssrl_ecg.methods.byol import BYOL, BYOLConfig
from ssrl_ecg.methods.method import Method, ViewPlan
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.models import ResNet1D, ResNetConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.signals.vcg import DOWER, INVERSE_DOWER
from ssrl_ecg.training.attention_probe import AttentionProbeConfig, whole_record_maps
from ssrl_ecg.training.classify import FINETUNING, ClassifyConfig
from ssrl_ecg.training.embed import embed
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain
from ssrl_ecg.training.run import tune_allocator

RESULTS = Path(__file__).parents[1] / "results" / "trials"
BF16 = Compute(precision="bf16", accelerator="cpu")
ENCODER = ResNetConfig(width=32)


def turned(angle: float, *, crop: bool = False) -> Recipe:
    """Crop and stretch (or not), turn the heart by up to ``angle`` degrees, scale, light noise, time-out."""
    first = (RandomResizedCrop(RandomResizedCropConfig()),) if crop else ()
    rest = (
        VCGRotation(VCGRotationConfig(largest_angle_degrees=angle)),
        AmplitudeScaling(AmplitudeScalingConfig()),
        ChannelNoise(ChannelNoiseConfig(probability=1.0)),
        TimeOut(TimeOutConfig()),
    )
    return Recipe((*first, *rest), f"turned-{angle:g}{'-crop' if crop else ''}")


class DipoleRotation(VCGRotation):
    """The form 3KG gives its rotation: what a single dipole cannot explain is lost, not kept."""

    name = "vcg-plain"

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        dipole = torch.from_numpy(INVERSE_DOWER).to(own) @ own[:, INDEPENDENT]
        turned = (parameters["xyz_scale"].unsqueeze(2) * rotation(parameters["xyz_radians"])).to(own)
        return (TWELVE_FROM_EIGHT @ torch.from_numpy(DOWER)).to(own) @ turned @ dipole


def rotated(kind: type[VCGRotation], angle: float, chance: float, *, crop: bool, leads: bool) -> Recipe:
    """Turn the heart by up to ``angle`` degrees with this chance, scale, time-out; crop first, silence leads last."""
    turn = kind(VCGRotationConfig(largest_angle_degrees=angle, scale=(1.0, 1.0), probability=chance))
    first = (RandomResizedCrop(RandomResizedCropConfig()),) if crop else ()
    last = (LeadDropout(LeadDropoutConfig()),) if leads else ()
    middle = (turn, AmplitudeScaling(AmplitudeScalingConfig()), TimeOut(TimeOutConfig()))
    return Recipe((*first, *middle, *last), "a")


class Bench:
    """Store, split, subsets and fitted preprocessing of the trials."""

    def __init__(self, data: Path, store: Path, n_repeats: tuple[int, int, int] = (4, 2, 1)) -> None:
        self.store = build_store(PTBXL(data), store).store
        self.labels = self.store.labels("super")
        self.split = recipe_split(self.store.records)
        patients = self.store.records["patient_id"].to_numpy()
        design = LabelFractions(fractions=(0.01, 0.1, 1.0), n_repeats=n_repeats)
        self.cells = make_cells(design, self.labels, patients, self.split.train)
        batches = np.array_split(self.split.train, 10)
        self.preprocessing = Preprocessing(window_s=2.5, highpass_hz=0.5, clip_mv=5.0).fitted(
            map(self.store.read_mv, batches)
        )

    def run(self, part: str, plans: list[ArmPlan]) -> None:
        run_trials(RESULTS / f"{part}.json", plans, self.store, self.labels, self.split, self.cells)

    def supervised(self, name: str, recipe: Recipe, config: ClassifyConfig) -> ArmPlan:
        arm = TrainedArm(
            name, "supervised", lambda _: ResNet1D(ENCODER), self.preprocessing, recipe, config, None, BF16
        )
        return ArmPlan(
            name, "supervised", {"config": config, "recipe": recipe.to_dict(), "encoder": ENCODER}, lambda: arm
        )

    def pretrained(
        self,
        method: SimCLRConfig | BYOLConfig,
        recipe: Recipe,
        config: PretrainConfig,
        kind: type[Method] = SimCLR,
    ) -> tuple[ResNet1D, np.ndarray]:
        encoder = pretrain(
            lambda: kind(ResNet1D(ENCODER), method), self.store, self.split.train, preprocessing=self.preprocessing,
            recipe=recipe, config=config, compute=BF16, watch_labels=self.labels, progress=False,
        ).encoder  # fmt: skip
        return encoder, embed(encoder, self.preprocessing, self.store, np.arange(len(self.store)))

    def frozen(
        self,
        name: str,
        method: SimCLRConfig | BYOLConfig,
        recipe: Recipe,
        config: PretrainConfig,
        kind: type[Method] = SimCLR,
    ) -> ArmPlan:
        settings = {"method": method, "recipe": recipe.to_dict(), "pretrain": config, "encoder": ENCODER}
        if kind is not SimCLR:
            settings["kind"] = kind.__name__

        def build() -> ProbeArm:
            features = self.pretrained(method, recipe, config, kind)[1]
            return ProbeArm(name, "method", lambda _: features)

        return ArmPlan(name, "method", settings, build)

    def tuner(self, method: SimCLRConfig, recipe: Recipe, pretraining: PretrainConfig) -> Callable[..., ArmPlan]:
        """Pretrain once; return what makes a plan of each way to fine-tune that encoder."""
        encoder, features = self.pretrained(method, recipe, pretraining)

        def plan(name: str, config: ClassifyConfig, recipe: Recipe, *, from_probe: bool = True) -> ArmPlan:
            arm = TrainedArm(
                name,
                "method",
                lambda _: copy.deepcopy(encoder),
                self.preprocessing,
                recipe,
                config,
                (lambda _: features) if from_probe else None,
                BF16,
            )
            settings = {
                "config": config,
                "recipe": recipe.to_dict(),
                "from_probe": from_probe,
                "pretrain": pretraining,
                "encoder": ENCODER,
            }
            return ArmPlan(name, "method", settings, lambda: arm)

        return plan


def supervised_plans(bench: Bench) -> list[ArmPlan]:
    base = ClassifyConfig(learning_rate=2e-3, weight_decay=1e-2, passes=0)
    fast = replace(base, learning_rate=5e-3)
    crop, full, plain = RECIPES["crop-timeout"](), RECIPES["full"](), RECIPES["none"]()
    return [
        bench.supervised("lr 5e-3", crop, fast),
        bench.supervised("lr 1e-2", crop, replace(base, learning_rate=1e-2)),
        bench.supervised("lr 2e-3", crop, base),
        bench.supervised("no augmentation", plain, fast),
        bench.supervised("full", full, fast),
        bench.supervised("turned 15", turned(15), fast),
        bench.supervised("full, lr 2e-3", full, base),
        bench.supervised("lr 1e-3", crop, replace(base, learning_rate=1e-3)),
        bench.supervised("lr 2e-3, weight decay .1", crop, replace(base, weight_decay=0.1)),
        bench.supervised("lr 2e-3, 400 steps", crop, replace(base, steps=400, evaluate_every=40)),
        bench.supervised(
            "lr 2e-3, batch 32, 300 steps", crop, replace(base, batch_size=32, steps=300, evaluate_every=30)
        ),
        bench.supervised("no augmentation, lr 2e-3", plain, base),
    ]


def simclr_plans(bench: Bench) -> list[ArmPlan]:
    base = PretrainConfig(epochs=60)
    crop, tau = RECIPES["crop-timeout"](), SimCLRConfig(temperature=0.1)
    return [
        bench.frozen("crop-timeout tau .1", tau, crop, base),
        bench.frozen("turned 45 tau .1", tau, turned(45), base),
        bench.frozen("turned 20 crop tau .1", tau, turned(20, crop=True), base),
        bench.frozen("full tau .07", SimCLRConfig(temperature=0.07), RECIPES["full"](), base),
        bench.frozen("crop-timeout tau .3", SimCLRConfig(temperature=0.3), crop, base),
        bench.frozen("crop-timeout tau .1, lr 3e-3", tau, crop, replace(base, learning_rate=3e-3)),
    ]


def finetune_plans(bench: Bench) -> list[ArmPlan]:
    method, recipe, config = SimCLRConfig(temperature=0.1), RECIPES["crop-timeout"](), PretrainConfig(epochs=60)
    plan = bench.tuner(method, recipe, config)
    base = ClassifyConfig(learning_rate=1e-3, weight_decay=1e-2, passes=0)
    return [
        plan("lr 1e-3", base, recipe),
        plan("lr 3e-3", replace(base, learning_rate=3e-3), recipe),
        plan("lr 3e-4", replace(base, learning_rate=3e-4), recipe),
        plan("lr 3e-3, encoder x 0.1", replace(base, learning_rate=3e-3, encoder_rate_factor=0.1), recipe),
        plan("lr 3e-3, fresh head", replace(base, learning_rate=3e-3), recipe, from_probe=False),
        plan("lr 1e-3, no augmentation", base, RECIPES["none"]()),
    ]


def supervised_plans_again(bench: Bench) -> list[ArmPlan]:
    base, crop, leads = ClassifyConfig(), RECIPES["crop-timeout"](), RECIPES["crop-timeout-leads"]()
    return [
        bench.supervised("25 passes", crop, base),
        bench.supervised("25 passes, no augmentation", RECIPES["none"](), base),
        bench.supervised("25 passes, leads", leads, base),
        bench.supervised("25 passes, heavy", RECIPES["heavy"](), base),
        bench.supervised("25 passes, full", RECIPES["full"](), base),
    ]


def with_leads(fraction: float, *others: Augmentation) -> Recipe:
    """Crop-timeout, silence leads with this chance, and more."""
    leads = LeadDropout(LeadDropoutConfig(lead_fraction=fraction))
    name = "-".join([f"crop-timeout-leads-{fraction:g}", *(other.name for other in others)])
    return Recipe((*RECIPES["crop-timeout"]().augmentations, leads, *others), name)


def simclr_plans_again(bench: Bench) -> list[ArmPlan]:
    base, tau, leads = PretrainConfig(), SimCLRConfig(), RECIPES["crop-timeout-leads"]()
    return [
        bench.frozen("leads .3", tau, leads, base),
        bench.frozen("leads .5", tau, with_leads(0.5), base),
        bench.frozen("leads .3, scaling", tau, with_leads(0.3, AmplitudeScaling(AmplitudeScalingConfig())), base),
    ]


def finetune_plans_again(bench: Bench) -> list[ArmPlan]:
    leads = RECIPES["crop-timeout-leads"]()
    plan = bench.tuner(SimCLRConfig(), leads, PretrainConfig())
    return [
        plan("leads .3: 25 passes, no augmentation", FINETUNING, RECIPES["none"]()),
        plan("leads .3: 25 passes, leads", FINETUNING, leads),
    ]


def supervised_plans_third(bench: Bench) -> list[ArmPlan]:
    """Shorter and steeper schedules, with and without augmentation."""
    base, crop, plain = ClassifyConfig(), RECIPES["crop-timeout"](), RECIPES["none"]()
    short = replace(base, steps=60, passes=10.0, evaluate_every=10, learning_rate=5e-3)
    middle = replace(base, steps=100, passes=15.0, evaluate_every=10, learning_rate=5e-3)
    return [
        bench.supervised("200 steps", crop, base),
        bench.supervised("200 steps, no augmentation", plain, base),
        bench.supervised("60 steps, lr 5e-3", crop, short),
        bench.supervised("60 steps, lr 5e-3, no augmentation", plain, short),
        bench.supervised("30 steps, lr 5e-3, no augmentation", plain, replace(short, steps=30, passes=15.0)),
        bench.supervised("100 steps, lr 5e-3, full", RECIPES["full"](), middle),
        bench.supervised("100 steps, lr 5e-3, turned 15 crop", turned(15, crop=True), middle),
        bench.supervised("100 steps, 40 passes, no augmentation", plain, replace(base, steps=100, passes=40.0)),
    ]


def simclr_plans_third(bench: Bench) -> list[ArmPlan]:
    """Half as long, without stretching, and with larger batches."""
    base, tau, leads = PretrainConfig(), SimCLRConfig(), RECIPES["crop-timeout-leads"]()
    return [
        bench.frozen("60 passes", tau, leads, base),
        bench.frozen("30 passes", tau, leads, replace(base, epochs=30)),
        bench.frozen("no stretching", tau, RECIPES["timeout-leads"](), base),
        bench.frozen(
            "batch 256, lr 2e-3, 90 passes", tau, leads, replace(base, epochs=90, batch_size=256, learning_rate=2e-3)
        ),
    ]


ROTATIONS = (
    ("plain45 crop", rotated(DipoleRotation, 45, 1.0, crop=True, leads=False)),
    ("plain45 half crop", rotated(DipoleRotation, 45, 0.5, crop=True, leads=False)),
    ("plain20", rotated(DipoleRotation, 20, 1.0, crop=False, leads=False)),
    ("plain20 crop leads", rotated(DipoleRotation, 20, 1.0, crop=True, leads=True)),
    ("keep20 crop leads", rotated(VCGRotation, 20, 1.0, crop=True, leads=True)),
    ("plain45 half crop leads", rotated(DipoleRotation, 45, 0.5, crop=True, leads=True)),
)
"""With and without what a dipole cannot explain."""


def simclr_plans_rotation(bench: Bench) -> list[ArmPlan]:
    return [bench.frozen(name, SimCLRConfig(), recipe, PretrainConfig()) for name, recipe in ROTATIONS]


class OneWindowSimCLR(SimCLR):
    """Both views are made from the same window."""

    plan = ViewPlan(windows=1, views_per_window=2)


def simclr_plans_fourth(bench: Bench) -> list[ArmPlan]:
    """A narrow projection head, with two temperatures; and views that share their moment."""
    base, leads, narrow = PretrainConfig(), RECIPES["crop-timeout-leads"](), SimCLRConfig(hidden_dim=256)
    return [
        bench.frozen("hidden 256", narrow, leads, base),
        bench.frozen("hidden 256, tau .2", replace(narrow, temperature=0.2), leads, base),
        bench.frozen("one window", SimCLRConfig(), leads, base, OneWindowSimCLR),
    ]


def supervised_plans_fourth(bench: Bench) -> list[ArmPlan]:
    """The same rotations; rate, decay, warm-up, batch, loss and draw without augmentation; two recipes of leads."""
    base, plain = ClassifyConfig(), RECIPES["none"]()
    middle = replace(base, steps=100, passes=15.0, evaluate_every=10, learning_rate=5e-3)
    return [
        *(bench.supervised(name, recipe, middle) for name, recipe in ROTATIONS),
        bench.supervised("lr 5e-3", plain, replace(base, learning_rate=5e-3)),
        bench.supervised("lr 1e-3", plain, replace(base, learning_rate=1e-3)),
        bench.supervised("weight decay 1", plain, replace(base, weight_decay=1.0)),
        bench.supervised("warm-up .1", plain, replace(base, warmup_fraction=0.1)),
        bench.supervised("batch 32", plain, replace(base, batch_size=32)),
        bench.supervised("focal", plain, replace(base, loss="focal")),
        bench.supervised("oversampled", plain, replace(base, oversample=True)),
        bench.supervised("leads .5", with_leads(0.5), base),
        bench.supervised("no stretching, leads .3", RECIPES["timeout-leads"](), base),
        bench.supervised("batch 128", plain, replace(base, batch_size=128)),
        bench.supervised("weight decay .01", plain, replace(base, weight_decay=0.01)),
        bench.supervised("full, 100 steps", RECIPES["full"](), replace(base, steps=100)),
        bench.supervised("weight decay 1, lr 1e-3", plain, replace(base, weight_decay=1.0, learning_rate=1e-3)),
        bench.supervised("weight decay 1, leads .3", RECIPES["crop-timeout-leads"](), replace(base, weight_decay=1.0)),
    ]


def byol_plans(bench: Bench) -> list[ArmPlan]:
    """Views, rate and the speed of the teacher."""
    base, leads = PretrainConfig(), RECIPES["crop-timeout-leads"]()
    first = BYOLConfig(half_life_fraction=0.1)
    half_lives = {f"leads .3, half-life {f:g}": BYOLConfig(half_life_fraction=f) for f in (0.02, 0.005)}
    return [
        bench.frozen("leads .3", first, leads, base, BYOL),
        bench.frozen("no lead dropout", first, RECIPES["crop-timeout"](), base, BYOL),
        bench.frozen("leads .3, tau .996", replace(first, scale_half_life=False), leads, base, BYOL),
        bench.frozen("leads .3, lr 3e-3", first, leads, replace(base, learning_rate=3e-3), BYOL),
        *(bench.frozen(name, config, leads, base, BYOL) for name, config in half_lives.items()),
    ]


def finetune_plans_third(bench: Bench) -> list[ArmPlan]:
    """Shorter schedules."""
    plan, plain = bench.tuner(SimCLRConfig(), RECIPES["crop-timeout-leads"](), PretrainConfig()), RECIPES["none"]()
    short = replace(FINETUNING, steps=60, passes=10.0, evaluate_every=10)
    return [
        plan("200 steps", FINETUNING, plain),
        plan("60 steps", short, plain),
        plan("60 steps, lr 3e-3, encoder x 0.3", replace(short, learning_rate=3e-3, encoder_rate_factor=0.3), plain),
        plan("30 steps, 25 passes", replace(short, steps=30, passes=25.0), plain),
    ]


def attention_plans(bench: Bench) -> list[ArmPlan]:
    """Learning rate and decay of the attention probe, on one SimCLR encoder."""
    method, recipe, pretraining = SimCLRConfig(), RECIPES["crop-timeout-leads"](), PretrainConfig()
    encoder, _ = bench.pretrained(method, recipe, pretraining)
    maps = whole_record_maps(encoder, bench.preprocessing, bench.store)

    def plan(learning_rate: float, weight_decay: float) -> ArmPlan:
        config = AttentionProbeConfig(learning_rate=learning_rate, weight_decay=weight_decay)
        name = f"lr {learning_rate:g}, weight decay {weight_decay:g}"
        arm = AttentionProbeArm(name, "method", lambda _: maps, config)
        settings = {"config": config, "recipe": recipe.to_dict(), "pretrain": pretraining, "encoder": ENCODER}
        return ArmPlan(name, "method", settings, lambda: arm)

    return [plan(3e-4, 0.1), plan(1e-3, 0.1), plan(3e-3, 0.1), plan(1e-3, 1.0), plan(1e-2, 0.1)]


PLANS = {
    "attention": attention_plans,
    "supervised": supervised_plans,
    "simclr": simclr_plans,
    "finetune": finetune_plans,
    "supervised-again": supervised_plans_again,
    "simclr-again": simclr_plans_again,
    "finetune-again": finetune_plans_again,
    "supervised-third": supervised_plans_third,
    "simclr-third": simclr_plans_third,
    "finetune-third": finetune_plans_third,
    "simclr-rotation": simclr_plans_rotation,
    "supervised-fourth": supervised_plans_fourth,
    "simclr-fourth": simclr_plans_fourth,
    "byol": byol_plans,
}


def ready(data: Path, store: Path, n_repeats: tuple[int, int, int] = (4, 2, 1)) -> Bench:
    """Prepare this process for many quiet trainings on one thread, and open the bench."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    tune_allocator()
    return Bench(data, store, n_repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PLANS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    arguments = parser.parse_args()
    many = arguments.part.endswith(("third", "fourth", "rotation", "byol"))
    bench = ready(arguments.data, arguments.store, (5, 5, 1) if many else (4, 2, 1))
    bench.run(arguments.part, PLANS[arguments.part](bench))


if __name__ == "__main__":
    main()
