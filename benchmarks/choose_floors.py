"""Every trial behind the constants of the floors: trained on folds 1-5 of the sample, judged on fold 6, all logged.

    python benchmarks/choose_floors.py --data PTBXL_SAMPLE --store STORE

Writes results/trials/floors.json, one entry per trial; entries already there are not repeated.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import RidgeCV

from ssrl_ecg.cli.presets import preset
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.splits import recipe_split
from ssrl_ecg.data.store import RecordStore, build_store
from ssrl_ecg.evaluation.arms import ProbeArm, in_turn
from ssrl_ecg.evaluation.floors.arm import Floor, FloorArm
from ssrl_ecg.evaluation.floors.blends import Known, PriorBlend, Stack
from ssrl_ecg.evaluation.floors.learners import Boosting, Forest, Logistic, Ridge, TableFloor
from ssrl_ecg.evaluation.floors.workshop import Workshop
from ssrl_ecg.evaluation.kept_beside import signals_version
from ssrl_ecg.evaluation.label_fractions import ArmPlan, LabelFractions, make_cells
from ssrl_ecg.evaluation.remembering import Remembering
from ssrl_ecg.evaluation.trials import run_trials
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.embed import Readout, embed
from ssrl_ecg.training.loop import stream_seed
from ssrl_ecg.training.statistics import take_statistics, training_windows

PREPROCESSING = Preprocessing(window_s=2.5, highpass_hz=0.5, clip_mv=5.0)
RESULTS = Path(__file__).parents[1] / "results" / "trials" / "floors.json"


def ridge_per_class(known, targets, wanted, seed):
    """A leave-one-out penalty for each class, features on the scale of the labelled records alone."""
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    deviation[deviation == 0] = 1
    model = RidgeCV(alphas=Ridge().penalties, alpha_per_target=True).fit((known - mean) / deviation, targets)
    return model.predict((wanted - mean) / deviation)


def ranked(values, training_rows):
    """Each score's rank among the training records, in [0, 1]."""
    ranks = np.sort(values[training_rows], axis=0)
    return np.stack([np.searchsorted(*pair) / len(ranks) for pair in zip(ranks.T, values.T, strict=True)], axis=1)


def random_encoders(store: RecordStore, rows: np.ndarray) -> Iterator[ArmPlan]:
    """Probes of untrained encoders, as they are initialised and with statistics of training windows."""
    preprocessing = PREPROCESSING.fitted([store.read_mv(rows)])

    def features(readout: Readout, statistics: bool, seed: int) -> np.ndarray:
        torch.manual_seed(stream_seed(seed, "initialisation"))
        encoder = preset("simclr").encoder_options().build()
        if statistics:
            windows = training_windows(preprocessing, store, rows, stream_seed(seed, "statistics"))
            take_statistics(encoder, windows)
        return embed(encoder, preprocessing, store, np.arange(len(store)), readout=readout)

    for readout in ("last", "layers"):
        for statistics in (False, True):
            name = f"random encoder, {readout}, statistics of {'training windows' if statistics else 'initialisation'}"
            settings = {"readout": readout, "statistics": statistics, "encoders": 3}
            of_seed = in_turn(3, Remembering(partial(features, readout, statistics)))
            yield ArmPlan(name, "floor", settings, partial(ProbeArm, name, "floor", of_seed))


def plans(shop: Workshop) -> Iterator[ArmPlan]:
    """Everything that was tried, floor by floor."""
    known, rows = shop.known, shop.known.training_rows
    only_measured = known.table.to_numpy(np.float64)

    def plan(name: str, settings: object, build: Callable[[], Floor]) -> ArmPlan:
        return ArmPlan(
            name, "floor", {"settings": settings, "measurements": signals_version()},
            lambda: FloorArm(name, build(), gives_probabilities=False), gives_logits=False,
        )  # fmt: skip

    def table(name: str, learner, features=None) -> ArmPlan:
        return plan(name, asdict(learner), lambda: TableFloor(known.read if features is None else features, learner))

    yield plan("criteria, no label", None, lambda: shop.criteria)
    forest = Forest()
    yield table("forest", forest)
    yield table("forest, without grades of criteria", forest, only_measured)
    yield table("forest, share of features .06", replace(forest, max_features=0.06))
    yield table("forest, share of features .3", replace(forest, max_features=0.3))
    yield table("forest, 100 trees", replace(forest, n_trees=100))
    yield table("forest, 2 records in a leaf", replace(forest, min_leaf=2))
    boosting = Boosting()
    yield table("boosting", boosting)
    yield table("boosting, 200 rounds", replace(boosting, n_rounds=200))
    yield table("boosting, 4 leaves, 200 rounds", replace(boosting, max_leaves=4, n_rounds=200))
    yield table("boosting, 10 records in a leaf", replace(boosting, min_leaf=10))
    for penalty in (0.001, 0.003, 0.01, 0.03):
        learner = Logistic(inverse_penalty=penalty)
        yield plan(
            f"logistic, C {penalty:g}", asdict(learner), lambda one=learner: TableFloor(known.read_standardised, one)
        )
    yield plan("MiniRocket, one penalty", asdict(Ridge()), lambda: shop.minirocket)
    yield plan(
        "MiniRocket, penalty per class", "scaled on labelled", lambda: TableFloor(known.minirocket, ridge_per_class)
    )
    for strength in (12.5, 25.0, 50.0, 100.0, 200.0):
        blend = partial(PriorBlend, shop.criteria, shop.forest, strength)
        yield plan(f"prior + forest, strength {strength:g}", strength, blend)
    by_rank = Known(ranked(shop.criteria.values, rows))
    yield plan("prior + forest, strength 50, by rank", 50.0, lambda: PriorBlend(by_rank, shop.forest))

    members = {name: getattr(shop, name) for name in ("forest", "boosting", "minirocket", "logistic")}

    def stack(name: str, defaults: dict[str, float], **settings: float) -> ArmPlan:
        chosen = {member: members[member] for member in defaults}
        return plan(
            name, {"defaults": defaults, **settings},
            lambda: PriorBlend(shop.criteria, Stack(chosen, defaults, **settings)),
        )  # fmt: skip

    three = {"forest": 0.6, "boosting": 0.2, "minirocket": 0.2}
    yield stack("ensemble", three)
    yield stack("ensemble, equal defaults", dict.fromkeys(three, 1 / 3))
    yield stack("ensemble, forest and MiniRocket", {"forest": 0.7, "minirocket": 0.3})
    yield stack("ensemble, with logistic", three | {"logistic": 0.0})
    yield stack("ensemble, defaults alone", three, least=10**9)
    yield stack("ensemble, defaults count 10", three, strength=10.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--only", default="", help="those whose names begin so")
    arguments = parser.parse_args()
    store = build_store(PTBXL(arguments.data), arguments.store).store
    labels, split = store.labels("super"), recipe_split(store.records)
    design = LabelFractions(fractions=(0.01, 0.1, 1.0), n_repeats=(10, 5, 1))
    known = split.train[labels.known[split.train]]
    cells = make_cells(design, labels, store.records["patient_id"].to_numpy(), known)
    shop = Workshop(store, labels, split.train, PREPROCESSING)
    everything = (*plans(shop), *random_encoders(store, split.train))
    chosen = [plan for plan in everything if plan.name.startswith(arguments.only)]
    run_trials(RESULTS, chosen, store, labels, split, cells)


if __name__ == "__main__":
    main()
