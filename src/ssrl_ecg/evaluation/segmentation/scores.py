"""What a cell keeps of a segmentation: per record and lead, counts and sums that pool to every number of the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.ludb import LeadAnnotation
from ssrl_ecg.metrics.delineation import BOUNDARY_TOLERANCE_S, DETECTION_TOLERANCE_S, Detection, compare_waves
from ssrl_ecg.metrics.inputs import defined_mean, ratio
from ssrl_ecg.metrics.segmentation import mask_confusion, sample_f1
from ssrl_ecg.signals.waves import WAVES

BOUNDARIES = tuple(f"{wave}_{mark}" for wave in WAVES for mark in ("onset", "offset"))
TOLERANCES = ("own", "wide")
"""Within ``BOUNDARY_TOLERANCE_S`` of the wave, and within ``DETECTION_TOLERANCE_S``."""


@dataclass(frozen=True, eq=False)
class SegmentationScores:
    """Scores of some records.

    Attributes:
        rows: (record,) their rows in the task.
        confusion: (record, lead, 4, 4) samples by annotated and predicted class.
        detections: (record, lead, ``BOUNDARIES``, ``TOLERANCES``, 3) boundaries found, missed and falsely found.
        error_sums: (record, lead, ``BOUNDARIES``, 2) sum of the signed errors in ms, and of their squares, of the
            boundaries found within the wide tolerance.
    """

    rows: NDArray[np.int64]
    confusion: NDArray[np.int32]
    detections: NDArray[np.int16]
    error_sums: NDArray[np.float64]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a cell's file holds."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> SegmentationScores:
        """Rebuild from ``arrays``."""
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})

    @classmethod
    def joined(cls, parts: Sequence[SegmentationScores]) -> SegmentationScores:
        """Put the records of several folds together, in the order of their rows."""
        order = np.argsort(np.concatenate([part.rows for part in parts]), kind="stable")
        return cls(
            **{
                field.name: np.concatenate([getattr(part, field.name) for part in parts])[order]
                for field in fields(cls)
            }
        )


LeadWaves = Mapping[str, NDArray[np.float64]]
"""By wave, (wave, 3) onset, peak and offset in s."""


def score(
    rows: NDArray[np.int64],
    annotations: Sequence[Sequence[LeadAnnotation | None]],
    truth: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    waves: Sequence[Sequence[LeadWaves]],
) -> SegmentationScores:
    """Score predicted masks and waves against what was annotated, inside each lead's annotated span.

    Args:
        rows: (record,) rows in the task.
        annotations: of every lead of these records; a lead without is not scored.
        truth: (record, lead, time) annotated masks.
        masks: (record, lead, time) predicted masks at the same rate.
        waves: predicted waves of every lead.
    """
    shape = (*truth.shape[:2], len(BOUNDARIES))
    detections = np.zeros((*shape, len(TOLERANCES), 3), np.int16)
    error_sums = np.zeros((*shape, 2))
    for record, of_leads in enumerate(annotations):
        for lead, annotation in enumerate(of_leads):
            if annotation is not None:
                detections[record, lead], error_sums[record, lead] = _boundaries(annotation, waves[record][lead])
    return SegmentationScores(rows, mask_confusion(truth, masks).astype(np.int32), detections, error_sums)


def _boundaries(annotation: LeadAnnotation, waves: LeadWaves) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Counts (boundary, tolerance, 3) and error sums (boundary, 2) of one lead."""
    counts, sums = [], []
    for wave in WAVES:
        own, wide = (
            compare_waves(annotation.waves_s[wave], waves[wave], tolerance_s, span_s=annotation.span_s)
            for tolerance_s in (BOUNDARY_TOLERANCE_S[wave], DETECTION_TOLERANCE_S)
        )
        for mark in ("onset", "offset"):
            counts.append([_counts(own[mark]), _counts(wide[mark])])
            errors_ms = wide[mark].errors_ms
            sums.append([errors_ms.sum(), np.square(errors_ms).sum()])
    return np.array(counts, np.int16), np.array(sums)


def _counts(detection: Detection) -> tuple[int, int, int]:
    return detection.n_found, detection.n_missed, detection.n_false


def f1_of_counts(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return F1 of pooled counts (..., 3): 2 TP / (2 TP + FN + FP); NaN where there is nothing to find or found."""
    found, missed, false = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    return ratio(2 * found, 2 * found + missed + false)


def pooled_errors(found: NDArray[Any], error_sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return mean and sample SD in ms of the errors pooled over records and leads, per boundary.

    Args:
        found: (record, lead, boundary) how many errors were summed.
        error_sums: (record, lead, boundary, 2) their sums and sums of squares.

    Returns:
        Mean (boundary,), SD (boundary,), and the mean over leads of the SD within each lead of a record, which a
        constant offset of one lead does not widen (how Martinez et al. 2004 report it); NaN with too few errors.
    """
    mean, sd = _moments(found.sum(axis=(0, 1)), error_sums.sum(axis=(0, 1)))
    within = _moments(found, error_sums)[1]
    return mean, sd, defined_mean(within.reshape(-1, within.shape[-1]), axis=0)


def _moments(count: NDArray[Any], sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, sums[..., 0] / count, np.nan)
        variance = np.where(count > 1, (sums[..., 1] - count * mean**2) / (count - 1), np.nan)
    return mean, np.sqrt(np.maximum(variance, 0))


def sample_sentence(scores: SegmentationScores) -> str:
    """Say in a line how well samples are told apart."""
    f1 = sample_f1(scores.confusion.sum(axis=(0, 1)))[1:]
    waves = ", ".join(f"{wave.upper()} {value:.3f}" for wave, value in zip(WAVES, f1, strict=True))
    return f"sample-wise macro F1 {f1.mean():.3f} ({waves})"
