"""What every augmentation costs: processor time per record of a batch of 128 ten-second 12-lead records at 100 Hz.

Each augmentation transforms every record, on one thread. Drawing its parameters is part of it.

    python benchmarks/augmentations.py --data PTBXL
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from augmentation_chain import BATCH_SIZE, N_SAMPLES, SAMPLING_RATE_HZ, example_batch
from measure import SEED, Outcome, Sample, Side, at_most, in_turn, main, median_us

from ssrl_ecg.augmentations import AUGMENTATIONS, Augmentation

REPEATS, MOST_US = 15, 150.0
NOISE_HZ, NOISE_SAMPLES = 360.0, 650_000


def every_augmentation() -> dict[str, Augmentation]:
    """Build each at its default strength, for every record; recorded noise from half an hour of white noise."""
    noise_mv = np.random.default_rng(SEED).normal(0, 0.2, (2, NOISE_SAMPLES))
    needs = {"recorded-noise": {"noise_mv": noise_mv, "noise_hz": NOISE_HZ}}
    return {
        name: kind(kind.config_type(probability=1.0), **needs.get(name, {})) for name, kind in AUGMENTATIONS.items()
    }


def run(_: Sample, *, batch_size: int = BATCH_SIZE, repeats: int = REPEATS) -> Outcome:
    """Time every augmentation, one after the other."""
    batch, generator = example_batch(batch_size, N_SAMPLES), torch.Generator().manual_seed(SEED)
    sides = {
        name: Side(partial(augmentation, batch, SAMPLING_RATE_HZ, generator), batch_size)
        for name, augmentation in every_augmentation().items()
    }
    us_per_record = {name: median_us(costs)["processor"] for name, costs in in_turn(sides, repeats).items()}
    return {
        "data": f"{batch_size} records of smoothed noise, no recordings",
        "config": {
            "batch_size": batch_size,
            "n_samples": N_SAMPLES,
            "sampling_rate_hz": SAMPLING_RATE_HZ,
            "repeats": repeats,
        },
        "measured": {"us_per_record": us_per_record},
        "bars": [at_most("microseconds per record of the dearest augmentation", max(us_per_record.values()), MOST_US)],
    }


if __name__ == "__main__":
    main("augmentations", __doc__, run)
