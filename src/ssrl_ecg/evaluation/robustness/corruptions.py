"""What is done to a recording: ``CORRUPTIONS``, a table of families, each with its severities from mild to harsh.

A transform takes a whole record in mV, before any filter, as a recorder would have delivered it. What it draws comes
from a seed made of the record's id and the family: every model sees the same samples, and at another severity the same
noise, only stronger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ssrl_ecg.augmentations.base import Augmentation
from ssrl_ecg.augmentations.baseline_shift import BaselineShift
from ssrl_ecg.augmentations.baseline_wander import BaselineWander
from ssrl_ecg.augmentations.em_noise import EMNoise
from ssrl_ecg.augmentations.physiological_noise import LEVELS, PhysiologicalNoiseConfig
from ssrl_ecg.augmentations.powerline_noise import PowerlineNoise
from ssrl_ecg.augmentations.recorded_noise import RecordedNoise, RecordedNoiseConfig
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.evaluation.corruption import Corruption as NoiseOrMask
from ssrl_ecg.evaluation.robustness.lead_swaps import swap_electrodes
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.resample import resample

Signal = NDArray[np.float32]
Severity = float | str
Transform = Callable[[Signal, float, int], Signal]
"""(lead, time) in mV, samples per second, seed -> the same recording, corrupted, as long as before."""


@dataclass(frozen=True)
class Family:
    """One kind of corruption.

    Attributes:
        title: what it is, in a few words.
        axis: what a severity says.
        severities: from mild to harsh; names where they are no numbers.
        transform: severity and recorded noise (None where none is needed) -> what is done.
        noise: which recording of the Noise Stress Test Database is needed; empty for none.
        group: heading under which reports show it.
    """

    title: str
    axis: str
    severities: tuple[Severity, ...]
    transform: Callable[[Any, SignalFile | None], Transform]
    group: str
    noise: str = ""


@dataclass(frozen=True)
class Corruption:
    """A family at one severity; ``CLEAN`` is none."""

    family: str
    severity: Severity = ""

    @property
    def name(self) -> str:
        """Name of its cells: ``nstdb-bw_-6``, ``lead-swap_LA-RA``, ``clean``."""
        severity = self.severity if isinstance(self.severity, str) else f"{self.severity:g}"
        return f"{self.family}_{severity}" if severity else self.family


CLEAN = Corruption("clean")


def _augmented(augmentation: Augmentation, signal_mv: Signal, rate_hz: float, seed: int) -> Signal:
    generator = torch.Generator().manual_seed(seed)
    return augmentation(torch.from_numpy(signal_mv)[None], rate_hz, generator)[0].numpy()


def _physiological(kind: type[Augmentation], level: int, _: SignalFile | None) -> Transform:
    config = kind.config_type
    assert issubclass(config, PhysiologicalNoiseConfig)
    return partial(_augmented, kind(config.at_level(level)))


def _recorded(snr_db: float, noise: SignalFile | None) -> Transform:
    assert noise is not None
    config = RecordedNoiseConfig(snr_db=(snr_db, snr_db))
    return partial(_augmented, RecordedNoise(config, noise.signal_mv, noise.sampling_rate_hz))


def _white(sd_mv: float, _: SignalFile | None) -> Transform:
    return lambda signal_mv, _, seed: NoiseOrMask(noise_sd_mv=sd_mv, seed=seed).apply(signal_mv, 0)


def _masked(fraction: float, _: SignalFile | None) -> Transform:
    return lambda signal_mv, _, seed: NoiseOrMask(mask_fraction=fraction, seed=seed).apply(signal_mv, 0)


def _silenced(count: float, _: SignalFile | None) -> Transform:
    def transform(signal_mv: Signal, _: float, seed: int) -> Signal:
        order = np.random.default_rng(seed).permutation(len(LEADS))
        return _without(order[: int(count)], signal_mv)

    return transform


def _only(severity: str, _: SignalFile | None) -> Transform:
    missing = [number for number, lead in enumerate(LEADS) if lead not in LEADS_LEFT[severity]]
    return lambda signal_mv, _, seed: _without(missing, signal_mv)


def _without(leads: Sequence[int] | NDArray[np.int64], signal_mv: Signal) -> Signal:
    kept = signal_mv.copy()
    kept[leads] = 0
    return kept


def _swapped(severity: str, _: SignalFile | None) -> Transform:
    first, second = severity.split("-")
    return lambda signal_mv, _, seed: swap_electrodes(signal_mv, first, second)


def _sampled_at(rate_hz: float, _: SignalFile | None) -> Transform:
    def transform(signal_mv: Signal, model_hz: float, seed: int) -> Signal:
        return _as_long_as(signal_mv, resample(resample(signal_mv, model_hz, rate_hz), rate_hz, model_hz))

    return transform


def _declared(ratio: float, _: SignalFile | None) -> Transform:
    def transform(signal_mv: Signal, model_hz: float, seed: int) -> Signal:
        return _as_long_as(signal_mv, resample(signal_mv, ratio * model_hz, model_hz))

    return transform


def _as_long_as(signal_mv: Signal, changed_mv: Signal) -> Signal:
    """Cut at the end, or begin again at the start."""
    n_samples = signal_mv.shape[1]
    return np.asarray(changed_mv[:, np.arange(n_samples) % changed_mv.shape[1]])


def _physiological_family(title: str, kind: type[Augmentation]) -> Family:
    return Family(title, "level", LEVELS, partial(_physiological, kind), "physiological noise")


def _recorded_family(title: str, noise: str) -> Family:
    return Family(title, "SNR (dB)", (24.0, 18.0, 12.0, 6.0, 0.0, -6.0), _recorded, "recorded noise", noise)


LEADS_LEFT = {"limb-leads": LEADS[:6], "I-and-II": LEADS[:2], "I": LEADS[:1]}
"""Severity of "missing-leads" -> leads that are there."""

CORRUPTIONS: dict[str, Family] = {
    "baseline-wander": _physiological_family("baseline wander", BaselineWander),
    "powerline": _physiological_family("powerline noise", PowerlineNoise),
    "em-noise": _physiological_family("EM noise (white)", EMNoise),
    "baseline-shift": _physiological_family("baseline shift", BaselineShift),
    "nstdb-bw": _recorded_family("recorded baseline wander", "bw"),
    "nstdb-em": _recorded_family("recorded electrode motion", "em"),
    "nstdb-ma": _recorded_family("recorded muscle artefact", "ma"),
    "white-noise": Family("white noise in every lead", "SD (mV)", (0.1,), _white, "noise and gaps"),
    "masking": Family("one gap in all leads", "share of the record", (0.2,), _masked, "noise and gaps"),
    "silenced-leads": Family("leads at 0 mV, drawn per record", "leads", (1.0, 3.0, 6.0), _silenced, "leads"),
    "missing-leads": Family("leads that are there, others at 0 mV", "leads", tuple(LEADS_LEFT), _only, "leads"),
    "lead-swap": Family(
        "electrodes swapped", "electrodes", ("V1-V2", "V2-V3", "V3-V5", "LA-LL", "LA-RA", "RA-LL"), _swapped, "leads"
    ),
    "sampling-rate": Family(
        "sampled at another rate, brought to the model's", "rate (Hz)", (500.0, 250.0, 125.0, 50.0), _sampled_at, "rate"
    ),
    "declared-rate": Family(
        "a wrong rate declared", "declared / true rate", (1.25, 0.8, 2.0, 0.5), _declared, "rate"
    ),
}  # fmt: skip
"""Family by the name that asks for it.

Levels: Mehari & Strodthoff (Comput Biol Med 141:105114, 2022), the amplitude drawn from 0 to the level's largest as
there. SNR: those of the Noise Stress Test Database's own recordings (Moody et al. 1984), noise from its test part only.
0.1 mV and 20 %: SSRL-ECG's checks. "sampling-rate": records at the model's rate hold nothing above half of it, so that
rates above it test the two resamplings alone. "declared-rate": a file of 500 Hz that says 250 Hz (0.5) shows half the
heart rate; where the record becomes too short, it begins again.
"""


def corruptions_of(families: Sequence[str]) -> list[Corruption]:
    """No corruption, then every severity of the families."""
    return [CLEAN, *(Corruption(name, severity) for name in families for severity in CORRUPTIONS[name].severities)]


def record_seed(seed: int, family: str, record_id: str) -> int:
    """Seed of what is drawn for one record: the same at every severity of a family."""
    return int.from_bytes(hashlib.sha256(f"{seed} {family} {record_id}".encode()).digest()[:7])
