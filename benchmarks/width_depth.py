"""How much width and depth of one family of encoders buy, which Mehari and Strodthoff 2022 leave open.

ResNet-18 and -34 at 16, 32 and 64 channels, each pretrained with SimCLR and read out by a linear probe, beside the same
network untrained: trained on folds 1-5 of the PTB-XL sample, judged on fold 6.

    python benchmarks/width_depth.py --data PTBXL_SAMPLE --store STORE [--epochs 20] [--seeds 3]

Writes results/trials/width-depth.json, one entry per network, schedule and seed; entries already there are not
repeated.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from choose_recipes import BF16, Bench, ready

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.evaluation.arms import ProbeArm
from ssrl_ecg.evaluation.label_fractions import ArmPlan
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.models import ENCODERS, Encoder, ResNetConfig
from ssrl_ecg.training.embed import embed
from ssrl_ecg.training.loop import stream_seed
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain

ENCODER_NAMES, WIDTHS = ("resnet18", "resnet34"), (16, 32, 64)
RECIPE = "crop-timeout-leads"


def probe_plan(bench: Bench, name: str, width: int, config: PretrainConfig | None, seed: int) -> ArmPlan:
    """Plan the linear probe of one network, pretrained, or untrained without a configuration."""
    encoder = ResNetConfig(width=width)
    recipe, method = RECIPES[RECIPE](), SimCLRConfig()

    def fresh() -> Encoder:
        return ENCODERS[name](encoder)

    def pretrained(config: PretrainConfig) -> Encoder:
        return pretrain(
            lambda: SimCLR(fresh(), method), bench.store, bench.split.train, preprocessing=bench.preprocessing,
            recipe=recipe, config=config, compute=BF16, watch_labels=bench.labels, progress=False,
        ).encoder  # fmt: skip

    def build() -> ProbeArm:
        torch.manual_seed(stream_seed(seed, "initialisation"))
        network = fresh() if config is None else pretrained(config)
        features = embed(network, bench.preprocessing, bench.store, np.arange(len(bench.store)))
        return ProbeArm(title, "method" if config else "floor", lambda _: features)

    title = f"{name} width {width}{'' if config else ' untrained'}, seed {seed}"
    settings = {"encoder_name": name, "encoder": encoder, "pretrain": config, "seed": seed}
    if config is not None:
        settings |= {"method": method, "recipe": recipe.to_dict()}
    return ArmPlan(title, "method" if config else "floor", settings, build)


def plans(
    bench: Bench,
    epochs: int,
    seeds: Sequence[int],
    *,
    names: Sequence[str] = ENCODER_NAMES,
    widths: Sequence[int] = WIDTHS,
) -> Iterator[ArmPlan]:
    """Plan every network untrained and pretrained, all of one seed before the next."""
    for seed in seeds:
        for name in names:
            for width in widths:
                yield probe_plan(bench, name, width, None, seed)
                yield probe_plan(bench, name, width, PretrainConfig(epochs=epochs, seed=seed), seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20, help="of each pretraining")
    parser.add_argument("--seeds", type=int, default=3, help="how many pretrainings of each network, seeds 42, 43, ...")
    chosen = parser.parse_args()
    bench = ready(chosen.data, chosen.store)
    bench.run("width-depth", list(plans(bench, chosen.epochs, range(42, 42 + chosen.seeds))))


if __name__ == "__main__":
    main()
