"""A segmenter in use: where P, QRS and T of every lead of a recording begin and end."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.files import jsonable
from ssrl_ecg.predict.preparation import Preparation, Prepared
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.waves import WAVES, waves_from_mask
from ssrl_ecg.training.checkpoint import SegmenterCheckpoint
from ssrl_ecg.training.segment import segment

MASK_RATE_HZ = 500.0
"""Rate of masks and grid of boundaries: 2 ms, whatever the rate of the network's input."""

SHORTEST_S = 2.0
"""Shorter recordings are refused: a whole beat may not be in them. Our choice."""

_DECIMALS = 3


class Segmentation(NamedTuple):
    """The waves of one recording.

    Attributes:
        masks: by lead, (time,) at ``MASK_RATE_HZ``: 0 nothing, 1 P, 2 QRS, 3 T.
        warnings: what is odd about the recording.
    """

    masks: dict[str, NDArray[np.uint8]]
    warnings: tuple[str, ...]

    def waves(self) -> list[tuple[str, str, float | None, float | None]]:
        """List lead, wave, onset and offset in s from the recording's start, in order; None where a wave is cut off."""
        rows = []
        for lead, mask in self.masks.items():
            waves_s = waves_from_mask(mask, MASK_RATE_HZ)
            found = [(wave, float(one[0]), float(one[2])) for wave in WAVES for one in waves_s[wave]]
            found.sort(key=lambda one: np.nanmin(one[1:]))
            rows += [(lead, wave, _known(onset_s), _known(offset_s)) for wave, onset_s, offset_s in found]
        return rows


def _known(time_s: float) -> float | None:
    return None if np.isnan(time_s) else round(time_s, _DECIMALS)


@dataclass(frozen=True)
class Segmenter:
    """Segments recordings of any rate and lead order.

    Attributes:
        checkpoint: the network and what it must be fed.
    """

    checkpoint: SegmenterCheckpoint
    preparation: Preparation = field(init=False)

    def __post_init__(self) -> None:
        preprocessing = self.checkpoint.preprocessing
        shorter = replace(preprocessing, window_s=min(SHORTEST_S, preprocessing.window_s))
        object.__setattr__(self, "preparation", Preparation(shorter))

    def prepare(self, recording: SignalFile) -> Prepared:
        """Map a recording to what the network wants; it may be shorter than the network's window.

        Raises:
            InputError: shorter than ``SHORTEST_S``, or see ``Preparation.prepare``.
        """
        return self.preparation.prepare(recording)

    def answer(self, recordings: Sequence[Prepared]) -> list[Segmentation]:
        """Segment recordings, each lead of the network's preprocessing."""
        preprocessing = self.checkpoint.preprocessing
        rows = [LEADS.index(lead) for lead in preprocessing.leads]
        answers = []
        for signal_mv, warnings in recordings:
            masks = segment(self.checkpoint.unet, preprocessing, signal_mv[None, rows], MASK_RATE_HZ)[0]
            answers.append(Segmentation(dict(zip(preprocessing.leads, masks, strict=True)), warnings))
        return answers


def waves_writer(form: Literal["csv", "json"], file: TextIO) -> Callable[[Path, Segmentation], None]:
    """Write what comes before the first recording, and return the function that writes one.

    Args:
        form: "csv", a row per wave: file, lead, wave, onset_s, offset_s; "json", an object per line and recording.
        file: where to.
    """
    if form == "json":
        return lambda path, found: _write_json(file, path, found)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["file", "lead", "wave", "onset_s", "offset_s"])
    return lambda path, found: writer.writerows((path.as_posix(), *row) for row in found.waves())


def _write_json(file: TextIO, path: Path, found: Segmentation) -> None:
    leads: dict[str, dict[str, list[list[float | None]]]] = {lead: {wave: [] for wave in WAVES} for lead in found.masks}
    for lead, wave, onset_s, offset_s in found.waves():
        leads[lead][wave].append([onset_s, offset_s])
    row = {"file": path, "columns": ["onset_s", "offset_s"], "leads": leads, "warnings": found.warnings}
    file.write(json.dumps(jsonable(row), ensure_ascii=False) + "\n")
