"""From records to what a method is given: windows, their augmented views, and the facts that follow them."""

from __future__ import annotations

import torch
from torch import Tensor

from ssrl_ecg.augmentations.recipes import Recipe
from ssrl_ecg.data.batches import RecordBatch
from ssrl_ecg.methods.method import ViewBatch, ViewPlan
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.record_facts import RecordFacts
from ssrl_ecg.training.windows import cut, draw_starts


def make_views(
    plan: ViewPlan,
    batch: RecordBatch,
    preprocessing: Preprocessing,
    recipe: Recipe,
    facts: RecordFacts,
    generator: torch.Generator,
) -> ViewBatch:
    """Cut the windows a method plans for, augment each, and bring along what it must be told about them.

    Args:
        plan: which windows of a record, and how many views of each.
        batch: whole records in mV, unfiltered.
        preprocessing: fitted; filters whole records, gives the length of a window, and normalises views last.
        recipe: augmentations that make a view, applied in millivolt after the crop.
        facts: what is known of every record of the store.
        generator: CPU generator; the only source of randomness.
    """
    length, rate_hz, rows = preprocessing.window_samples, preprocessing.sampling_rate_hz, batch.rows
    filtered = preprocessing.filter(batch.signal_mv)
    n_records, n_samples = len(batch), filtered.shape[-1]
    views, rpeaks, classes, features, masks = [], [], [], [], []
    first = draw_starts(n_records, n_samples, plan.windows * length, generator) if plan.adjacent else None
    for number in range(plan.windows):
        starts = draw_starts(n_records, n_samples, length, generator) if first is None else first + number * length
        window = cut(filtered, starts, length)
        views += [preprocessing.normalise(recipe(window, rate_hz, generator)) for _ in range(plan.views_per_window)]
        span_s = starts.double() / rate_hz, length / rate_hz
        rpeaks.append(facts.rpeaks_in(rows, *span_s))
        classes.append(facts.beat_classes_in(rows, *span_s))
        features.append(facts.beat_features_in(rows, *span_s))
        masks.append(facts.masks_in(rows, starts, length))
    return ViewBatch(
        views=tuple(views),
        rows=rows,
        sampling_rate_hz=rate_hz,
        patients=batch.patients,
        targets=facts.targets_of(rows),
        rpeaks_s=_given(rpeaks),
        beat_classes=_given(classes),
        beat_features=_given(features),
        masks=_given(masks),
    )


def _given(per_window: list[Tensor | None]) -> tuple[Tensor, ...] | None:
    return tuple(values for values in per_window if values is not None) or None
