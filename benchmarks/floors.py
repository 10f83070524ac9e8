"""What the floors cost: seconds of each for the 18 cells of the rotation, learning and scoring, on two cores.

Features are made first and their cost stands apart: measurements and MiniRocket are made once per store. Each floor
then starts with nothing remembered, so that its seconds are those of a comparison that asks for it alone; in one that
asks for all, the ensemble takes over what forest, boosting and MiniRocket have learned. Nothing is judged here.

    python benchmarks/floors.py
"""

from __future__ import annotations

import time
from typing import Any

from measure import Outcome, Sample, at_most, main, timed

from ssrl_ecg.data.splits import rotation_splits
from ssrl_ecg.evaluation.arms import Task
from ssrl_ecg.evaluation.floors import FLOORS
from ssrl_ecg.evaluation.floors.arm import FloorArm
from ssrl_ecg.evaluation.floors.workshop import Workshop
from ssrl_ecg.evaluation.label_fractions import LabelFractions, make_cells
from ssrl_ecg.signals.preprocessing import Preprocessing

LONGEST_S = 120.0
DESIGN = LabelFractions()
"""Ten subsets of 1 %, five of 10 %, three seeds of all labels."""
PREPROCESSING = Preprocessing(window_s=2.5, highpass_hz=0.5, clip_mv=5.0)


def run(sample: Sample, *, design: LabelFractions = DESIGN, names: tuple[str, ...] = tuple(FLOORS)) -> Outcome:
    """Time every floor on every cell."""
    labels, splits = sample.store.labels("super"), rotation_splits(sample.store.records)
    rows = splits[0].train
    patients = sample.store.records["patient_id"].to_numpy()
    cells = make_cells(design, labels, patients, rows[labels.known[rows]])
    first = Workshop(sample.store, labels, rows, PREPROCESSING)
    features = {
        what: timed(lambda what=what: getattr(first.known, what))[1].wall_s
        for what in ("read", "read_with_age_and_sex", "read_standardised", "minirocket")
    }
    floors: dict[str, Any] = {}
    for name in names:
        shop = Workshop(sample.store, labels, rows, PREPROCESSING)
        shop.known = first.known
        arm = FloorArm(FLOORS[name].title, FLOORS[name].build(shop), FLOORS[name].gives_probabilities)
        seconds: dict[str, float] = {}
        processor_s = time.process_time()
        for cell in cells:
            task = Task(sample.store, labels, cell.rows, splits, cell.seed)
            amount = f"{100 * cell.fraction:g} %"
            seconds[amount] = seconds.get(amount, 0.0) + timed(lambda arm=arm, task=task: arm.run(task))[1].wall_s
        processor_s = time.process_time() - processor_s
        floors[name] = {"wall_s": sum(seconds.values()), "processor_s": processor_s, "by_amount_s": seconds}
    return {
        "config": {"cells": len(cells), "labels": "super", "labelled": [len(cell.rows) for cell in cells]},
        "measured": {"features_s": features, "floors": floors},
        "bars": [
            at_most(f"seconds of {name}, {len(cells)} cells", floors[name]["wall_s"], LONGEST_S) for name in names
        ],
    }


if __name__ == "__main__":
    main("floors", __doc__, run)
