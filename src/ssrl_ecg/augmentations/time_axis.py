"""Windows and maps of the time axis, one per record and shared by its leads."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ssrl_ecg.augmentations.base import draw_uniform


def draw_windows(
    length_fractions: tuple[float, float], n_rows: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw one window per record that lies inside the record.

    Args:
        length_fractions: (shortest, longest) window as fractions of the duration, in [0, 1].
        n_rows: number of records.
        generator: CPU generator.

    Returns:
        Start and length, each (n_rows,), as fractions of the duration; start + length <= 1.
    """
    length = draw_uniform(length_fractions, (n_rows,), generator)
    start = torch.rand(n_rows, generator=generator) * (1 - length)
    return start, length


def window_mask(start_fraction: Tensor, length_fraction: Tensor, n_samples: int) -> Tensor:
    """Return (row, n_samples) booleans, true at the samples taken within [start, start + length) of the duration."""
    time_fraction = torch.arange(n_samples, device=start_fraction.device) / n_samples
    start = start_fraction.unsqueeze(1)
    return (time_fraction >= start) & (time_fraction < start + length_fraction.unsqueeze(1))


def warped_position(output_edges: Tensor, input_edges: Tensor, n_samples: int) -> Tensor:
    """Return where each output sample lies in the input when time runs evenly between edges.

    Args:
        output_edges: (row, edge) ascending, as fractions of the duration, from 0 to 1.
        input_edges: (row, edge), what each of them shows.
        n_samples: samples of the record.

    Returns:
        (row, n_samples) positions in samples, for ``sample_at``: linear interpolation between the edges.
    """
    time = torch.arange(n_samples, device=output_edges.device, dtype=output_edges.dtype) / n_samples
    time = time.expand(len(output_edges), -1).contiguous()
    after = torch.searchsorted(output_edges.contiguous(), time, right=True).clamp_(1, output_edges.shape[1] - 1)
    slope = input_edges.diff(dim=1) / output_edges.diff(dim=1)
    since = time - output_edges.gather(1, after - 1)
    return n_samples * (input_edges.gather(1, after - 1) + slope.gather(1, after - 1) * since)


def sample_at(signal: Tensor, rows: Tensor, position_samples: Tensor) -> Tensor:
    """Read a signal between its samples, by cubic convolution (Keys 1981, a = -1/2).

    Third-order accurate: at 100 Hz a 15 Hz wave read half-way between samples keeps 98 % of its amplitude, where linear
    interpolation keeps 89 %. Largest overshoot: 1.25 times the largest sample. Exact at whole positions; the ends are
    continued by their last value.

    Args:
        signal: (batch, lead, time), any unit; not modified.
        rows: int64 (row,), the records to read.
        position_samples: (row, n), where to read each, clamped to [0, time - 1]; shared by its leads.

    Returns:
        (row, lead, n), in the type of ``signal``.
    """
    n_rows, (n_leads, n_samples) = len(rows), signal.shape[1:]
    position = position_samples.to(signal.dtype).clamp(0, n_samples - 1)
    before = position.floor()
    # Time-major, so that one index fetches all leads of a sample; the bag is the weighted sum of the four neighbours.
    samples = signal.new_empty(n_rows, n_samples + 3, n_leads)
    samples[:, 1:-2] = signal.index_select(0, rows).mT
    samples[:, 0], samples[:, -2:] = samples[:, 1], samples[:, -3].unsqueeze(1)
    first_of_row = torch.arange(n_rows, device=signal.device, dtype=torch.int32).mul_(n_samples + 3).unsqueeze(1)
    taps = before.int().add_(first_of_row).unsqueeze(-1) + torch.arange(4, device=signal.device, dtype=torch.int32)
    weights = _cubic_weights(position - before)
    read = F.embedding_bag(
        taps.flatten(0, 1), samples.flatten(0, 1), per_sample_weights=weights.flatten(0, 1), mode="sum"
    )
    return read.view(n_rows, -1, n_leads).mT


def _cubic_weights(offset: Tensor) -> Tensor:
    """Return (..., 4) weights of the samples at -1, 0, 1, 2 for a position ``offset`` in [0, 1] after sample 0.

    The outer two are Keys' polynomials; the inner two follow from reproducing constants and straight lines.
    """
    rest = 1 - offset
    bend = -0.5 * offset * rest
    first, last = bend * rest, bend * offset
    weights = offset.new_empty(*offset.shape, 4)  # filled one by one: stacking such short rows takes twice as long
    for tap, weight in enumerate((first, rest - 2 * first + last, offset + first - 2 * last, last)):
        weights[..., tap] = weight
    return weights
