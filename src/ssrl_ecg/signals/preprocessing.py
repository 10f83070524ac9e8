"""What an encoder expects of a signal, in one object that travels inside its checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, TypeGuard, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.filters import fft_filter
from ssrl_ecg.signals.leads import LEADS, canonical_lead_name, select_leads
from ssrl_ecg.signals.resample import resample

Normalisation = Literal["dataset", "record", "none"]

FLAT_SD_MV = 1e-3
"""A lead that varies by less than this standard deviation (1 uV, the step of common recorders) holds no signal."""

_MV_PER_UNIT = {"V": 1e3, "mV": 1.0, "uV": 1e-3}


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """From a recording as it comes to the numbers an encoder sees, in four steps.

    ``prepare`` maps leads, unit and rate; ``filter`` filters whole records and clips; augmentations then act in mV; and
    ``normalise`` comes last. The default normalisation, one mean and SD per lead over the training set, keeps voltage,
    which carries diagnoses (hypertrophy, low voltage).

    Args:
        sampling_rate_hz: rate of the encoder's input.
        leads: canonical names of its leads, in order.
        window_s: length of its input.
        highpass_hz: cut-off of the high-pass, below Nyquist; None: no high-pass.
        lowpass_hz: cut-off of the low-pass; None, or at or above Nyquist: no low-pass.
        mains_hz: mains frequency to notch with its harmonics below Nyquist; None: no notch.
        clip_mv: signals are limited to plus and minus this after filtering; None: not at all.
        normalisation: "dataset" (mean and SD per lead over the training set), "record" (per record and lead), "none".
        mean_mv: one mean per lead, for "dataset"; set by ``fitted``.
        sd_mv: one SD per lead, positive, for "dataset"; set by ``fitted``.
        unit: unit of the signal before normalisation; only "mV".

    Raises:
        InputError: a value has the wrong type or lies out of range.
    """

    sampling_rate_hz: float = 100.0
    leads: tuple[str, ...] = LEADS
    window_s: float = 10.0
    highpass_hz: float | None = None
    lowpass_hz: float | None = None
    mains_hz: float | None = None
    clip_mv: float | None = None
    normalisation: Normalisation = "dataset"
    mean_mv: tuple[float, ...] | None = None
    sd_mv: tuple[float, ...] | None = None
    unit: Literal["mV"] = "mV"

    def __post_init__(self) -> None:
        for field in ("sampling_rate_hz", "window_s"):
            _check_positive(getattr(self, field), field)
        for field in ("highpass_hz", "lowpass_hz", "mains_hz", "clip_mv"):
            if getattr(self, field) is not None:
                _check_positive(getattr(self, field), field)
        _check_leads(self.leads)
        for field, allowed in (("normalisation", get_args(Normalisation)), ("unit", ("mV",))):
            if getattr(self, field) not in allowed:
                raise InputError(
                    f"unknown {field}", field=field, expected=" or ".join(allowed), found=getattr(self, field)
                )
        self._check_window_and_band()
        self._check_statistics()

    def _check_window_and_band(self) -> None:
        nyquist_hz = self.sampling_rate_hz / 2
        if self.window_samples < 1:
            raise InputError("window is shorter than one sample", field="window_s", found=f"{self.window_s} s")
        if self.highpass_hz is not None and self.highpass_hz >= min(nyquist_hz, self.lowpass_hz or math.inf):
            raise InputError(
                "band edges out of order",
                field="highpass_hz",
                expected=f"below lowpass_hz and below {nyquist_hz:g} Hz",
                found=f"highpass_hz {self.highpass_hz}, lowpass_hz {self.lowpass_hz}",
            )

    def _check_statistics(self) -> None:
        if (self.mean_mv is None) != (self.sd_mv is None):
            raise InputError("mean_mv and sd_mv belong together", expected="both or neither")
        for field in ("mean_mv", "sd_mv"):
            values = getattr(self, field)
            if values is None:
                continue
            if not isinstance(values, tuple) or not all(_is_number(value) for value in values):
                raise InputError("not a list of finite numbers", field=field, found=repr(values))
            if len(values) != len(self.leads):
                raise InputError(
                    "one value per lead is needed", field=field, expected=len(self.leads), found=len(values)
                )
        if self.sd_mv is not None and min(self.sd_mv) <= 0:
            raise InputError("standard deviations must be positive", field="sd_mv", found=min(self.sd_mv))

    @property
    def window_samples(self) -> int:
        """Length of the encoder's input in samples."""
        return round(self.window_s * self.sampling_rate_hz)

    def prepare(
        self, signal: NDArray[Any], *, sampling_rate_hz: float, leads: Sequence[str], unit: str
    ) -> NDArray[np.float32]:
        """Map a recording to this object's leads, unit and rate; neither filtered nor normalised yet.

        Args:
            signal: (lead, time), a whole recording of any number type.
            sampling_rate_hz: its rate.
            leads: its lead names, in any order and spelling; III, aVR, aVL, aVF may be missing if I and II are there.
            unit: "mV", "uV" or "V".

        Returns:
            (len(self.leads), time) in mV at ``self.sampling_rate_hz``, at least one window long.

        Raises:
            InputError: unknown unit or rate; a lead unknown, given twice or missing; a shape that does not fit the lead
                names; a needed lead with NaN or infinity; a recording shorter than one window.
        """
        if unit not in _MV_PER_UNIT:
            raise InputError("unknown unit", field="unit", expected=" or ".join(_MV_PER_UNIT), found=unit)
        if signal.ndim != 2 or signal.shape[0] != len(leads):
            raise InputError("signal does not fit its lead names", expected=f"({len(leads)}, time)", found=signal.shape)
        wanted = select_leads(signal.astype(np.float64), leads, self.leads)
        broken = [lead for lead, row in zip(self.leads, wanted, strict=True) if not np.isfinite(row).all()]
        if broken:
            raise InputError(f"NaN or infinite samples in lead {', '.join(broken)}")
        signal_mv = resample(wanted * _MV_PER_UNIT[unit], sampling_rate_hz, self.sampling_rate_hz).astype(np.float32)
        self._check_length(signal_mv.shape[-1])
        return signal_mv

    def filter(self, signal_mv: Tensor) -> Tensor:
        """Filter whole records, then clip them.

        Filtering belongs to whole records, before any window is cut: a window's ends would be filtered differently.

        Args:
            signal_mv: (..., lead, time) in mV at ``self.sampling_rate_hz``; not modified.

        Returns:
            Same shape, in mV; the tensor itself where neither filter nor clip is set.
        """
        low_hz, high_hz, mains_hz = self.highpass_hz, self.lowpass_hz, self.mains_hz
        if (low_hz, high_hz, mains_hz) != (None, None, None):
            signal_mv = fft_filter(signal_mv, self.sampling_rate_hz, low_hz=low_hz, high_hz=high_hz, mains_hz=mains_hz)
        return signal_mv if self.clip_mv is None else signal_mv.clamp(-self.clip_mv, self.clip_mv)

    def fitted(self, batches_mv: Iterable[NDArray[np.floating]]) -> Preprocessing:
        """Return a copy with the mean and SD of every lead over the training records, in one pass.

        The statistics are those of what ``normalise`` will see: each batch is filtered and clipped here first. A lead
        that is flat over the whole training set (SD below ``FLAT_SD_MV``) gets SD 1 mV: there is no scale to learn,
        and dividing by its rounding noise would blow up a signal that shows up there later. Batches are merged by the
        parallel algorithm of Chan, Golub and LeVeque (1983), which loses no precision to large sums.

        Args:
            batches_mv: arrays (batch, lead, time) in mV, unfiltered; training records only. Not read, and this object
                returned as it is, unless the normalisation is "dataset".

        Returns:
            A fitted Preprocessing.

        Raises:
            InputError: no samples at all, a wrong number of leads, or NaN or infinite samples.
        """
        if self.normalisation != "dataset":
            return self
        n_samples, mean, squares = 0, np.zeros(len(self.leads)), np.zeros(len(self.leads))
        for batch_mv in batches_mv:
            batch = self._lead_samples(batch_mv)
            if batch.shape[1] == 0:
                continue
            batch_mean = batch.mean(axis=1)
            shift, n_before = batch_mean - mean, n_samples
            n_samples += batch.shape[1]
            mean += shift * batch.shape[1] / n_samples
            squares += ((batch - batch_mean[:, None]) ** 2).sum(axis=1) + shift**2 * n_before * batch.shape[
                1
            ] / n_samples
        if n_samples == 0:
            raise InputError("no training records to take the mean and SD of")
        sd = np.sqrt(squares / n_samples)
        sd[sd < FLAT_SD_MV] = 1.0
        return replace(self, mean_mv=tuple(mean.tolist()), sd_mv=tuple(sd.tolist()))

    def _lead_samples(self, batch_mv: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return a filtered batch as (lead, batch * time)."""
        if batch_mv.ndim != 3 or batch_mv.shape[1] != len(self.leads):
            raise InputError("wrong batch", expected=f"(batch, {len(self.leads)}, time)", found=batch_mv.shape)
        if not np.isfinite(batch_mv).all():
            raise InputError("NaN or infinite samples among the training records")
        if batch_mv.size == 0:
            return np.empty((len(self.leads), 0))
        signal_mv = self.filter(torch.as_tensor(batch_mv)).numpy().astype(np.float64)
        return signal_mv.swapaxes(0, 1).reshape(len(self.leads), -1)

    def normalise(self, signal_mv: Tensor) -> Tensor:
        """Bring a signal to the encoder's scale; the last step before it.

        Args:
            signal_mv: (..., lead, time) in mV; not modified.

        Returns:
            Same shape. "dataset": in SDs of the training set around its mean. "record": mean 0 and SD 1 over the given
            samples of each record and lead, zeros for a flat lead (SD below ``FLAT_SD_MV``). "none": the signal itself.

        Raises:
            InputError: "dataset" without mean and SD, or another number of leads.
        """
        if signal_mv.shape[-2] != len(self.leads):
            raise InputError("wrong number of leads", expected=len(self.leads), found=signal_mv.shape[-2])
        if self.normalisation == "none":
            return signal_mv
        if self.normalisation == "record":
            centred = signal_mv - signal_mv.mean(dim=-1, keepdim=True)
            sd_mv = centred.square().mean(dim=-1, keepdim=True).sqrt()
            return torch.where(sd_mv < FLAT_SD_MV, 0.0, centred / sd_mv.clamp_min(FLAT_SD_MV))
        if self.mean_mv is None or self.sd_mv is None:
            raise InputError(
                "the training set's mean and SD are not known yet",
                field="mean_mv",
                expected="a Preprocessing from fitted()",
            )
        mean, sd = (signal_mv.new_tensor(values)[:, None] for values in (self.mean_mv, self.sd_mv))
        return (signal_mv - mean) / sd

    def window_starts(self, n_samples: int, overlap: float = 0.5) -> tuple[int, ...]:
        """Return where windows start so that together they cover a record, for averaging their predictions.

        Args:
            n_samples: length of the record at ``self.sampling_rate_hz``.
            overlap: shared fraction of neighbouring windows, in [0, 1).

        Returns:
            Ascending starts, the first 0 and the last ``n_samples - window_samples`` (flush with the record's end).

        Raises:
            InputError: the record is shorter than one window, or the overlap is out of range.
        """
        if not 0 <= overlap < 1:
            raise InputError("overlap out of range", field="overlap", expected="0 <= overlap < 1", found=overlap)
        self._check_length(n_samples)
        step = max(1, round(self.window_samples * (1 - overlap)))
        last = n_samples - self.window_samples
        return (*range(0, last, step), last)

    def _check_length(self, n_samples: int) -> None:
        if n_samples < self.window_samples:
            raise InputError(
                "recording is shorter than one window",
                expected=f"{self.window_samples} samples or more ({self.window_s:g} s at {self.sampling_rate_hz:g} Hz)",
                found=f"{n_samples} samples",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON's types (tuples as lists); ``from_dict`` restores them exactly."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """Build from ``to_dict``'s form; a key that is not there takes its default.

        Raises:
            InputError: an unknown key, a wrong type, or a value out of range.
        """
        if not isinstance(values, Mapping):
            raise InputError("preprocessing is not a table of keys and values", found=type(values).__name__)
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InputError(
                f"unknown preprocessing key {', '.join(unknown)}", expected=f"only {', '.join(sorted(known))}"
            )
        restored: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**restored)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_positive(value: object, field: str) -> None:
    if not (_is_number(value) and value > 0):
        raise InputError("not a positive number", field=field, found=repr(value))


def _check_leads(leads: object) -> None:
    if not isinstance(leads, tuple) or not leads or not all(isinstance(lead, str) for lead in leads):
        raise InputError("not a list of lead names", field="leads", found=repr(leads))
    for lead in leads:
        if canonical_lead_name(lead) != lead:
            raise InputError(
                "lead name not in canonical spelling", field="leads", expected=canonical_lead_name(lead), found=lead
            )
    if len(set(leads)) != len(leads):
        raise InputError("lead given more than once", field="leads", found=", ".join(leads))
