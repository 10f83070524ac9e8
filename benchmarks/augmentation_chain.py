"""The seven-augmentation chain on whole batches against the same chain record by record in NumPy and SciPy.

Both sides run in turn in one process on one thread, and what is compared is the median processor time, so that a
busy neighbour favours neither side. ``rms_differences_mv`` checks on the same drawn parameters that both do the same.

The per-record band-pass exists twice: as forward-backward second-order sections, which is how SciPy is commonly used,
and as a spectrum multiplied by the batched chain's own gain, which is cheaper. Both ratios are reported.

    python benchmarks/augmentation_chain.py
"""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from scipy import signal as dsp
from threadpoolctl import threadpool_limits

from ssrl_ecg.augmentations.base import Augmentation
from ssrl_ecg.augmentations.recipes import full
from ssrl_ecg.augmentations.twelve_leads import LEADS_FROM_ELECTRODES
from ssrl_ecg.signals.leads import LIMB_LEADS_FROM_I_II
from ssrl_ecg.training.run import tune_allocator

Record = NDArray[np.float32]
Bandpass = Callable[[Record, float, float, float], Record]

SAMPLING_RATE_HZ = 100.0
BATCH_SIZE, N_SAMPLES, REPEATS = 128, 1000, 15

EIGHT = [0, 1, *range(6, 12)]
FROM_ELECTRODES = LEADS_FROM_ELECTRODES.numpy().astype(np.float32)
LIMB_LEADS = LIMB_LEADS_FROM_I_II.astype(np.float32)


def frequency_warp(record: Record, factor: float) -> Record:
    n_samples = record.shape[1]
    position = n_samples / 2 + factor * (np.arange(n_samples, dtype=np.float32) - n_samples / 2)
    position = (n_samples - 1) - np.abs((n_samples - 1) - np.abs(position))
    before = np.floor(position).astype(np.int64)
    x = position - before
    weights = (
        (-(x**3) + 2 * x**2 - x) / 2,
        (3 * x**3 - 5 * x**2 + 2) / 2,
        (-3 * x**3 + 4 * x**2 + x) / 2,
        (x**3 - x**2) / 2,
    )
    warped = np.zeros_like(record)
    for tap, weight in zip((-1, 0, 1, 2), weights, strict=True):
        warped += weight * record[:, np.clip(before + tap, 0, n_samples - 1)]
    return warped


def mixup(record: Record, partner: Record, own_weight: float) -> Record:
    return own_weight * record + (1 - own_weight) * partner


def bandpass_spectrum(record: Record, low_hz: float, high_hz: float, sampling_rate_hz: float) -> Record:
    n_samples, pad = record.shape[1], _padding_samples(record, low_hz, sampling_rate_hz)
    before, after = 2 * record[:, :1] - record[:, pad:0:-1], 2 * record[:, -1:] - record[:, -2 : -pad - 2 : -1]
    padded = np.concatenate((before, record, after), axis=1)
    n_padded = fft.next_fast_len(padded.shape[1], real=True)
    frequency = fft.rfftfreq(n_padded, 1 / sampling_rate_hz).astype(np.float32)
    gain = frequency**4 / (frequency**4 + low_hz**4)
    if high_hz < sampling_rate_hz / 2:
        gain /= 1 + (frequency / high_hz) ** 4
    return fft.irfft(fft.rfft(padded, n_padded) * gain, n_padded)[:, pad : pad + n_samples]


def bandpass_sections(record: Record, low_hz: float, high_hz: float, sampling_rate_hz: float) -> Record:
    pad = _padding_samples(record, low_hz, sampling_rate_hz)
    if high_hz < sampling_rate_hz / 2:
        sections = dsp.butter(2, (low_hz, high_hz), "bandpass", fs=sampling_rate_hz, output="sos")
    else:
        sections = dsp.butter(2, low_hz, "highpass", fs=sampling_rate_hz, output="sos")
    return dsp.sosfiltfilt(sections, record, axis=1, padlen=pad).astype(np.float32)


def _padding_samples(record: Record, low_hz: float, sampling_rate_hz: float) -> int:
    return min(record.shape[1] - 1, math.ceil(sampling_rate_hz / low_hz))


def cutmix(record: Record, partner: Record, start_fraction: float, length_fraction: float) -> Record:
    n_samples = record.shape[1]
    first, end = (int(np.ceil(edge * n_samples)) for edge in (start_fraction, start_fraction + length_fraction))
    mixed = record.copy()
    mixed[:, first:end] = partner[:, first:end]
    return mixed


def motion_artifact(
    record: Record, amplitude_mv: float, frequency_hz: Record, phase_radians: Record, sampling_rate_hz: float
) -> Record:
    time_s = np.arange(record.shape[1], dtype=np.float32) / np.float32(sampling_rate_hz)
    angle = np.float32(2 * np.pi) * frequency_hz[:, None] * time_s + phase_radians[:, None]
    return record + FROM_ELECTRODES @ (np.float32(amplitude_mv / 2) * np.sin(angle))


def channel_noise(record: Record, sd_fraction: Record, noise: Record) -> Record:
    noise_mv = (sd_fraction * record[EIGHT].std(axis=1))[:, None] * noise
    noisy = record.copy()
    noisy[:6] += LIMB_LEADS @ noise_mv[:2]
    noisy[6:] += noise_mv[2:]
    return noisy


def temporal_dropout(record: Record, start_s: Record, gap_s: float, sampling_rate_hz: float) -> Record:
    n_samples = record.shape[1]
    lost = np.zeros(n_samples, dtype=bool)
    for start in start_s[np.isfinite(start_s)]:
        first, end = (math.ceil(edge * sampling_rate_hz) for edge in (start, start + gap_s))
        lost[first:end] = True
    kept, gaps = np.flatnonzero(~lost), np.flatnonzero(lost)
    bridged = record.copy()
    for lead in bridged:
        lead[gaps] = np.interp(gaps, kept, lead[kept])
    return bridged


def per_record_view(
    batch: NDArray[np.float32], row: int, sampling_rate_hz: float, rng: np.random.Generator, bandpass: Bandpass
) -> Record:
    """Run the documented chain on one record, as a data loader without batches would."""
    record, n_samples = batch[row], batch.shape[2]
    duration_s = n_samples / sampling_rate_hz
    config: dict[str, Any] = {augmentation.name: augmentation.config for augmentation in full().augmentations}

    def chosen(name: str) -> bool:
        return rng.random() < config[name].probability

    def partner() -> Record:
        return batch[(row + rng.integers(1, len(batch))) % len(batch)]

    if chosen("frequency-warp"):
        change = config["frequency-warp"].heart_rate_change_fraction
        record = frequency_warp(record, np.float32(rng.uniform(1 - change, 1 + change)))
    if chosen("mixup"):
        shape, floor = config["mixup"].beta_shape, config["mixup"].smallest_own_weight
        record = mixup(record, partner(), floor + (1 - floor) * abs(2 * rng.beta(shape, shape) - 1))
    if chosen("bandpass"):
        low_hz, high_hz = (rng.uniform(*limits) for limits in (config["bandpass"].low_hz, config["bandpass"].high_hz))
        record = bandpass(record, low_hz, high_hz, sampling_rate_hz)
    if chosen("cutmix"):
        length = rng.uniform(*config["cutmix"].length_fraction)
        record = cutmix(record, partner(), rng.uniform(0, 1 - length), length)
    if chosen("motion-artifact"):
        frequency_hz = rng.uniform(*config["motion-artifact"].frequency_hz, 9).astype(np.float32)
        phase_radians = rng.uniform(0, 2 * np.pi, 9).astype(np.float32)
        amplitude_mv = rng.uniform(*config["motion-artifact"].amplitude_mv)
        record = motion_artifact(record, amplitude_mv, frequency_hz, phase_radians, sampling_rate_hz)
    if chosen("channel-noise"):
        sd_fraction = rng.uniform(*config["channel-noise"].sd_fraction, 8).astype(np.float32)
        record = channel_noise(record, sd_fraction, rng.standard_normal((8, n_samples), dtype=np.float32))
    if chosen("temporal-dropout"):
        lost_s = rng.uniform(*config["temporal-dropout"].lost_fraction) * duration_s
        n_gaps = max(1, round(lost_s / config["temporal-dropout"].gap_s))
        start_s = np.sort(rng.uniform(0, duration_s - lost_s, n_gaps)) + np.arange(n_gaps) * lost_s / n_gaps
        record = temporal_dropout(record, start_s, lost_s / n_gaps, sampling_rate_hz)
    return record


def per_record_batch(
    batch: NDArray[np.float32], sampling_rate_hz: float, rng: np.random.Generator, bandpass: Bandpass
) -> NDArray[np.float32]:
    return np.stack([per_record_view(batch, row, sampling_rate_hz, rng, bandpass) for row in range(len(batch))])


def replayed(
    name: str, batch: NDArray[np.float32], row: int, values: dict[str, Any], sampling_rate_hz: float, bandpass: Bandpass
) -> Record:
    """Transform one record in NumPy with the parameters that the batched transform of that name drew for it."""
    if "partner" in values:
        values = {**values, "partner": batch[int(values["partner"])]}
    match name:
        case "frequency-warp":
            return frequency_warp(batch[row], values["heart_rate_factor"])
        case "mixup":
            return mixup(batch[row], **values)
        case "bandpass":
            return bandpass(batch[row], **values, sampling_rate_hz=sampling_rate_hz)
        case "cutmix":
            return cutmix(batch[row], **values)
        case "motion-artifact":
            return motion_artifact(batch[row], **values, sampling_rate_hz=sampling_rate_hz)
        case "channel-noise":
            return channel_noise(batch[row], **values)
        case "temporal-dropout":
            return temporal_dropout(batch[row], **values, sampling_rate_hz=sampling_rate_hz)
    raise ValueError(name)


def rms_differences_mv(batch: torch.Tensor, sampling_rate_hz: float, bandpass: Bandpass) -> dict[str, float]:
    """Return, per augmentation, how far both sides are apart on the same drawn parameters, in mV."""
    differences = {}
    for augmentation in full().augmentations:
        always: Augmentation = type(augmentation)(augmentation.config_type(probability=1.0))
        drawn = always.draw(batch, sampling_rate_hz, torch.Generator().manual_seed(0))
        batched = always.apply(batch, drawn, sampling_rate_hz).numpy()
        per_record = [
            replayed(
                augmentation.name,
                batch.numpy(),
                row,
                {name: value[row].numpy() for name, value in drawn.values.items()},
                sampling_rate_hz,
                bandpass,
            )
            for row in range(len(batch))
        ]
        differences[augmentation.name] = float(np.sqrt(np.mean((batched - np.stack(per_record)) ** 2)))
    return differences


def example_batch(n_records: int, n_samples: int) -> torch.Tensor:
    """Return (record, 12, time) in mV of ECG-like size and bandwidth: smoothed noise, limb leads consistent."""
    eight = np.random.default_rng(0).normal(size=(n_records, 8, n_samples))
    smooth = dsp.filtfilt(*dsp.butter(2, 0.3), eight, axis=2)
    smooth *= 0.2 / smooth.std()
    return torch.from_numpy(np.concatenate((LIMB_LEADS @ smooth[:, :2], smooth[:, 2:]), axis=1).astype(np.float32))


def median_seconds(sides: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Run each side ``repeats`` times in turn, after one warm-up, and return the median processor times in seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for repeat in range(repeats + 1):
        for name, side in sides.items():
            start = time.process_time()
            side()
            if repeat:
                seconds[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def us_per_record(sides: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return microseconds of processor time per record of each side."""
    return {name: 1e6 * seconds / BATCH_SIZE for name, seconds in median_seconds(sides, REPEATS).items()}


def run() -> dict[str, Any]:
    """Time both sides on a batch of 128 ten-second records at 100 Hz on one thread, and check that they agree.

    Returns:
        Microseconds per record of each side, their ratios, the agreement per augmentation in mV, and the set-up.
    """
    threads, tuned = torch.get_num_threads(), tune_allocator()
    batch = example_batch(BATCH_SIZE, N_SAMPLES)
    generator, rng, chain = torch.Generator().manual_seed(0), np.random.default_rng(0), full()
    sides: dict[str, Callable[[], object]] = {
        "batched": lambda: chain(batch, SAMPLING_RATE_HZ, generator),
        "per_record": lambda: per_record_batch(batch.numpy(), SAMPLING_RATE_HZ, rng, bandpass_sections),
        "per_record_spectrum": lambda: per_record_batch(batch.numpy(), SAMPLING_RATE_HZ, rng, bandpass_spectrum),
    }
    alone: dict[str, Callable[[], object]] = {
        augmentation.name: partial(augmentation, batch, SAMPLING_RATE_HZ, generator)
        for augmentation in chain.augmentations
    }
    torch.set_num_threads(1)
    with threadpool_limits(1):
        cost, cost_alone = us_per_record(sides), us_per_record(alone)
    torch.set_num_threads(threads)
    return {
        "us_per_record": cost,
        "ratio": cost["per_record"] / cost["batched"],
        "ratio_spectrum_bandpass": cost["per_record_spectrum"] / cost["batched"],
        "us_per_record_alone": cost_alone,
        "rms_difference_mv": rms_differences_mv(batch, SAMPLING_RATE_HZ, bandpass_sections),
        "rms_difference_mv_spectrum_bandpass": rms_differences_mv(batch, SAMPLING_RATE_HZ, bandpass_spectrum)[
            "bandpass"
        ],
        "signal_sd_mv": batch.std().item(),
        "batch_size": BATCH_SIZE,
        "n_samples": N_SAMPLES,
        "sampling_rate_hz": SAMPLING_RATE_HZ,
        "repeats": REPEATS,
        "torch_threads": 1,
        "allocator_tuned": tuned,
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
