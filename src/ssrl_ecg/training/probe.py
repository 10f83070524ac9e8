"""The frozen linear probe: logistic regression on the feature vectors of an encoder that does not move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import stratified_folds
from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.inputs import macro, ratio
from ssrl_ecg.metrics.multilabel import auroc
from ssrl_ecg.models.heads import LinearHead, LinearHeadConfig
from ssrl_ecg.training.selection import check_validations, validation_auroc

INVERSE_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""scikit-learn's C, from strong to weak L2 penalty; on standardised features, so an encoder's scale does not count."""

USUAL_INVERSE_PENALTY = 1e-2
"""What is taken where nothing tells penalties apart."""

N_INNER_FOLDS = 5
"""Folds of the cross-validation within the labelled records."""

INNER_TOLERANCE = 0.02
"""AUROC by which a penalty must be better than the usual one in that cross-validation to be taken instead."""

_ABSENT_LOGIT = -20.0


@dataclass(frozen=True)
class LinearProbe:
    """One affine map from features to logits.

    Attributes:
        weight: float64 (class, feature).
        bias: float64 (class,).
        inverse_penalty: the C that was chosen.
    """

    weight: np.ndarray
    bias: np.ndarray
    inverse_penalty: float

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Logits (record, class) of feature vectors (record, feature)."""
        return np.asarray(features @ self.weight.T + self.bias)

    def head(self) -> LinearHead:
        """The same map as a trained head."""
        head = LinearHead(LinearHeadConfig(), feature_dim=self.weight.shape[1], n_outputs=self.weight.shape[0])
        head.load_state_dict(
            {
                name: torch.from_numpy(value).float()
                for name, value in zip(head.state_dict(), (self.weight, self.bias), strict=True)
            }
        )
        return head


def _fit_binary(features: np.ndarray, target: np.ndarray, inverse_penalty: float) -> tuple[np.ndarray, float]:
    """Weights and intercept of one class.

    A class that is all one or all zero gets the constant logit of (positives + 1/2) / (n + 1).
    """
    positives, n = float(target.sum()), len(target)
    if positives in (0.0, float(n)):
        return np.zeros(features.shape[1]), float(np.log((positives + 0.5) / (n - positives + 0.5)))
    model = _regression(inverse_penalty).fit(features, target)
    return model.coef_[0], float(model.intercept_[0])


def _fit_single(features: np.ndarray, values: np.ndarray, inverse_penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Multinomial logistic regression; classes absent from the training records get the constant logit -20."""
    model = _regression(inverse_penalty).fit(features, values.argmax(axis=1))
    weight, bias = np.zeros((values.shape[1], features.shape[1])), np.full(values.shape[1], _ABSENT_LOGIT)
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes
        weight[model.classes_] = np.stack([-model.coef_[0], model.coef_[0]]) / 2
        bias[model.classes_] = np.array([-model.intercept_[0], model.intercept_[0]]) / 2
    else:
        weight[model.classes_], bias[model.classes_] = model.coef_, model.intercept_
    return weight, bias


def _regression(inverse_penalty: float) -> LogisticRegression:
    """L-BFGS until the gradient is below 1e-5; scikit-learn warns if it does not get there."""
    return LogisticRegression(C=inverse_penalty, max_iter=5000, tol=1e-5)


def fit_probe(features: np.ndarray, values: np.ndarray, inverse_penalty: float, *, single: bool = False) -> LinearProbe:
    """L2-penalised logistic regression on standardised features, folded back so that it applies to raw ones.

    Features that do not vary are left as they are (their weight stays 0). With more features than records the solution
    is found in the span of the records, where it lies: the penalty does not change under a rotation.

    Args:
        features: float (record, feature).
        values: uint8 (record, class).
        inverse_penalty: scikit-learn's C.
        single: one multinomial model (single-label task) instead of one binary model per class.
    """
    mean, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    scale[scale < 1e-12] = 1.0
    standardised = (features - mean) / scale
    basis = None
    with threadpool_limits(1):  # threads of small fits wait for each other, most of all on a busy machine
        if len(features) < features.shape[1]:
            basis = np.linalg.svd(standardised, full_matrices=False)[2]
            standardised = standardised @ basis.T
        if single and len(np.unique(values.argmax(axis=1))) > 1:
            weight, bias = _fit_single(standardised, values, inverse_penalty)
        else:
            fits = [_fit_binary(standardised, values[:, column], inverse_penalty) for column in range(values.shape[1])]
            weight, bias = np.stack([fit[0] for fit in fits]), np.array([fit[1] for fit in fits])
    weight = (weight if basis is None else weight @ basis) / scale
    return LinearProbe(weight, bias - weight @ mean, inverse_penalty)


def choose_probe(
    features: np.ndarray,
    labels: Labels,
    rows: np.ndarray,
    validations: Mapping[str, np.ndarray],
    inverse_penalties: Sequence[float] = INVERSE_PENALTIES,
) -> dict[str, LinearProbe]:
    """Fit a probe at each penalty and take, for each validation set, the one with the highest macro AUROC there.

    Args:
        features: float (record, feature) of every row of the store.
        labels: targets of every row.
        rows: labelled training rows.
        validations: name -> rows.
        inverse_penalties: the grid, strongest penalty first; it wins ties, and where the AUROC is undefined.

    Raises:
        InputError: no labelled records, or an empty or unlabelled validation set.
    """
    if len(rows) == 0:
        raise InputError("no labelled records to fit a probe on", expected="at least 1", found=0)
    check_validations(labels, validations)
    single = labels.task == "single"
    probes = [fit_probe(features[rows], labels.values[rows], value, single=single) for value in inverse_penalties]

    def chosen(held_out: np.ndarray) -> LinearProbe:
        scores = [validation_auroc(labels, held_out, probe.logits(features[held_out])) for probe in probes]
        return probes[int(np.argmax(scores))]

    return {name: chosen(held_out) for name, held_out in validations.items()}


def cross_validated_probe(
    features: np.ndarray,
    labels: Labels,
    rows: np.ndarray,
    patients: np.ndarray,
    seed: int,
    inverse_penalties: Sequence[float] = INVERSE_PENALTIES,
) -> LinearProbe:
    """Fit a probe at the penalty with the highest AUROC in cross-validation within the labelled records.

    For when no other record may choose. Inner folds are stratified over the classes and keep patients whole. Only pairs
    of records within an inner fold are compared: ranking records of different folds against each other, which different
    models scored, punishes strong penalties (Airola et al., Comput. Stat. Data Anal. 55, 2011). The AUROC of a class is
    therefore the mean over inner folds weighted by their pairs, and what is compared is the mean over classes.

    A class with fewer than two positives, or negatives, cannot be both learnt and judged: it gets 1/2 at every penalty
    and has no say. Penalties whose AUROC is within ``INNER_TOLERANCE`` of the best are as good as can be told, and of
    these the one nearest to ``USUAL_INVERSE_PENALTY`` is taken; so it is where no class can be judged at all.

    Args:
        features: float (record, feature) of every row of the store.
        labels: targets of every row.
        rows: labelled training rows.
        patients: patient of every row of the store.
        seed: of the inner folds.
        inverse_penalties: the grid.

    Raises:
        InputError: no labelled records.
    """
    if len(rows) == 0:
        raise InputError("no labelled records to fit a probe on", expected="at least 1", found=0)
    own, values, single = features[rows], labels.values[rows], labels.task == "single"
    folds = stratified_folds(values, patients[rows], N_INNER_FOLDS, seed)
    scores = np.array([_inner_auroc(own, values, folds, value, single=single) for value in inverse_penalties])
    distance = np.abs(np.log(np.asarray(inverse_penalties) / USUAL_INVERSE_PENALTY))
    is_good = ~(scores < np.fmax.reduce(scores, initial=0.0) - INNER_TOLERANCE)
    chosen = int(np.argmin(np.where(is_good, distance, np.inf)))
    return fit_probe(own, values, inverse_penalties[chosen], single=single)


def _inner_auroc(
    features: np.ndarray, values: np.ndarray, folds: np.ndarray, inverse_penalty: float, *, single: bool
) -> float:
    """Macro AUROC over the pairs of records that share an inner fold; NaN where there is no such pair of any class."""
    concordant, pairs = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for fold in np.unique(folds):
        held_out = folds == fold
        if held_out.all():
            break
        probe = fit_probe(features[~held_out], values[~held_out], inverse_penalty, single=single)
        logits = probe.logits(features[held_out])
        positives = values[held_out].sum(axis=0, dtype=np.int64)
        here = positives * (held_out.sum() - positives)
        concordant += here * np.nan_to_num(auroc(values[held_out], log_softmax(logits, axis=1) if single else logits))
        pairs += here
    return macro(ratio(concordant, pairs))
