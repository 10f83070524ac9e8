"""Two small models of what is ordinary: a Gaussian of facts, and which electrodes lie in each other's place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from ssrl_ecg.signals.character import character
from ssrl_ecg.signals.lead_swaps import LEAD_SWAPS, swap_leads

FloatArray = NDArray[np.float64]

_SMALLEST_SD = 1e-6
_INVERSE_PENALTY = 1.0
_CHUNK = 256


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Distance from the middle of the training records, in their own spread.

    The Mahalanobis distance in a network's features tells foreign inputs from known ones (Lee et al. 2018, "A simple
    unified framework for detecting out-of-distribution samples and adversarial attacks"); one Gaussian for all classes
    does where features come from self-supervision (Sehwag et al. 2021, "SSD").

    Attributes:
        mean: (fact,).
        whitening: (fact, fact); what it makes of a centred record has the distance as its length.
    """

    mean: FloatArray
    whitening: FloatArray

    @classmethod
    def fit(cls, facts: FloatArray) -> Self:
        """Fit to facts (record, fact) of training records, the covariance shrunk as Ledoit and Wolf (2004) do."""
        from sklearn.covariance import ledoit_wolf  # 1 s to import

        sd = facts.std(axis=0).clip(_SMALLEST_SD)
        covariance, _ = ledoit_wolf((facts - facts.mean(axis=0)) / sd)
        values, vectors = np.linalg.eigh(covariance)
        return cls(facts.mean(axis=0), (vectors / np.sqrt(values.clip(_SMALLEST_SD))) / sd[:, None])

    def distance(self, facts: FloatArray) -> FloatArray:
        """Distances (record,) of facts (record, fact)."""
        distance: FloatArray = np.linalg.norm((facts - self.mean) @ self.whitening, axis=1)
        return distance


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Which electrodes are likely to lie in each other's place: softmax regression on how the leads go together.

    Attributes:
        names: the first is "", the right arrangement; the others are of ``LEAD_SWAPS``.
        weight: (arrangement, fact).
        bias: (arrangement,).
    """

    names: tuple[str, ...]
    weight: FloatArray
    bias: FloatArray

    @classmethod
    def fit(cls, signals_mv: NDArray[np.floating], sampling_rate_hz: float) -> Self:
        """Learn from training records (record, 12, time) in mV, as they are and with every interchange simulated."""
        from sklearn.linear_model import LogisticRegression

        recorded = {"": signals_mv, **{name: swap_leads(signals_mv, name) for name in LEAD_SWAPS}}
        facts = [arrangement_facts(signal_mv, sampling_rate_hz) for signal_mv in recorded.values()]
        rows, which = np.concatenate(facts), np.repeat(np.arange(len(recorded)), len(signals_mv))
        mean, sd = rows.mean(axis=0), rows.std(axis=0).clip(_SMALLEST_SD)
        model = LogisticRegression(C=_INVERSE_PENALTY, max_iter=300, tol=1e-3).fit((rows - mean) / sd, which)
        weight = model.coef_ / sd
        return cls(tuple(recorded), weight, model.intercept_ - weight @ mean)

    def log_probabilities(self, facts: FloatArray) -> FloatArray:
        """Logarithms of the probabilities (record, arrangement), all arrangements being equally likely beforehand."""
        log_probability: FloatArray = log_softmax(facts @ self.weight.T + self.bias, axis=1)
        return log_probability


def arrangement_facts(signals_mv: NDArray[np.floating], sampling_rate_hz: float) -> FloatArray:
    """Facts about how the leads of many records (record, 12, time) go together."""
    chunks = range(0, len(signals_mv), _CHUNK)
    return np.concatenate(
        [character(signals_mv[start : start + _CHUNK], sampling_rate_hz).arrangement for start in chunks]
    )
