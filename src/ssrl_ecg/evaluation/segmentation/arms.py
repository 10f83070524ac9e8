"""Rows of the segmentation tables that learn: one network with different pasts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ssrl_ecg.augmentations.recipes import Recipe, none
from ssrl_ecg.data.ludb import LUDB
from ssrl_ecg.data.wave_marks import MarkedRecords, simulated_records
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.plans import EncoderPlan
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.models.unet import UNet, UNetConfig
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import load_encoder
from ssrl_ecg.training.embed import module_hash
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.run import as_config
from ssrl_ecg.training.segment import SegmentConfig, train_segmenter

FRACTIONS = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Shares of a fold's training patients whose marks are used: 8, 16, 40, 80 and 160 of LUDB's."""

WINDOW_S = 10.0
"""Input of every segmenter: LUDB's whole record."""


BF16 = Compute(precision="bf16")
"""1.5 times as fast as 32 bits on recent processors; weights stay 32 bits."""


@dataclass(frozen=True, kw_only=True)
class SimulatedMarks:
    """A training of the whole network on simulated records, whose waves are known."""

    n_records: int = 2000
    """Simulated records (>= 1)."""
    cohort_seed: int = 0
    """Seed of the cohort."""
    training: SegmentConfig = field(default_factory=lambda: SegmentConfig(steps=400, passes=0.0))
    """How it is trained."""


@dataclass(frozen=True, kw_only=True)
class SegmenterArm:
    """A network to be trained in every fold, at every label fraction.

    Attributes:
        name: row name.
        encoder: which encoder; with ``pretrained`` only for the record.
        decoder: settings of the decoder.
        preprocessing: what it is fed; statistics are fitted on a cell's training records unless they are there.
        training: how it is trained in a cell.
        recipe: augmentations of a crop.
        fractions: label fractions of its cells; 0 is the network as it starts.
        pretrained: weights of the encoder to start from.
        simulated: a training on simulated records to start from.
    """

    name: str
    encoder: EncoderPlan
    preprocessing: Preprocessing
    decoder: UNetConfig = field(default_factory=UNetConfig)
    training: SegmentConfig = field(default_factory=SegmentConfig)
    recipe: Recipe = field(default_factory=none)
    fractions: tuple[float, ...] = FRACTIONS
    pretrained: Encoder | None = None
    simulated: SimulatedMarks | None = None

    def build(self) -> UNet:
        """Build the network as it is before any training, from torch's current seed."""
        return UNet(self.encoder.build() if self.pretrained is None else copy.deepcopy(self.pretrained), self.decoder)

    def settings(self) -> dict[str, Any]:
        """Plain values that its scores depend on, beside data, fold and fraction."""
        return {
            **self.encoder.settings(),
            "decoder": as_config(self.decoder),
            "preprocessing": self.preprocessing.to_dict(),
            "training": as_config(self.training),
            "recipe": self.recipe.to_dict(),
            "pretrained": None if self.pretrained is None else module_hash(self.pretrained),
            "simulated": None if self.simulated is None else as_config(self.simulated),
        }


def pretrained_arm(name: str, checkpoint: Path, training: SegmentConfig) -> SegmenterArm:
    """Make a row that starts from a pretrained encoder and is fed what that encoder was fed.

    Raises:
        InputError: a checkpoint that cannot be read, an encoder that has seen LUDB or reads neither one lead nor all.
    """
    loaded = load_encoder(checkpoint)
    if any(seen.get("source") == LUDB.name for seen in loaded.provenance.get("seen", [])):
        raise InputError("the encoder has seen LUDB, which is to judge it", file=checkpoint)
    return SegmenterArm(
        name=name,
        encoder=EncoderPlan(kind=type(loaded.encoder), config=loaded.encoder.config),
        preprocessing=_of_all_leads(loaded.preprocessing, checkpoint),
        training=training,
        pretrained=loaded.encoder,
    )


def _of_all_leads(preprocessing: Preprocessing, checkpoint: Path) -> Preprocessing:
    """What an encoder was fed, for whole records; one of a single lead takes every lead for that one."""
    wanted = replace(preprocessing, window_s=WINDOW_S)
    if preprocessing.leads == LEADS:
        return wanted
    if len(preprocessing.leads) > 1:
        raise InputError("a segmenter needs an encoder of all leads or of one", file=checkpoint, field="leads",
                         expected=" ".join(LEADS), found=" ".join(preprocessing.leads))  # fmt: skip
    mean_mv, sd_mv = (values and values * len(LEADS) for values in (preprocessing.mean_mv, preprocessing.sd_mv))
    return replace(wanted, leads=LEADS, mean_mv=mean_mv, sd_mv=sd_mv)


def train_arm(
    arm: SegmenterArm,
    records: MarkedRecords,
    weights: Mapping[str, NDArray[Any]] | None = None,
    *,
    compute: Compute = BF16,
    folder: Path | None = None,
    progress: bool = False,
) -> tuple[UNet, Preprocessing]:
    """Train a row's network and return it with what it must be fed.

    Args:
        arm: the row.
        records: marked records at its rate.
        weights: of the whole network, in place of those it is built with.
        compute: precision and devices.
        folder: where ``history.csv`` and the training state go.
        progress: show a progress bar.
    """
    fed = arm.preprocessing
    fed = fed if fed.mean_mv is not None else fed.fitted([records.signal_mv])
    result = train_segmenter(
        arm.build if weights is None else lambda: filled(arm.build(), weights),
        records, preprocessing=fed, recipe=arm.recipe, config=arm.training, compute=compute, folder=folder,
        progress=progress,
    )  # fmt: skip
    return result.unet, fed


def simulated_weights(arm: SegmenterArm, *, progress: bool = False) -> dict[str, NDArray[Any]]:
    """Train the arm's network on simulated records and return its weights by name."""
    assert arm.simulated is not None
    records = simulated_records(arm.simulated.n_records, arm.simulated.cohort_seed, arm.preprocessing.sampling_rate_hz)
    unet, _ = train_arm(replace(arm, training=arm.simulated.training), records, progress=progress)
    return {name: value.numpy() for name, value in unet.state_dict().items()}


def filled(unet: UNet, weights: Mapping[str, NDArray[Any]]) -> UNet:
    """Fill a network with weights by name."""
    unet.load_state_dict({name: torch.from_numpy(np.asarray(value)) for name, value in weights.items()})
    return unet.eval()
