"""How unlike the training recordings a recording is, and in which respect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.predict.outliers import Arrangement, FloatArray, Gaussian
from ssrl_ecg.signals.character import Character

ASPECTS = ("features", "levels", "arrangement", "beyond dipole")
"""In what respect a recording may be strange: what the network sees, signal levels, how the leads go together, and how
much they show that one heart cannot explain."""
SHARE_BEYOND = 0.01
"""Of the validation records that are beyond 1 in one aspect."""

_WORDS = {
    "features": "the network sees something unlike its training recordings",
    "levels": "amplitude or noise is unlike that of the training recordings",
    "beyond dipole": "leads show what no single heart explains, as noise or motion of electrodes does",
}


@dataclass(frozen=True, eq=False)
class Strangeness:
    """Distances from the training records in each of ``ASPECTS``, in units that validation records set.

    Attributes:
        features: of the encoder's feature vectors.
        levels: of the leads' amplitude and noise.
        arrangement: of how leads go together; its distance is the log-odds against the right arrangement.
        typical: (aspect,) median distance of validation records; it becomes 0.
        limit: (aspect,) distance that ``SHARE_BEYOND`` of them exceed; it becomes 1.
    """

    features: Gaussian
    levels: Gaussian
    arrangement: Arrangement
    typical: FloatArray
    limit: FloatArray

    def aspects(self, features: NDArray[np.floating], facts: Character) -> FloatArray:
        """Strangeness (record, aspect) in each of ``ASPECTS``; above 1 is stranger than nearly all validation records.

        Args:
            features: (record, feature) of the encoder.
            facts: of the same records.
        """
        raw = distances(self.features, self.levels, self.arrangement, features, facts)
        return (raw - self.typical) / (self.limit - self.typical)

    def reasons(self, aspects: FloatArray, facts: Character) -> list[tuple[str, ...]]:
        """Say of each record, in words, in what respect it is strange; nothing of ordinary ones."""
        likeliest = self.arrangement.log_probabilities(facts.arrangement)[:, 1:].argmax(axis=1) + 1
        found = []
        for record, swap in zip(aspects, likeliest, strict=True):
            swapped = f"leads look interchanged: {self.arrangement.names[swap]}"
            words = {**_WORDS, "arrangement": swapped}
            found.append(tuple(words[aspect] for aspect, value in zip(ASPECTS, record, strict=True) if value > 1))
        return found


def distances(
    features_model: Gaussian,
    levels_model: Gaussian,
    arrangement: Arrangement,
    features: NDArray[np.floating],
    facts: Character,
) -> FloatArray:
    """Distances (record, aspect) before validation records set their units."""
    log_right = arrangement.log_probabilities(facts.arrangement)[:, 0]
    return np.stack(
        [
            features_model.distance(features.astype(np.float64)),
            levels_model.distance(facts.levels),
            _log_odds_against(log_right),
            facts.beyond_dipole,
        ],
        axis=1,
    )


def set_limits(raw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return what is typical of, and what is the limit for, distances (record, aspect) of validation records."""
    return np.median(raw, axis=0), np.quantile(raw, 1 - SHARE_BEYOND, axis=0)


def _log_odds_against(log_probability: FloatArray) -> FloatArray:
    """log((1 - p) / p), exact where p is near 1."""
    odds: FloatArray = np.log(-np.expm1(np.minimum(log_probability, -1e-15))) - log_probability
    return odds
