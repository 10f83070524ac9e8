"""Choose how beats of MIT-BIH are learned: trials on DS1 alone, by cross-validation over its records.

DS2 is not read. Every trial is logged in results/trials/mitbih.json and never repeated::

    python benchmarks/choose_transfer.py --data data/MIT-BIH --encoder simclr.safetensors
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ssrl_ecg.data.mitbih import AAMI_CLASSES, DS1, MITBIH
from ssrl_ecg.evaluation.cells import identity_of
from ssrl_ecg.evaluation.transfer.arms import (
    ForestArm,
    JointArm,
    LogisticArm,
    NetworkArm,
    frozen_features,
    shape_features,
)
from ssrl_ecg.evaluation.transfer.beat_network import BeatTraining
from ssrl_ecg.evaluation.transfer.crossfit import BeatArm, confusion, cross_fit, thinned
from ssrl_ecg.evaluation.transfer.holter import HolterBeats, read_holter_record
from ssrl_ecg.evaluation.transfer.jobs import WINDOW_S
from ssrl_ecg.evaluation.transfer.tables import counted
from ssrl_ecg.evaluation.transfer.task import beat_folds
from ssrl_ecg.files import write_json
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.training.checkpoint import load_encoder
from ssrl_ecg.training.run import as_config, git_commit, tune_allocator

SEED = 42
N_BESIDE_SHAPES = 40
"""Principal components of an encoder's features that are set beside the shapes in one of the trials."""
LOG = Path(__file__).parents[1] / "results" / "trials" / "mitbih.json"
TRAININGS = {
    "default": BeatTraining(),
    "more steps": BeatTraining(steps=1200),
    "slower": BeatTraining(learning_rate=3e-4),
    "no gain, no shift": BeatTraining(gain_sd=0.0, shift_s=0.0),
}


def trials(beats: HolterBeats, encoder: Encoder) -> dict[str, tuple[Any, Callable[[], BeatArm]]]:
    """Name -> (settings, what builds the arm)."""
    known = thinned(beats, np.arange(len(beats)))
    tracks = {"beat": beats.rr[:, :0], "rr": beats.rr}

    def joined(features: np.ndarray, facts: np.ndarray) -> Callable[[int], np.ndarray]:
        return lambda seed: np.concatenate([features, facts], axis=1)

    def shapes() -> np.ndarray:
        return shape_features(beats)

    def frozen() -> np.ndarray:
        return frozen_features(encoder, beats, known)

    def beside() -> np.ndarray:
        return np.concatenate([frozen()[:, :N_BESIDE_SHAPES], shapes()], axis=1)

    found: dict[str, tuple[Any, Callable[[], BeatArm]]] = {}
    for track, facts in tracks.items():
        for name, learner, features in (
            ("forest", ForestArm, shapes),
            ("frozen", LogisticArm, frozen),
            ("frozen forest", ForestArm, frozen),
            ("frozen and shapes", ForestArm, beside),
        ):
            found[f"{name}, {track}"] = (
                {},
                lambda learner=learner, features=features, facts=facts: learner(
                    joined(features(), facts), beats.classes
                ),
            )
        found[f"frozen, and forest, {track}"] = (
            {},
            lambda facts=facts: JointArm(
                tuple(ForestArm(joined(features(), facts), beats.classes) for features in (frozen, shapes))
            ),
        )
    for name, training in TRAININGS.items():
        build = lambda training=training: NetworkArm(lambda seed: encoder, beats, beats.rr, training)  # noqa: E731
        found[f"fine-tuned, rr, {name}"] = as_config(training), build
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of MIT-BIH")
    parser.add_argument("--encoder", type=Path, required=True, help="pretrained encoder")
    parser.add_argument("--only", nargs="*", help="names of trials, such as 'forest, rr'")
    parser.add_argument("--window-s", type=float, default=WINDOW_S, help="length of the windows")
    arguments = parser.parse_args()
    tune_allocator()
    source, checkpoint = MITBIH(arguments.data), load_encoder(arguments.encoder)
    preprocessing = replace(checkpoint.preprocessing, window_s=arguments.window_s)
    beats = HolterBeats.of([read_holter_record(source, name, preprocessing) for name in DS1], preprocessing)
    folds, train, nobody = beat_folds(beats, DS1), np.arange(len(beats)), np.zeros(0, np.int64)
    log: list[dict[str, Any]] = json.loads(LOG.read_text(encoding="utf-8")) if LOG.exists() else []
    for name, (settings, build) in trials(beats, checkpoint.encoder).items():
        identity = identity_of(name, settings, preprocessing.to_dict(), SEED, git_commit())
        if (arguments.only and name not in arguments.only) or any(one["identity"] == identity for one in log):
            continue
        began = time.process_time()
        arm = build()
        fit = cross_fit(arm, beats, folds, train, nobody, SEED)
        f1 = counted(confusion(beats.classes, fit.inner)).f1
        log.append({
            "identity": identity, "name": name, "encoder": arguments.encoder.parent.name,
            "window_s": arguments.window_s, "settings": settings,
            "chosen": str(arm.settings[fit.setting]), "offsets": fit.offsets.tolist(),
            "f1": dict(zip(AAMI_CLASSES, f1.round(4).tolist(), strict=True)),
            "processor_s": round(time.process_time() - began, 1), "commit": git_commit(),
        })  # fmt: skip
        write_json(LOG, log)
        print(name, log[-1]["f1"], f"{log[-1]['processor_s']} s", flush=True)


if __name__ == "__main__":
    main()
