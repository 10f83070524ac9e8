"""Everything that can be said of one recording: answers of classifiers, its waves, what mattered, what it resembles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.errors import InputError
from ssrl_ecg.predict.attribution import Stretch, sample_logits, strongest
from ssrl_ecg.predict.embedder import Embedder
from ssrl_ecg.predict.neighbours import EmbeddingIndex, Neighbour
from ssrl_ecg.predict.predictor import Prediction, Predictor
from ssrl_ecg.predict.preparation import Prepared
from ssrl_ecg.signals.delineation import Delineation, delineate
from ssrl_ecg.signals.measurements import Measured, measure
from ssrl_ecg.training.checkpoint import EncoderCheckpoint

N_STRETCHES, N_NEIGHBOURS = 6, 5
"""How many of them are listed."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """Which stretches speak for and against one class.

    Attributes:
        class_name: the class.
        worth: (12, time) in logits at the network's rate, see ``predict.attribution``.
        strongest: the stretches that matter most.
    """

    class_name: str
    worth: NDArray[np.float32]
    strongest: tuple[Stretch, ...]


@dataclass(frozen=True, eq=False)
class RecordingAnalysis:
    """What is known of one recording.

    Attributes:
        name: of the recording.
        recording: canonical leads, in mV, at its own rate.
        prepared: the same for the first classifier.
        prepared_rate_hz: rate of ``prepared``.
        predictions: by the name of the classifier; the first one explains.
        calibration: how well each of them is calibrated, by name; those that are not are left out.
        coverage: share of right answers that label sets keep.
        delineation: where its waves are.
        measured: its measurements.
        neighbours: most similar recordings of an index; None without an index.
        explanation: None until asked for.
    """

    name: str
    recording: SignalFile
    prepared: Prepared
    prepared_rate_hz: float
    predictions: dict[str, Prediction]
    calibration: dict[str, str]
    coverage: float
    delineation: Delineation
    measured: Measured
    neighbours: tuple[Neighbour, ...] | None
    explanation: Explanation | None = None

    @property
    def first(self) -> Prediction:
        """What the first classifier says."""
        return next(iter(self.predictions.values()))

    @property
    def likeliest(self) -> str:
        """The likeliest class of the first classifier."""
        return max(self.first.probabilities, key=lambda name: self.first.probabilities[name])

    @property
    def class_names(self) -> tuple[str, ...]:
        """Classes of all classifiers, those of the first one first."""
        return tuple(dict.fromkeys(name for one in self.predictions.values() for name in one.probabilities))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the recording, said once; what only a further classifier says has its name before it."""
        said = dict.fromkeys(self.first.warnings)
        for model, prediction in self.predictions.items():
            said |= {f"{model}: {warning}": None for warning in prediction.warnings if warning not in said}
        return tuple(said)

    @property
    def duration_s(self) -> float:
        """Length of the recording."""
        n_samples: int = self.recording.signal_mv.shape[1]
        return n_samples / self.recording.sampling_rate_hz


def analyse(
    name: str, recording: SignalFile, predictors: Mapping[str, Predictor], index: EmbeddingIndex | None = None
) -> RecordingAnalysis:
    """Ask classifiers, find the waves, search the index.

    Args:
        name: of the recording.
        recording: twelve leads in canonical order.
        predictors: by name, at least one.
        index: feature vectors that the first one's checkpoint made.

    Raises:
        InputError: a classifier cannot use the recording, or the index is of another network.
    """
    predictions = {}
    for model, predictor in predictors.items():
        try:
            predictions[model] = predictor.predict(recording)
        except InputError as error:
            where = f"{model}: " if len(predictors) > 1 else ""
            raise InputError(where + error.what, expected=error.expected, found=error.found) from error
    first = next(iter(predictors.values()))
    prepared, rate_hz = first.prepare(recording), recording.sampling_rate_hz
    delineation = delineate(recording.signal_mv, rate_hz)
    return RecordingAnalysis(
        name,
        recording,
        prepared,
        first.checkpoint.preprocessing.sampling_rate_hz,
        predictions,
        {model: one.reliability.calibration for model, one in predictors.items() if one.reliability is not None},
        first.coverage,
        delineation,
        measure(recording.signal_mv, rate_hz, delineation),
        None if index is None else tuple(index.nearest(_features(first, prepared), N_NEIGHBOURS)),
    )


def _features(predictor: Predictor, prepared: Prepared) -> NDArray[np.float32]:
    checkpoint = predictor.checkpoint
    embedder = Embedder(EncoderCheckpoint(checkpoint.classifier.encoder, checkpoint.preprocessing))
    return embedder.answer([prepared])[0]


def explain(analysis: RecordingAnalysis, predictor: Predictor, class_name: str) -> RecordingAnalysis:
    """Return the analysis with the stretches that matter for a class.

    Args:
        analysis: of the recording.
        predictor: the first one that it was made with.
        class_name: one of its classes.

    Raises:
        InputError: no such class.
    """
    worth = sample_logits(predictor.checkpoint, analysis.prepared, class_name)
    stretches = tuple(strongest(worth, analysis.prepared_rate_hz, N_STRETCHES))
    return replace(analysis, explanation=Explanation(class_name, worth, stretches))
