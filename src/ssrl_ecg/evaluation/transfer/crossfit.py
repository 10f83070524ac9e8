"""Cross-fitting by record: every row of the tables learns, chooses and decides in the same way.

The training records are dealt into folds. A row is trained once without each fold; what those trainings say of the fold
they have not seen chooses its setting (such as a penalty) and one offset per class, at the highest macro F1; the mean
of their log probabilities, with these offsets, decides about the test beats. So nothing but training records chooses.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.mitbih import AAMI_CLASSES
from ssrl_ecg.evaluation.cell_jobs import require_finite
from ssrl_ecg.evaluation.transfer.holter import HolterBeats
from ssrl_ecg.metrics.inputs import FloatArray

TAUGHT_CLASSES = AAMI_CLASSES[:4]
"""N, S, V and F. Of Q, DS1 has 8 beats: it is not taught and never called, and its beats count as missed."""

N_FOLDS = 4
N_NORMAL = 300
"""Normal beats of a record that are learned from; all of them are judged."""
_OFFSETS = np.arange(-6.0, 6.5, 0.5)
_ROUNDS = 3

Rows = NDArray[np.int64]


class BeatArm(Protocol):
    """A row of the tables: learns from some beats and says of others what they are."""

    @property
    def settings(self) -> tuple[Hashable, ...]:
        """What cross-validation chooses from, such as penalties; one or more."""

    def log_probabilities(self, known: Rows, wanted: Rows, setting: Hashable, seed: int) -> FloatArray:
        """Train on the known beats and return log probabilities (wanted, taught class) of others."""


@dataclass(frozen=True)
class CrossFit:
    """What one row calls the beats.

    Attributes:
        setting: position of the setting that was chosen.
        offsets: float64 (taught class,) added to its log probabilities.
        inner: int64 (training beat,) what the training beats are called by trainings without their fold.
        test: int64 (test beat,) what the test beats are called.
    """

    setting: int
    offsets: FloatArray
    inner: Rows
    test: Rows


def cross_fit(arm: BeatArm, beats: HolterBeats, folds: Rows, train: Rows, test: Rows, seed: int) -> CrossFit:
    """Train a row without each fold, choose, and decide.

    Args:
        arm: the row.
        beats: all beats; the classes of test beats are not read.
        folds: (beat,) fold of every training beat, from 0.
        train: training beats.
        test: test beats.
        seed: of everything drawn.

    Raises:
        InputError: log probabilities with NaN or infinity: the training diverged.
    """
    fits = [_with_setting(arm, number, beats, folds, train, test, seed) for number in range(len(arm.settings))]
    scores = [macro_f1(confusion(beats.classes[train], fit.inner)) for fit in fits]
    return fits[int(np.argmax(scores))]


def _with_setting(
    arm: BeatArm, number: int, beats: HolterBeats, folds: Rows, train: Rows, test: Rows, seed: int
) -> CrossFit:
    inner, outer = np.zeros((len(train), len(TAUGHT_CLASSES))), np.zeros((len(test), len(TAUGHT_CLASSES)))
    numbers = np.unique(folds[train])
    for fold in numbers:
        held_out = folds[train] == fold
        known, wanted = thinned(beats, train[~held_out]), np.concatenate([train[held_out], test])
        found = arm.log_probabilities(known, wanted, arm.settings[number], seed)
        require_finite({f"log probabilities without fold {fold}": found})
        inner[held_out] = found[: held_out.sum()]
        outer += found[held_out.sum() :] / len(numbers)
    offsets = choose_offsets(inner, beats.classes[train])
    return CrossFit(number, offsets, (inner + offsets).argmax(axis=1), (outer + offsets).argmax(axis=1))


def thinned(beats: HolterBeats, rows: Rows) -> Rows:
    """Keep of each record all beats of S, V and F, and at most ``N_NORMAL`` normal ones, evenly spaced.

    Nine of ten beats are normal, and those of a record are much alike: what is left out teaches little.
    """
    kept = []
    for number in np.unique(beats.record[rows]):
        own = rows[beats.record[rows] == number]
        normal = own[beats.classes[own] == 0]
        spaced = np.linspace(0, len(normal) - 1, min(N_NORMAL, len(normal))).round().astype(np.int64)
        others = own[(beats.classes[own] > 0) & (beats.classes[own] < len(TAUGHT_CLASSES))]
        kept.append(np.sort(np.concatenate([normal[spaced], others])))
    return np.concatenate([np.zeros(0, np.int64), *kept])


def choose_offsets(log_probabilities: FloatArray, classes: NDArray[np.int8]) -> FloatArray:
    """Find what to add to each class's log probability for the highest macro F1, N's being 0.

    One class after the other takes its best value between -6 and 6, in steps of 1/2; of equals the one nearest to 0.

    Args:
        log_probabilities: (beat, taught class).
        classes: (beat,) what they are, Q's among them.
    """
    offsets = np.zeros(log_probabilities.shape[1])
    grid = _OFFSETS[np.argsort(np.abs(_OFFSETS), kind="stable")]
    for _ in range(_ROUNDS):
        for column in range(1, len(offsets)):
            trials = np.tile(offsets, (len(grid), 1))
            trials[:, column] = grid
            scores = [macro_f1(confusion(classes, (log_probabilities + trial).argmax(axis=1))) for trial in trials]
            offsets = trials[int(np.argmax(scores))]
    return offsets


def confusion(classes: NDArray[np.integer], called: NDArray[np.integer]) -> NDArray[np.int64]:
    """Count (class, called class) over ``AAMI_CLASSES``."""
    n = len(AAMI_CLASSES)
    return np.bincount(n * classes.astype(np.int64) + called, minlength=n * n).reshape(n, n)


def macro_f1(counts: NDArray[np.integer]) -> float:
    """Mean F1 of the taught classes that occur, of a (class, called class) table; NaN if none does."""
    taught = slice(len(TAUGHT_CLASSES))
    hits, total = np.diagonal(counts)[taught], (counts.sum(axis=0) + counts.sum(axis=1))[taught]
    occurs = counts.sum(axis=1)[taught] > 0
    return float(np.mean(2 * hits[occurs] / total[occurs])) if occurs.any() else np.nan


def deal_folds(counts: NDArray[np.integer], n_folds: int = N_FOLDS) -> NDArray[np.int64]:
    """Deal records into folds so that each has nearly its share of S and V beats; nothing is drawn.

    The record richest in them goes first, each to the fold in which the sum of squared shares then grows least, of
    equals the one with the fewest records.

    Args:
        counts: (record, class of ``AAMI_CLASSES``) beats.
        n_folds: folds; no more than records.

    Returns:
        (record,) fold, from 0.
    """
    shares = counts[:, :3] / np.maximum(counts[:, :3].sum(axis=0), 1)
    loads, sizes = np.zeros((n_folds, 3)), np.zeros(n_folds, np.int64)
    folds = np.zeros(len(counts), np.int64)
    for record in np.argsort(-shares[:, 1:].sum(axis=1), kind="stable"):
        growth = ((loads + shares[record]) ** 2 - loads**2).sum(axis=1)
        fold = np.lexsort((sizes, np.round(growth, 6)))[0]
        folds[record] = fold
        loads[fold] += shares[record]
        sizes[fold] += 1
    return folds
