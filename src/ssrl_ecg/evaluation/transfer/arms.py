"""The rows of the MIT-BIH table: what learns from beats, and from what of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from ssrl_ecg.evaluation.floors.minirocket import check_minirocket
from ssrl_ecg.evaluation.transfer.beat_network import BeatTraining, beat_log_probabilities, train_beat_network
from ssrl_ecg.evaluation.transfer.beat_shapes import beat_shapes
from ssrl_ecg.evaluation.transfer.crossfit import TAUGHT_CLASSES, BeatArm, Rows
from ssrl_ecg.evaluation.transfer.holter import HolterBeats
from ssrl_ecg.evaluation.transfer.readout import beat_features, beside_usual
from ssrl_ecg.metrics.inputs import FloatArray
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.training.embed import eval_mode, module_hash

Features = NDArray[np.float32]
N_COMPONENTS = 160
"""Principal components of a frozen encoder's features that a linear readout is given."""
N_KERNELS = 504
"""MiniRocket's features: 84 kernels, six biases each."""
_LEAST_PROBABILITY = 1e-4
_CHUNK = 512


@dataclass(frozen=True)
class ForestArm:
    """Random forest (Breiman 2001) on fixed features; classes are weighed as if they were equally frequent.

    Attributes:
        features: seed -> (beat, feature) of all beats.
        classes: (beat,) class of every beat; only those of known beats are read.
    """

    features: Callable[[int], Features]
    classes: NDArray[np.int8]
    settings: tuple[Hashable, ...] = (1, 5)
    """Fewest beats in a leaf."""
    n_trees: int = 200

    def log_probabilities(self, known: Rows, wanted: Rows, setting: Hashable, seed: int) -> FloatArray:
        """Fit and score; the mean vote of the trees estimates a probability."""
        features = self.features(seed)
        forest = RandomForestClassifier(
            self.n_trees, min_samples_leaf=setting, class_weight="balanced_subsample", random_state=seed, n_jobs=1
        ).fit(features[known], self.classes[known])
        return _log_of(forest.predict_proba(features[wanted]), forest.classes_)


@dataclass(frozen=True)
class LogisticArm:
    """Multinomial logistic regression on fixed features, standardised; classes are weighed to be equally frequent.

    Attributes:
        features: seed -> (beat, feature) of all beats.
        classes: (beat,) class of every beat; only those of known beats are read.
    """

    features: Callable[[int], Features]
    classes: NDArray[np.int8]
    settings: tuple[Hashable, ...] = (1e-4, 1e-3, 1e-2)
    """scikit-learn's C, from strong to weak L2 penalty."""

    def log_probabilities(self, known: Rows, wanted: Rows, setting: Hashable, seed: int) -> FloatArray:
        """Fit to convergence and score; nothing is drawn."""
        features = self.features(seed)
        mean, scale = features[known].mean(axis=0), np.maximum(features[known].std(axis=0), 1e-6)
        model = LogisticRegression(C=setting, class_weight="balanced", max_iter=1000, tol=1e-3)
        model.fit((features[known] - mean) / scale, self.classes[known])
        return _log_of(model.predict_proba((features[wanted] - mean) / scale), model.classes_)


@dataclass(frozen=True)
class NetworkArm:
    """A network trained as a whole.

    Attributes:
        encoder: seed -> the encoder it starts from.
        beats: the recordings.
        facts: (beat, fact) that its head is given; possibly no fact.
        training: how.
    """

    encoder: Callable[[int], Encoder]
    beats: HolterBeats
    facts: Features
    training: BeatTraining
    settings: tuple[Hashable, ...] = ("the training",)

    def log_probabilities(self, known: Rows, wanted: Rows, setting: Hashable, seed: int) -> FloatArray:
        """Train and score."""
        network = train_beat_network(self.encoder(seed), self.beats, self.facts, known, self.training, seed)
        return beat_log_probabilities(network, self.beats, self.facts, wanted)


@dataclass(frozen=True)
class JointArm:
    """Several rows with the same settings, which vote: the mean of their log probabilities."""

    arms: tuple[BeatArm, ...]

    @property
    def settings(self) -> tuple[Hashable, ...]:
        """Those of every member."""
        return self.arms[0].settings

    def log_probabilities(self, known: Rows, wanted: Rows, setting: Hashable, seed: int) -> FloatArray:
        """Let every member learn with this setting, and take the mean."""
        found: FloatArray = np.mean([arm.log_probabilities(known, wanted, setting, seed) for arm in self.arms], axis=0)
        return found


@dataclass(frozen=True)
class RememberedArm:
    """A row that is a member of others too, and learns once for all of them."""

    arm: BeatArm
    _found: dict[tuple[Hashable, int, bytes, bytes], FloatArray] = field(default_factory=dict)

    @property
    def settings(self) -> tuple[Hashable, ...]:
        """Those of the row."""
        return self.arm.settings

    def log_probabilities(self, known: Rows, wanted: Rows, setting: Hashable, seed: int) -> FloatArray:
        """Learn, unless the same was asked before."""
        key = setting, seed, sha256(known.tobytes()).digest(), sha256(wanted.tobytes()).digest()
        if key not in self._found:
            self._found[key] = self.arm.log_probabilities(known, wanted, setting, seed)
        return self._found[key]


def _log_of(probability: FloatArray, classes: NDArray[np.integer]) -> FloatArray:
    """Log probabilities of all taught classes; one that no known beat has gets the least probability."""
    every = np.zeros((len(probability), len(TAUGHT_CLASSES)))
    every[:, classes] = probability
    logs: FloatArray = np.log(np.maximum(every, _LEAST_PROBABILITY))
    return logs


def frozen_features(encoder: Encoder, beats: HolterBeats, known: Rows) -> Features:
    """Features of a frozen encoder on all beats, as a linear readout can use them.

    They are read and set beside those of the record's usual beat as in networks that are trained (``readout``), and
    rotated to the ``N_COMPONENTS`` principal components of some training beats, which needs no label.

    Args:
        encoder: in eval mode while it runs; its bytes do not change (asserted).
        beats: the recordings.
        known: training beats whose components are taken.

    Returns:
        float32 (beat, component), fewer components if there are fewer training beats or features.

    Raises:
        AssertionError: the encoder changed a parameter or buffer of its own.
    """
    before = module_hash(encoder)
    with eval_mode(encoder):
        usual = _embedded(encoder, beats, beats.usual_mv)

        def described(rows: Rows) -> Features:
            own = _embedded(encoder, beats, beats.windows_mv(rows))
            joined: Features = beside_usual(own, usual[beats.record[rows]]).numpy()
            return joined

        features = _by_chunks(described, known)
        mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
        n_components = min(N_COMPONENTS, *features.shape)
        components = PCA(n_components, svd_solver="randomized", random_state=0).fit((features - mean) / scale)
        projected = _by_chunks(
            lambda rows: components.transform((described(rows) - mean) / scale), np.arange(len(beats))
        )
    if module_hash(encoder) != before:
        raise AssertionError("a frozen encoder changed while it was embedding")
    return projected


def _by_chunks(describe: Callable[[Rows], Features], rows: Rows) -> Features:
    parts = [describe(rows[start : start + _CHUNK]) for start in range(0, len(rows), _CHUNK)]
    return np.concatenate(parts).astype(np.float32)


def normalised_windows(beats: HolterBeats, rows: Rows) -> Iterator[Tensor]:
    """Give batches of the windows around some beats, as encoders are fed."""
    for start in range(0, len(rows), _CHUNK):
        yield beats.preprocessing.normalise(torch.from_numpy(beats.windows_mv(rows[start : start + _CHUNK])))


@torch.no_grad()
def _embedded(encoder: Encoder, beats: HolterBeats, windows_mv: Features) -> Tensor:
    windows = beats.preprocessing.normalise(torch.from_numpy(windows_mv))
    return beat_features(encoder, windows, beats.preprocessing.window_s)


def shape_features(beats: HolterBeats) -> Features:
    """Hand-crafted shapes of all beats in their first two leads, and how they differ from the record's usual beat."""
    usual = beats.two_leads(beats.usual_mv, np.arange(len(beats.records)))

    def described(rows: Rows) -> Features:
        record = beats.record[rows]
        own = beats.two_leads(beats.windows_mv(rows), record)
        return beat_shapes(own, usual[record], beats.preprocessing.sampling_rate_hz)

    return _by_chunks(described, np.arange(len(beats)))


def minirocket_beats(beats: HolterBeats, known: Rows, *, seed: int) -> Features:
    """MiniRocket's features of all beats in their first two leads, each with the record's usual beat beside it.

    Args:
        beats: the recordings.
        known: training beats whose signals the kernels' biases are fitted on.
        seed: of dilations, channels and biases.

    Raises:
        InputError: the package that has MiniRocket is not installed.
    """
    check_minirocket()
    from aeon.transformations.collection.convolution_based import MiniRocket

    usual = beats.two_leads(beats.usual_mv, np.arange(len(beats.records)))

    def signal(rows: Rows) -> Features:
        own = beats.two_leads(beats.windows_mv(rows), beats.record[rows])
        return np.concatenate([own, own - usual[beats.record[rows]]], axis=1)

    transform = MiniRocket(n_kernels=N_KERNELS, random_state=seed, n_jobs=1).fit(signal(known))
    return _by_chunks(lambda rows: transform.transform(signal(rows)), np.arange(len(beats)))
