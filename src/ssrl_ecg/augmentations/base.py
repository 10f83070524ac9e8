"""What every augmentation is: a frozen config, a draw, and an application of what was drawn."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ssrl_ecg.errors import InputError


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """What all augmentations have in common; each adds its strengths, with unit, range and source."""

    probability: float
    """Chance that a record is transformed, in [0, 1]; drawn for each record on its own."""

    def __post_init__(self) -> None:
        require_within(self, "probability", 0.0, 1.0)


@dataclass(frozen=True)
class Parameters:
    """What one augmentation drew for one batch, in physical units, so that it can be replayed.

    The same parameters applied to another signal of as many records (the segmentation masks of the batch, the same
    records at another sampling rate) act on the same records in the same way.
    """

    rows: Tensor
    """int64 (chosen,): the records that are transformed, ascending."""
    values: Mapping[str, Tensor]
    """By name, with unit, one entry per chosen record in the first dimension."""

    def __getitem__(self, name: str) -> Tensor:
        return self.values[name]

    def to(self, device: torch.device) -> Parameters:
        """Return the same parameters on another device."""
        return Parameters(self.rows.to(device), {name: value.to(device) for name, value in self.values.items()})


class Augmentation(ABC):
    """A random transform of a batch of ECGs that keeps its shape, type and device.

    Whether a record is transformed, and how, is drawn for each record from an explicit generator. Draws depend on the
    shape of the batch alone, never on its values. A subclass answers two questions: ``_draw``, what is random, and
    ``_transform``, what is done with it.
    """

    name: ClassVar[str]
    """Key in ``AUGMENTATIONS``, and the word of the command line and of run records."""
    config_type: ClassVar[type[AugmentationConfig]]
    """The one config class this augmentation is built from."""
    mixes_records: ClassVar[bool] = False
    """Whether content of other records of the batch enters. A batch of one record is then left as it is."""
    keeps_einthoven: ClassVar[bool] = True
    """Whether III, aVR, aVL and aVF of the output follow from I and II where they did in the input."""
    keeps_time: ClassVar[bool] = True
    """Whether sample k of the output is the same moment as sample k of the input, so that marks stay where they are."""
    config: AugmentationConfig

    def __init__(self, config: AugmentationConfig) -> None:
        if type(config) is not self.config_type:
            raise TypeError(
                f"{type(self).__name__} is built from {self.config_type.__name__}, not {type(config).__name__}"
            )
        self.config = config

    def __call__(self, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator) -> Tensor:
        """Transform a batch.

        Args:
            signal_mv: (batch, lead, time) in mV, float32 or float64, any device; not modified.
            sampling_rate_hz: samples per second.
            generator: CPU generator; the only source of randomness.

        Returns:
            A new tensor of the same shape, type and device, in mV.

        Raises:
            InputError: the batch is not (batch, lead, time), or has not the leads this augmentation needs.
        """
        return self.apply(signal_mv, self.draw(signal_mv, sampling_rate_hz, generator), sampling_rate_hz)

    def draw(self, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator) -> Parameters:
        """Draw which records are transformed and with which parameters; arguments and errors as in ``__call__``."""
        if signal_mv.ndim != 3 or not signal_mv.is_floating_point():
            found = f"{tuple(signal_mv.shape)} {signal_mv.dtype}"
            raise InputError(
                "an augmentation needs a batch of signals", expected="(batch, lead, time) of floats", found=found
            )
        chosen = torch.rand(len(signal_mv), generator=generator) < self.config.probability
        if self.mixes_records and len(signal_mv) < 2:
            chosen[:] = False
        rows = chosen.nonzero().squeeze(1)
        return Parameters(rows, self._draw(rows, signal_mv, sampling_rate_hz, generator)).to(signal_mv.device)

    def apply(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        """Apply drawn parameters to a batch of as many records, leaving the input as it is."""
        output = signal_mv.clone()
        self.apply_in_place(output, parameters, sampling_rate_hz)
        return output

    def apply_in_place(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> None:
        """Overwrite the chosen records of a batch that the caller owns; a chain saves a copy per step this way."""
        if len(parameters.rows):
            _write_rows(signal_mv, parameters.rows, self._transform(signal_mv, parameters, sampling_rate_hz))

    def to_dict(self) -> dict[str, Any]:
        """Return name and config as plain values, for run records."""
        return {"name": self.name, **asdict(self.config)}

    @abstractmethod
    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the random values of the chosen ``rows`` (CPU, int64), by name; only the batch's shape may matter."""

    @abstractmethod
    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        """Return the chosen records transformed, (chosen, lead, time), without writing to ``signal_mv``."""


def _write_rows(signal: Tensor, rows: Tensor, values: Tensor) -> None:
    """Overwrite rows of a batch; in host memory through NumPy, which copies whole rows where torch moves elements."""
    if signal.device.type == "cpu":
        signal.numpy()[rows.numpy()] = values.numpy()
    else:
        signal[rows] = values


def draw_uniform(limits: tuple[float, float], shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Return float32 values of the given shape, uniform in [low, high)."""
    low, high = limits
    return torch.rand(shape, generator=generator) * (high - low) + low


def require_within(config: object, field: str, lowest: float, highest: float) -> None:
    """Refuse a config whose field, a number or a (low, high) pair, leaves the allowed range.

    Args:
        config: any object with that attribute.
        field: name of a number or of an ascending pair of numbers.
        lowest: smallest value allowed.
        highest: largest value allowed; infinity is never accepted as a value.

    Raises:
        InputError: a value is outside, not finite, or the pair is not ascending.
    """
    value = getattr(config, field)
    numbers = value if isinstance(value, tuple) else (value,)
    inside = all(math.isfinite(number) and lowest <= number <= highest for number in numbers)
    if not inside or list(numbers) != sorted(numbers):
        expected = f"within [{lowest:g}, {highest:g}]" + (", low before high" if isinstance(value, tuple) else "")
        raise InputError(f"{type(config).__name__} out of range", field=field, expected=expected, found=value)
