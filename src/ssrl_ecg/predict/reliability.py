"""What a classifier's answers are worth: everything that was learned about it after training, in one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.calibration import SMALLEST_PROBABILITY
from ssrl_ecg.metrics.conformal import LabelConditional
from ssrl_ecg.metrics.platt import Recalibrated
from ssrl_ecg.predict.outliers import Arrangement, FloatArray, Gaussian
from ssrl_ecg.predict.strangeness import ASPECTS, Strangeness
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint, StoredReliability


@dataclass(frozen=True, eq=False)
class Reliability:
    """Calibration, label sets and strangeness of one classifier.

    Attributes:
        recalibrated: logits -> probabilities.
        label_sets: which answers a score leaves open.
        strangeness: how unlike the training recordings a recording is.
        facts: from which records it was learned, what was measured on them and on test records.
    """

    recalibrated: Recalibrated
    label_sets: LabelConditional
    strangeness: Strangeness
    facts: dict[str, Any]

    def scores(self, logits: ArrayLike) -> FloatArray:
        """Scores (record, class) that label sets are made from: the logits, or log-odds of a softmax."""
        return conformal_scores(self.recalibrated, logits)

    @property
    def calibration(self) -> str:
        """How far probabilities lie from what happened, on test records or, without any, on validation records."""
        validation, test = self.facts["validation"], self.facts.get("test")
        if test is None:
            errors, records = validation["ece_after"], f"{self.facts['n_validation']} validation records"
        else:
            errors, records = test["calibration"]["ece_after"], f"{test['n_records']} test records"
        worst, name = max(zip(errors, validation["classes"], strict=True))
        mean, n_classes = sum(errors) / len(errors), len(errors)
        return f"ECE {mean:.3f} on {records} (mean of {n_classes} classes; largest: {name}, {worst:.3f})"

    def stored(self) -> StoredReliability:
        """Return the form in which it lies in a checkpoint."""
        strange = self.strangeness
        arrays: dict[str, NDArray[Any]] = {
            "slope": self.recalibrated.slope,
            "intercept": self.recalibrated.intercept,
            "targets": self.label_sets.targets,
            "scores": self.label_sets.scores,
            "features.mean": strange.features.mean.astype(np.float32),
            "features.whitening": strange.features.whitening.astype(np.float32),
            "levels.mean": strange.levels.mean,
            "levels.whitening": strange.levels.whitening,
            "arrangement.weight": strange.arrangement.weight,
            "arrangement.bias": strange.arrangement.bias,
            "typical": strange.typical,
            "limit": strange.limit,
        }
        return StoredReliability(arrays, {"arrangements": strange.arrangement.names, **self.facts})

    @classmethod
    def of(cls, checkpoint: ClassifierCheckpoint) -> Reliability | None:
        """Read it out of a checkpoint; None where the classifier was never calibrated.

        Raises:
            InputError: what lies there is damaged or does not fit the classifier.
        """
        if checkpoint.reliability is None:
            return None
        arrays, facts = checkpoint.reliability.arrays, dict(checkpoint.reliability.facts)
        try:
            _check_shapes(arrays, len(checkpoint.classes), checkpoint.classifier.encoder.feature_dim)
            arrangement = Arrangement(
                tuple(facts.pop("arrangements")), arrays["arrangement.weight"], arrays["arrangement.bias"]
            )
            if len(arrangement.names) != len(arrangement.bias):
                raise KeyError("arrangements")
        except (KeyError, TypeError, IndexError) as error:
            raise InputError(f"what calibration left is damaged, calibrate again: {error!r}") from error
        recalibrated = Recalibrated(arrays["slope"], arrays["intercept"], checkpoint.task == "single")
        strangeness = Strangeness(
            Gaussian(arrays["features.mean"], arrays["features.whitening"]),
            Gaussian(arrays["levels.mean"], arrays["levels.whitening"]),
            arrangement,
            arrays["typical"],
            arrays["limit"],
        )
        return cls(recalibrated, LabelConditional(arrays["targets"], arrays["scores"]), strangeness, facts)


def conformal_scores(recalibrated: Recalibrated, logits: ArrayLike) -> FloatArray:
    """See ``Reliability.scores``."""
    if not recalibrated.exclusive:
        return np.asarray(logits, dtype=np.float64)
    probabilities = recalibrated.probabilities(logits).clip(SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return cast("FloatArray", logit(probabilities))


def _check_shapes(arrays: dict[str, Any], n_classes: int, feature_dim: int) -> None:
    n_records = len(arrays["targets"])
    n_arrangements, n_facts = arrays["arrangement.weight"].shape
    n_levels = len(arrays["levels.mean"])
    wanted = {
        "slope": (n_classes,),
        "intercept": (n_classes,),
        "targets": (n_records, n_classes),
        "scores": (n_records, n_classes),
        "features.mean": (feature_dim,),
        "features.whitening": (feature_dim, feature_dim),
        "levels.whitening": (n_levels, n_levels),
        "arrangement.weight": (n_arrangements, n_facts),
        "arrangement.bias": (n_arrangements,),
        "typical": (len(ASPECTS),),
        "limit": (len(ASPECTS),),
    }
    for name, shape in wanted.items():
        if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise KeyError(name)
