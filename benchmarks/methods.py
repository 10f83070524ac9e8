"""What each method's step costs beside the bare forward and backward pass of the views that carry its gradient.

One side is a step of the method without the optimiser: loss, gradients, and what ``after_step`` moves. The other is its
own encoder, forward and backward, on as many rows as the method encodes with a gradient (counted while it runs). Views
are made in advance. Methods with a moving teacher encode all views twice, once without a gradient.

    python benchmarks/methods.py --data PTBXL
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from measure import SEED, Outcome, Sample, Side, at_most, in_turn, main, median_us, ratio
from torch import Tensor

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.presets import preset
from ssrl_ecg.data.batches import BatchDataset
from ssrl_ecg.data.splits import recipe_split
from ssrl_ecg.evaluation.record_facts import record_facts
from ssrl_ecg.methods import METHODS, Method, ViewBatch
from ssrl_ecg.methods.momentum import MomentumMethod
from ssrl_ecg.models import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.loop import step_generator
from ssrl_ecg.training.pretrain import make_views
from ssrl_ecg.training.record_facts import RecordFacts

BATCH_SIZE, N_BATCHES, REPEATS = 128, 2, 3
BAR, BAR_WITH_TEACHER = 1.4, 1.6
PREPROCESSING = Preprocessing(window_s=2.5, highpass_hz=0.5, clip_mv=5.0)


def held_batches(
    sample: Sample, name: str, method: Method, rows: np.ndarray, preprocessing: Preprocessing, facts: RecordFacts,
    batch_size: int,
) -> list[ViewBatch]:  # fmt: skip
    """Make a few batches of views in advance."""
    dataset, recipe = BatchDataset(sample.store, rows), RECIPES[preset(name).recipe]()
    batches = [dataset[list(range(k * batch_size, (k + 1) * batch_size))] for k in range(N_BATCHES)]
    return [
        make_views(method.plan, batch, preprocessing, recipe, facts, step_generator(SEED, number, 0))
        for number, batch in enumerate(batches)
    ]


def steps(method: Method, batches: Iterable[ViewBatch]) -> Callable[[], None]:
    """Make a function that takes the next batch through loss, backward and ``after_step``."""
    coming, generator = itertools.cycle(batches), torch.Generator().manual_seed(SEED)
    method.begin(1000)

    def run() -> None:
        method.zero_grad(set_to_none=True)
        method.loss(next(coming), generator).value.backward()
        method.after_step(0.5)

    return run


def rows_with_gradient(method: Method, batch: ViewBatch) -> int:
    """Count the rows that go through the method's own encoder with a gradient in one step."""
    counted, layers = [0], method.encoder._layers

    def counting(signal: Tensor) -> list[Tensor]:
        counted[0] += len(signal) if torch.is_grad_enabled() else 0
        return layers(signal)

    method.encoder._layers = counting  # type: ignore[method-assign]
    method.loss(batch, torch.Generator().manual_seed(SEED))
    del method.encoder._layers
    return counted[0] or len(batch.rows)  # an encoder of visible patches alone goes past its layers


def bare(encoder: Encoder, batch: ViewBatch, n_rows: int) -> Callable[[], None]:
    """Make a function that encodes so many rows and goes back through them."""
    views = torch.cat([view for _, view in zip(range(n_rows), itertools.cycle(batch.views), strict=False)])[:n_rows]

    def run() -> None:
        encoder.zero_grad(set_to_none=True)
        encoder(views).sum().backward()

    return run


def compare(
    sample: Sample, name: str, rows: np.ndarray, preprocessing: Preprocessing, batch_size: int
) -> dict[str, Any]:
    """Time a method's step and the bare passes of its encoder in turn."""
    torch.manual_seed(SEED)
    kind = METHODS[name]
    method = kind(preset(name).encoder_options().build(), kind.Config()).train()
    facts = record_facts(sample.store, kind.needs, rows)
    batches = held_batches(sample, name, method, rows, preprocessing, facts, batch_size)
    n_rows = rows_with_gradient(method, batches[0])
    encoder = preset(name).encoder_options().build().train()
    costs = in_turn(
        {
            "step": Side(steps(method, batches), batch_size),
            "bare": Side(bare(encoder, batches[0], n_rows), batch_size),
        },
        REPEATS,
    )
    us = {side: median_us(cost) for side, cost in costs.items()}
    return {
        "encoder": preset(name).encoder,
        "views_with_gradient": n_rows / batch_size,
        "records_per_s": 1e6 / us["step"]["processor"],
        "us_per_record": us,
        "step_over_bare": ratio(costs, "step", "bare"),
    }


def run(sample: Sample, names: Iterable[str] = tuple(METHODS), *, batch_size: int = BATCH_SIZE) -> Outcome:
    """Compare every method that needs no simulated records; fp32."""
    rows = recipe_split(sample.store.records).train
    preprocessing = sample.fitted(PREPROCESSING, rows)
    timed = [name for name in names if "simulation" not in METHODS[name].needs]
    measured = {name: compare(sample, name, rows, preprocessing, batch_size) for name in timed}
    return {
        "config": {"batch_size": batch_size, "precision": "32", "preprocessing": PREPROCESSING},
        "measured": measured,
        "bars": [
            at_most(
                f"{name}: step over bare passes",
                one["step_over_bare"]["median"],
                BAR_WITH_TEACHER if issubclass(METHODS[name], MomentumMethod) else BAR,
            )
            for name, one in measured.items()
        ],
    }


if __name__ == "__main__":
    main("methods", __doc__, run)
