"""Every trial behind the whole system: trained on folds 1-5 of the sample, judged on fold 6, all logged.

    ssrl-ecg pretrain measurements --data PTBXL_SAMPLE --folds.train-folds 1-5 ... --out measurements.safetensors
    python benchmarks/choose_whole_system.py --data PTBXL_SAMPLE --store STORE --encoders measurements.safetensors

Writes results/trials/whole-system.json, one entry per trial; entries already there are not repeated. Every trial of a
system with an encoder has one of the same system without: students of MiniRocket alone, networks from scratch.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.splits import recipe_split
from ssrl_ecg.data.store import build_store
from ssrl_ecg.evaluation.floors.arm import Floor, FloorArm
from ssrl_ecg.evaluation.floors.tables import standardised
from ssrl_ecg.evaluation.floors.workshop import CONSTANTS, Workshop
from ssrl_ecg.evaluation.kept_beside import signals_version
from ssrl_ecg.evaluation.label_fractions import ArmPlan, LabelFractions, make_cells
from ssrl_ecg.evaluation.noisy_student import STUDENT, NetworkStudent
from ssrl_ecg.evaluation.trials import run_trials
from ssrl_ecg.evaluation.whole_system import WholeSystems
from ssrl_ecg.models import ResNet1D, ResNetConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import load_encoder
from ssrl_ecg.training.classify import ClassifyConfig
from ssrl_ecg.training.embed import embed
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.provenance import refuse_seen

RESULTS = Path(__file__).parents[1] / "results" / "trials" / "whole-system.json"
BF16 = Compute(precision="bf16", accelerator="cpu")
SHARES = (0.3, 0.5, 0.7)
NETWORKS = {"10 passes": STUDENT, "25 passes": replace(STUDENT, passes=25.0)}


class Bench:
    """The floors of the sample, and one encoder or none."""

    def __init__(self, shop: Workshop, path: Path | None, split_fold: np.ndarray) -> None:
        self.shop, self.path, self.store = shop, path, shop.known.store
        self.name = "" if path is None else f", {path.stem}"
        self.pretrained = None if path is None else load_encoder(path)
        if self.pretrained is not None:
            refuse_seen(self.pretrained.provenance, self.store, validation=split_fold)
        self.preprocessing = shop.known.preprocessing if self.pretrained is None else self.pretrained.preprocessing
        self.features = None if self.pretrained is None else cache(self._features)

    def _features(self, seed: int = 0) -> np.ndarray:
        rows = np.arange(len(self.store))
        layers = embed(self.pretrained.encoder, self.preprocessing, self.store, rows, readout="layers")
        return standardised(layers, self.shop.known.training_rows)

    def encoder(self, seed: int) -> ResNet1D:
        return ResNet1D(ResNetConfig(width=32)) if self.pretrained is None else copy.deepcopy(self.pretrained.encoder)

    def plan(self, name: str, settings: dict[str, object], floor: Floor) -> ArmPlan:
        origin = None if self.pretrained is None else self.pretrained.provenance.get("settings")
        settings = {**settings, "floors": CONSTANTS, "measurements": signals_version(), "encoder": origin}
        return ArmPlan(
            name + self.name, "floor", settings, lambda: FloorArm(name, floor, gives_probabilities=False),
            gives_logits=False,
        )  # fmt: skip

    def tables(self) -> Iterator[ArmPlan]:
        """Ridge students alone; share 0 is the teacher."""
        features = None if self.features is None else (lambda seed: self.features())
        for share in (0.0, *SHARES):
            yield self.plan(
                f"ridge students, share {share:g}", {"share": share},
                WholeSystems(self.shop, share=share).system(features),
            )  # fmt: skip

    def networks(self, recipe: str, name: str, config: ClassifyConfig) -> ArmPlan:
        """A network as one more student."""
        features = None if self.features is None else (lambda seed: self.features())
        network = NetworkStudent(
            self.store, self.shop.labels.classes, self.encoder, self.preprocessing, RECIPES[recipe](), config, BF16
        )
        settings = {"share": 0.7, "recipe": recipe, "config": config}
        return self.plan(
            f"with a network, {recipe}, {name}", settings, WholeSystems(self.shop).system(features, network)
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--encoders", type=Path, nargs="*", default=[])
    parser.add_argument("--networks", action="store_true", help="network students too: minutes per subset")
    arguments = parser.parse_args()
    store = build_store(PTBXL(arguments.data), arguments.store).store
    labels, split = store.labels("super"), recipe_split(store.records)
    design = LabelFractions(fractions=(0.01, 0.1, 1.0), n_repeats=(10, 5, 1))
    known = split.train[labels.known[split.train]]
    cells = make_cells(design, labels, store.records["patient_id"].to_numpy(), known)
    fed = Preprocessing(window_s=2.5, highpass_hz=0.5, clip_mv=5.0).fitted(
        map(store.read_mv, np.array_split(split.train, 10))
    )
    shop = Workshop(store, labels, split.train, fed)
    benches = [Bench(shop, path, split.validation) for path in (None, *arguments.encoders)]
    plans = [plan for bench in benches for plan in bench.tables()]
    if arguments.networks:
        for recipe in ("timeout-leads", "crop-timeout-leads"):
            plans += [bench.networks(recipe, *one) for one in NETWORKS.items() for bench in benches]
    run_trials(RESULTS, plans, store, labels, split, cells)


if __name__ == "__main__":
    main()
