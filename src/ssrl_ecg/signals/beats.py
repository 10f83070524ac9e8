"""Beats of one recording: cut out, grouped by shape, aligned within a group and averaged.

Averaging the beats of one shape beats down noise by the square root of their number, and a boundary found once on the
average serves every beat of the shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

_QRS_REACH_S = 0.10
"""Half the width of the window in which the shapes of two QRS complexes are compared."""
_SAME_SHAPE_CORRELATION = 0.90
_POSSIBLY_SAME_CORRELATION = 0.5
"""From here on beats are compared once more, each moved to where it fits best."""
_LARGEST_JITTER_S = 0.028
_BEFORE_S, _AFTER_S = 0.40, 0.72
"""What is averaged of a beat: as far before and after its R peak as a P wave begins and a T wave ends."""
_CLEAR_OF_NEXT_S, _CLEAR_OF_PREVIOUS_S = 0.10, 0.30
"""What is kept free of the next beat's QRS complex, and of the previous beat's QRS complex and ST segment."""


@dataclass(frozen=True)
class Beats:
    """The beats of a recording, their shapes, and the average beat of each shape.

    Attributes:
        r: (beat,) positions of the R peaks after alignment, in samples at the internal rate.
        shape: (beat,) which shape each beat has; 0 is the most frequent.
        windows: (lead, beat, window) in mV around every beat.
        averages: (lead, shape, window) in mV: means of the windows, each beat where no other QRS complex and no end of
            the recording is near; zero where no beat can be seen.
        seen: (shape, window) how many beats the average is made of.
        origin: the window's sample at which the R peak stands.
        rate_hz: samples per second.
    """

    r: NDArray[np.int64]
    shape: NDArray[np.int64]
    windows: NDArray[np.float32]
    averages: NDArray[np.float32]
    seen: NDArray[np.int64]
    origin: int
    rate_hz: float


def gather_beats(leads: NDArray[np.float32], r: NDArray[np.int64], rate_hz: float) -> Beats:
    """Group beats by the shape of their QRS complex in all leads at once, align each with its group, and average.

    Beats are compared by the correlation of their leads laid end to end. The beat that most others resemble starts
    the first group, with all that resemble it; the rest is grouped in the same way.

    Args:
        leads: (lead, time) in mV; zeros for unusable leads.
        r: (beat,) ascending positions of R peaks, at least one, in samples.
        rate_hz: samples per second.
    """
    r, shape = _grouped(leads, r, rate_hz)
    before, after = round(_BEFORE_S * rate_hz), round(_AFTER_S * rate_hz)
    windows = cut(leads, r, -before, after)
    time = r[:, None] + np.arange(-before, after)
    previous = np.append(-time.shape[1] * 2, r[:-1])[:, None] + round(_CLEAR_OF_PREVIOUS_S * rate_hz)
    following = np.append(r[1:], leads.shape[-1] + time.shape[1] * 2)[:, None] - round(_CLEAR_OF_NEXT_S * rate_hz)
    core = np.abs(time - r[:, None]) < round(_QRS_REACH_S * rate_hz)
    clear = (((time > previous) & (time < following)) | core) & (time >= 0) & (time < leads.shape[-1])
    member = shape == np.arange(shape.max() + 1)[:, None]
    seen = member.astype(np.int64) @ clear.astype(np.int64)
    sums = np.stack([(windows[:, own] * clear[own]).sum(axis=1) for own in member], axis=1)
    averages = (sums / np.maximum(seen, 1)).astype(np.float32)
    return Beats(r, shape, windows, averages, seen, before, rate_hz)


def cut(leads: NDArray[np.float32], at: NDArray[np.int64], start: int, stop: int) -> NDArray[np.float32]:
    """Return (lead, beat, stop - start) windows around positions; ends of the recording are continued as constants."""
    index = np.clip(at[:, None] + np.arange(start, stop), 0, leads.shape[-1] - 1)
    return leads[:, index]


def unit_vectors(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (beat, lead * time): each beat's leads without their means, end to end, of length one."""
    centred = windows - windows.mean(axis=-1, keepdims=True)
    flat = centred.swapaxes(0, 1).reshape(windows.shape[1], -1)
    unit: NDArray[np.float32] = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), np.float32(1e-9))
    return unit


def best_shift(
    windows: NDArray[np.float32],
    patterns: NDArray[np.float32],
    largest: int,
    sizes: NDArray[np.floating[Any]] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.floating[Any]]]:
    """Find by how much each window has to move to correlate best with a pattern, and how well it then does.

    Args:
        windows: (lead, beat, time + 2 * largest).
        patterns: (beat, lead * time) from ``unit_vectors``.
        largest: the largest shift looked at, in samples, on either side.
        sizes: from ``sizes_at_shifts``, for windows that are compared more than once.

    Returns:
        (beat,) shifts, positive where a beat's wave comes later than the pattern's, and (beat,) correlations.
    """
    n_leads, n_beats, n_wide = windows.shape
    n = n_wide - 2 * largest
    by_lead = patterns.reshape(n_beats, n_leads, n).swapaxes(0, 1)
    products = np.einsum("lbkt,lbt->kb", sliding_window_view(windows, n, axis=-1), by_lead)
    fit = products / (sizes_at_shifts(windows, largest) if sizes is None else sizes)
    best = fit.argmax(axis=0)
    return best - largest, fit[best, np.arange(n_beats)]


def sizes_at_shifts(windows: NDArray[np.float32], largest: int) -> NDArray[np.floating[Any]]:
    """Return (shift, beat) lengths of the vectors that ``unit_vectors`` would divide by at every shift."""
    n_shifts = 2 * largest + 1
    n = windows.shape[-1] - 2 * largest
    total = _moving_sums(windows, n, n_shifts)
    energy = _moving_sums(np.einsum("lbt,lbt->bt", windows, windows), n, n_shifts)
    energy -= np.einsum("lbt,lbt->bt", total, total) / n
    sizes: NDArray[np.floating[Any]] = np.sqrt(np.maximum(energy, 1e-18)).T
    return sizes


def _moving_sums(values: NDArray[np.float32], n: int, n_shifts: int) -> NDArray[np.float32]:
    """Return (..., n_shifts) sums of ``n`` samples in a row, from the first, the second ... sample on."""
    sums = np.cumsum(values, axis=-1)
    moving = sums[..., n - 1 :].copy()
    moving[..., 1:] -= sums[..., : n_shifts - 1]
    return moving


def _grouped(
    leads: NDArray[np.float32], r: NDArray[np.int64], rate_hz: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (beat,) aligned R positions and (beat,) shapes; a beat cut by an end joins the group it resembles most."""
    reach, largest = round(_QRS_REACH_S * rate_hz), round(_LARGEST_JITTER_S * rate_hz)
    windows = cut(leads, r, -reach - largest, reach + largest + 1)
    core = unit_vectors(windows[:, :, largest:-largest])
    correlation = core @ core.T
    alike = correlation > _SAME_SHAPE_CORRELATION
    whole = (r >= reach) & (r < leads.shape[-1] - reach)
    shape, shift, n_shapes = np.full(len(r), -1), np.zeros(len(r), dtype=np.int64), 0
    left = whole.copy() if whole.any() else ~whole
    while left.any():
        seed = int(np.where(left, (alike & left).sum(axis=1), -1).argmax())
        candidates = np.flatnonzero(left & (correlation[seed] > _POSSIBLY_SAME_CORRELATION))
        moved, fit = best_shift(windows[:, candidates], np.repeat(core[[seed]], len(candidates), axis=0), largest)
        same = (fit > _SAME_SHAPE_CORRELATION) | (candidates == seed)
        members = candidates[same]
        shape[members], shift[members] = n_shapes, moved[same]
        left[members] = False
        n_shapes += 1
    grouped = np.flatnonzero(shape >= 0)
    for beat in np.flatnonzero(shape < 0):
        shape[beat] = shape[grouped[correlation[beat, grouped].argmax()]]
    return r + shift, shape
