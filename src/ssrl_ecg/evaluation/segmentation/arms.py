"""Rows of the segmentation tables: networks with different pasts, and floors that learn nothing here."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
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
from ssrl_ecg.evaluation.segmentation.scores import LeadWaves
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.models.unet import UNet, UNetConfig
from ssrl_ecg.signals.delineation import FIDUCIALS, delineate
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.signals.waves import MARKS, WAVES
from ssrl_ecg.training.checkpoint import load_encoder
from ssrl_ecg.training.embed import module_hash
from ssrl_ecg.training.run import as_config
from ssrl_ecg.training.segment import SegmentConfig, train_segmenter

FRACTIONS = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Shares of a fold's training patients whose marks are used: 8, 16, 40, 80 and 160 of LUDB's."""

WINDOW_S = 10.0
"""Input of every segmenter: LUDB's whole record."""


@dataclass(frozen=True, kw_only=True)
class SimulatedMarks:
    """A training of the whole network on simulated records, whose waves are known."""

    n_records: int = 2000
    """Simulated records (>= 1)."""
    cohort_seed: int = 0
    """Seed of the cohort."""
    training: SegmentConfig = field(default_factory=lambda: SegmentConfig(steps=300))
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
    folder: Path | None = None,
    progress: bool = False,
) -> tuple[UNet, Preprocessing]:
    """Train a row's network and return it with what it must be fed.

    Args:
        arm: the row.
        records: marked records at its rate.
        weights: of the whole network, in place of those it is built with.
        folder: where ``history.csv`` and the training state go.
        progress: show a progress bar.
    """
    fed = arm.preprocessing
    fed = fed if fed.mean_mv is not None else fed.fitted([records.signal_mv])
    result = train_segmenter(
        arm.build if weights is None else lambda: filled(arm.build(), weights),
        records, preprocessing=fed, recipe=arm.recipe, config=arm.training, folder=folder, progress=progress,
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


Delineator = Callable[[NDArray[np.float32], float], list[LeadWaves]]
"""(12, time) in mV and its rate -> the waves of every lead."""


@dataclass(frozen=True)
class DelineatorArm:
    """A floor: it learns nothing from LUDB's marks here.

    Attributes:
        name: row name.
        delineate: finds the waves of a recording.
        settings: plain values its scores depend on.
    """

    name: str
    delineate: Delineator
    settings: Mapping[str, Any]


def classical_waves(signal_mv: NDArray[np.float32], sampling_rate_hz: float) -> list[LeadWaves]:
    """Find waves by ``signals.delineation``, whose constants were chosen on the odd records of LUDB."""
    return [_by_wave(beats) for beats in delineate(signal_mv, sampling_rate_hz).leads_s]


def neurokit_waves(signal_mv: NDArray[np.float32], sampling_rate_hz: float) -> list[LeadWaves]:
    """Find waves by NeuroKit2's wavelet delineator (Martinez et al. 2004), each lead by itself with its own R peaks.

    A lead on which it fails has none.
    """
    return [_by_wave(_neurokit_lead(lead_mv, round(sampling_rate_hz))) for lead_mv in signal_mv]


def _neurokit_lead(lead_mv: NDArray[np.float32], sampling_rate_hz: int) -> NDArray[np.float64]:
    """(beat, 9) times in s, last axis ``FIDUCIALS``."""
    import neurokit2 as nk

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            clean = nk.ecg_clean(lead_mv.astype(np.float64), sampling_rate=sampling_rate_hz)
            r_peaks = nk.ecg_peaks(clean, sampling_rate=sampling_rate_hz)[1]["ECG_R_Peaks"]
            waves = nk.ecg_delineate(clean, r_peaks, sampling_rate=sampling_rate_hz, method="dwt")[1]
        except Exception:  # noisy and flat leads end in whatever its inner steps raise
            return np.zeros((0, len(FIDUCIALS)))
    names = ("P_Onsets", "P_Peaks", "P_Offsets", "R_Onsets", None, "R_Offsets", "T_Onsets", "T_Peaks", "T_Offsets")
    columns = [r_peaks if name is None else waves[f"ECG_{name}"] for name in names]
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1) / sampling_rate_hz


def _by_wave(beats_s: NDArray[np.float64]) -> LeadWaves:
    """(beat, 9) times -> (beat, 3) of each wave."""
    return {wave: beats_s[:, len(MARKS) * k : len(MARKS) * (k + 1)] for k, wave in enumerate(WAVES)}


FLOORS: dict[str, DelineatorArm] = {
    "classical": DelineatorArm("ssrl_ecg delineator, 500 Hz", classical_waves, {"delineator": "ssrl_ecg"}),
    "neurokit2": DelineatorArm("NeuroKit2 wavelet delineator, 500 Hz", neurokit_waves, {"delineator": "neurokit2 dwt"}),
}
"""Floors by the name that the command line uses."""
