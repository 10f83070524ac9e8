"""What an epoch of pretraining costs beside the bare forward and backward pass on the same batches.

One side is ``pretrain`` as a user calls it, for one epoch: the trainer's start, reading the store, filtering, two views
through the seven-augmentation recipe, the model, AdamW, the schedule, the collapse watch and writing the training
state. The other side computes the loss and its gradients on views that lie in memory, a part of the epoch's batches in
each repeat, so that all of them come up.

    python benchmarks/pretrain_epoch.py --data PTBXL
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import SEED, Outcome, Sample, Side, at_most, in_turn, main, median_us, ratio

from ssrl_ecg.augmentations.recipes import full
from ssrl_ecg.methods.method import ViewBatch
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.models import ECGEncoder1DCNN, Encoder, ResNet1D, ResNetConfig
from ssrl_ecg.models.cnn import CNNConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.loop import BatchOrder, Compute
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain

BATCH_SIZE, REPEATS = 128, 3
FOLDS = (1, 2, 3, 4, 5, 6)
PREPROCESSING = Preprocessing(window_s=10.0, highpass_hz=0.5, clip_mv=5.0)


def simclr(kind: type[Encoder], config: Any) -> SimCLR:
    """Build SimCLR around a fresh encoder."""
    torch.manual_seed(SEED)
    return SimCLR(kind(config), SimCLRConfig())


def held_views(sample: Sample, rows: np.ndarray, preprocessing: Preprocessing, batch_size: int) -> list[ViewBatch]:
    """Make every batch of an epoch in advance: two augmented, normalised views."""
    recipe, generator = full(), torch.Generator().manual_seed(SEED)

    def view(signal_mv: torch.Tensor) -> torch.Tensor:
        return preprocessing.normalise(recipe(signal_mv, preprocessing.sampling_rate_hz, generator))

    batches = []
    for positions in BatchOrder(len(rows), batch_size, SEED):
        filtered = preprocessing.filter(torch.from_numpy(sample.store.read_mv(rows[positions])))
        views = (view(filtered), view(filtered))
        batches.append(ViewBatch(views=views, rows=torch.from_numpy(rows[positions]), sampling_rate_hz=100.0))
    return batches


def bare_steps(method: SimCLR, batches: list[ViewBatch], n_steps: int) -> Callable[[], None]:
    """Make a function that computes loss and gradients of the next ``n_steps`` batches, and nothing else."""
    coming, generator = cycle(batches), torch.Generator()

    def run() -> None:
        for _ in range(n_steps):
            method.zero_grad(set_to_none=True)
            method.loss(next(coming), generator).value.backward()

    return run


def compare(
    sample: Sample, kind: type[Encoder], encoder: Any, rows: np.ndarray, batch_size: int, repeats: int, folder: Path
) -> dict[str, Any]:
    """Time an epoch and the bare passes of one encoder in turn."""
    preprocessing = sample.fitted(PREPROCESSING, rows)
    batches = held_views(sample, rows, preprocessing, batch_size)
    labels, numbers = sample.store.labels("super"), iter(range(repeats))

    def epoch() -> None:
        pretrain(
            lambda: simclr(kind, encoder),
            sample.store,
            rows,
            preprocessing=preprocessing,
            recipe=full(),
            config=PretrainConfig(epochs=1, batch_size=batch_size, seed=SEED),
            compute=Compute(accelerator="cpu"),
            watch_labels=labels,
            folder=folder / f"{kind.__name__}-{next(numbers)}",
            progress=False,
        )

    n_bare = -(-len(batches) // repeats)
    bare = bare_steps(simclr(kind, encoder), batches, n_bare)
    bare_steps(simclr(kind, encoder), batches, 1)()  # fresh memory is slow the first time
    n_epoch = len(batches) * len(batches[0].rows)
    sides = {"epoch": Side(epoch, n_epoch), "bare": Side(bare, n_bare * len(batches[0].rows))}
    costs = in_turn(sides, repeats, warm_ups=0)
    return {
        "steps_per_epoch": len(batches),
        "us_per_record": {name: median_us(side) for name, side in costs.items()},
        "epoch_over_bare": ratio(costs, "epoch", "bare"),
    }


ENCODERS: dict[str, tuple[type[Encoder], Any]] = {
    "ECGEncoder1DCNN": (ECGEncoder1DCNN, CNNConfig()),
    "ResNet1D width 32": (ResNet1D, ResNetConfig(width=32)),
}


def run(
    sample: Sample,
    *,
    encoders: dict[str, tuple[type[Encoder], Any]] = ENCODERS,
    batch_size: int = BATCH_SIZE,
    repeats: int = REPEATS,
) -> Outcome:
    """Compare for both encoders: fp32, ten-second records, batches of 128 of folds 1-6."""
    rows = np.flatnonzero(sample.store.records["fold"].isin(FOLDS))
    with tempfile.TemporaryDirectory() as folder:
        measured = {
            name: compare(sample, kind, config, rows, batch_size, repeats, Path(folder))
            for name, (kind, config) in encoders.items()
        }
    return {
        "config": {
            "batch_size": batch_size,
            "folds": FOLDS,
            "precision": "32",
            "allocator": "tuned on both sides",
            "preprocessing": PREPROCESSING,
            "recipe": full().to_dict(),
            "method": SimCLRConfig(),
            "encoders": {name: config for name, (_, config) in encoders.items()},
        },
        "measured": measured,
        "bars": [
            at_most(f"epoch over bare passes, {name}", result["epoch_over_bare"]["median"], 1.25)
            for name, result in measured.items()
        ],
    }


if __name__ == "__main__":
    main("pretrain_epoch", __doc__, run)
