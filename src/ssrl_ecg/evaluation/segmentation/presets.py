"""Which rows the segmentation benchmark compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ssrl_ecg.evaluation.plans import EncoderPlan
from ssrl_ecg.evaluation.segmentation.arms import FRACTIONS, WINDOW_S, SegmenterArm, SimulatedMarks, pretrained_arm
from ssrl_ecg.evaluation.segmentation.delineators import FLOORS, DelineatorArm
from ssrl_ecg.models import ResNet1D, ResNetConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.segment import FINETUNING, FROZEN, SINGLE_LEADS

SCRATCH, SINGLE = "from scratch, all leads", "from scratch, single leads"
"""Rows that the others are compared with, each at its own rate."""

ALL_LEADS_HZ, SINGLE_LEADS_HZ = 100.0, 250.0
"""Encoders pretrained on PTB-XL are fed 100 Hz; the plain U-Net of single leads has a grid of 4 ms."""


SINGLE_WIDTH = 16
"""First width of the encoder that reads every lead by itself."""


def fed(sampling_rate_hz: float) -> Preprocessing:
    """What a segmenter that starts from random weights is fed: baseline taken out, each lead at its own scale."""
    return Preprocessing(
        sampling_rate_hz=sampling_rate_hz, window_s=WINDOW_S, highpass_hz=0.5, clip_mv=5.0, normalisation="record"
    )


def scratch_arm(
    encoder: EncoderPlan,
    leads: Literal["all", "single"],
    sampling_rate_hz: float | None = None,
    single_width: int = SINGLE_WIDTH,
) -> SegmenterArm:
    """Make a network that starts from random weights.

    Args:
        encoder: architecture of its encoder.
        leads: all together, or every lead by itself: then the encoder is built for one lead and narrower.
        sampling_rate_hz: rate of its input; None for ``ALL_LEADS_HZ`` or ``SINGLE_LEADS_HZ``.
        single_width: first width of an encoder of one lead.
    """
    if leads == "all":
        return SegmenterArm(name=SCRATCH, encoder=encoder, preprocessing=fed(sampling_rate_hz or ALL_LEADS_HZ))
    narrow = replace(encoder, config=replace(encoder.config, n_leads=1, width=single_width))
    return SegmenterArm(
        name=SINGLE, encoder=narrow, preprocessing=fed(sampling_rate_hz or SINGLE_LEADS_HZ), training=SINGLE_LEADS
    )


def untaught_arms(fractions: Sequence[float] = FRACTIONS) -> list[SegmenterArm]:
    """Make the rows without pretraining on recordings: from scratch, random and frozen, and after simulated marks."""
    encoder = EncoderPlan(kind=ResNet1D, config=ResNetConfig())
    single = replace(scratch_arm(encoder, "single"), fractions=(max(fractions),))
    scratch = replace(scratch_arm(encoder, "all"), fractions=tuple(fractions))
    frozen = replace(scratch, name="random encoder, frozen", training=FROZEN, fractions=_few(fractions))
    simulated = replace(
        scratch, name="simulated marks, fine-tuned", simulated=SimulatedMarks(), training=FINETUNING,
        fractions=(0.0, *fractions),
    )  # fmt: skip
    return [single, scratch, frozen, simulated]


def benchmark_arms(
    pretrained: Mapping[str, Path], floors: Sequence[str] = tuple(FLOORS), fractions: Sequence[float] = FRACTIONS
) -> list[SegmenterArm | DelineatorArm]:
    """List all rows.

    Args:
        pretrained: name -> checkpoint of a pretrained encoder; each gives a fine-tuned and a frozen row.
        floors: names of ``FLOORS``.
        fractions: label fractions of networks that move; frozen encoders stand at a tenth and at the largest, the
            network of single leads, which costs most, at the largest.

    Raises:
        InputError: see ``pretrained_arm``.
    """
    arms: list[SegmenterArm | DelineatorArm] = [FLOORS[name] for name in floors]
    arms += untaught_arms(fractions)
    for name, checkpoint in pretrained.items():
        tuned = replace(pretrained_arm(f"{name}, fine-tuned", checkpoint, FINETUNING), fractions=tuple(fractions))
        arms += [tuned, replace(tuned, name=f"{name}, frozen", training=FROZEN, fractions=_few(fractions))]
    return arms


def _few(fractions: Sequence[float]) -> tuple[float, ...]:
    """The largest fraction and, where it is there, a tenth: what controls are computed at, to spare hours."""
    return tuple(one for one in fractions if one in (0.1, max(fractions)))
