"""The cells of the MIT-BIH transfer: one row, one input and one seed each; a cell keeps confusion counts per record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ssrl_ecg.evaluation.cell_jobs import CellJob
from ssrl_ecg.evaluation.cells import identity_of
from ssrl_ecg.evaluation.remembering import Remembering
from ssrl_ecg.evaluation.transfer.arms import (
    Features,
    ForestArm,
    JointArm,
    LogisticArm,
    NetworkArm,
    RememberedArm,
    frozen_features,
    minirocket_beats,
    normalised_windows,
    shape_features,
)
from ssrl_ecg.evaluation.transfer.beat_network import BeatTraining
from ssrl_ecg.evaluation.transfer.crossfit import BeatArm, Rows, confusion, cross_fit, thinned
from ssrl_ecg.evaluation.transfer.holter import HolterBeats
from ssrl_ecg.evaluation.transfer.task import TransferTask, beat_folds, part_rows
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import EncoderCheckpoint
from ssrl_ecg.training.embed import module_hash
from ssrl_ecg.training.loop import stream_seed
from ssrl_ecg.training.run import as_config
from ssrl_ecg.training.statistics import take_statistics

VERSION = 3
"""Of what a cell holds and how it is made; raised when either changes."""

Kind = Literal["frozen", "finetuned", "scratch", "random", "forest", "minirocket", "joint"]
_PRETRAINED = ("frozen", "finetuned")
TRACKS = {"beat": "beat alone", "rr": "beat and RR intervals"}
"""What every row is given, by the name used in files and in words."""
FLOOR = "random forest"
"""The row that all others are compared with."""
WINDOW_S = 1.28
"""Length of what is shown of a recording around a beat; half of what encoders were trained on, so that there is little
of the neighbouring beats in it: what they say is the second input."""
FLOOR_PREPROCESSING = Preprocessing(window_s=WINDOW_S, highpass_hz=0.5, clip_mv=5.0, normalisation="none")
"""What the beats of floors go through: rate and filter are those that encoders have by default."""


@dataclass(frozen=True, eq=False)
class Row:
    """A row of the tables.

    Attributes:
        name: how the tables call it.
        kind: what learns.
        checkpoint: encoder that it starts from, or whose architecture and input it takes; None for floors without one.
        voters: of a "joint" row, the rows whose forests vote together.
    """

    name: str
    kind: Kind
    checkpoint: EncoderCheckpoint | None = None
    voters: tuple[Row, ...] = ()

    @property
    def preprocessing(self) -> Preprocessing:
        """What its beats go through."""
        if self.checkpoint is None:
            return FLOOR_PREPROCESSING
        return replace(self.checkpoint.preprocessing, window_s=WINDOW_S)

    def settings(self) -> dict[str, Any]:
        """Plain values that its cells depend on."""
        encoder = None if self.checkpoint is None else self.checkpoint.encoder
        weights = module_hash(encoder) if encoder is not None and self.kind in _PRETRAINED else ""
        architecture = None if encoder is None else (type(encoder).__name__, encoder.config.to_dict())
        preprocessing = self.preprocessing.to_dict()
        own = {"kind": self.kind, "preprocessing": preprocessing, "encoder": architecture, "weights": weights}
        own |= {"statistics": "training"} if self.kind == "random" else {}
        return own | {"voters": [voter.settings() for voter in self.voters]}

    def encoder(self, seed: int) -> Encoder:
        """The pretrained encoder, or one of its architecture with fresh weights."""
        assert self.checkpoint is not None
        encoder = self.checkpoint.encoder
        if self.kind in _PRETRAINED:
            return encoder
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream_seed(seed, "initialisation"))
            return type(encoder)(encoder.config).eval()


def transfer_rows(
    checkpoints: Mapping[str, EncoderCheckpoint], finetuned: Sequence[str], *, minirocket: bool
) -> list[Row]:
    """List the rows: encoders frozen, alone and with the floor's forest, and fine-tuned; without pretraining; floors.

    What is frozen is read by the floor's own learner, so that these rows differ in features alone. The random encoder
    votes with the floor's forest too: two forests are better than one whatever they look at.

    Args:
        checkpoints: name -> pretrained encoder; the first gives architecture and input of the row from scratch and of
            the random one.
        finetuned: which of them are fine-tuned too.
        minirocket: whether MiniRocket is there.
    """
    first = next(iter(checkpoints.values()))
    forest, random = Row(FLOOR, "forest"), Row("random encoder, frozen", "random", first)
    frozen = [Row(f"{name}, frozen", "frozen", one) for name, one in checkpoints.items()]
    return [
        *frozen,
        *(Row(f"{row.name}, and forest", "joint", row.checkpoint, (row, forest)) for row in frozen),
        *(Row(f"{name}, fine-tuned", "finetuned", checkpoints[name]) for name in finetuned),
        Row("supervised from scratch", "scratch", first),
        random,
        Row(f"{random.name}, and forest", "joint", first, (random, forest)),
        forest,
        *([Row("MiniRocket", "minirocket")] if minirocket else []),
    ]


@dataclass(frozen=True)
class Workbench:
    """Makes what rows learn from, once; travels to other processes without what it made.

    Attributes:
        task: the beats.
        training: how networks are trained.
    """

    task: TransferTask
    training: BeatTraining
    features: Remembering[Features] = field(init=False)
    forests: Remembering[RememberedArm] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", Remembering(partial(_features, self.task), 3))
        object.__setattr__(self, "forests", Remembering(partial(_forest, self.task, self.features)))


def _features(task: TransferTask, row: Row, seed: int) -> Features:
    """Features of all beats that a row reads by itself, before RR facts."""
    beats = task.beats(row.preprocessing)
    train = part_rows(beats, task.train)
    if row.kind == "forest":
        return shape_features(beats)
    if row.kind == "minirocket":
        return minirocket_beats(beats, thinned(beats, train), seed=seed)
    encoder, known = row.encoder(seed), thinned(beats, train)
    if row.kind == "random":
        take_statistics(encoder, normalised_windows(beats, known))
    return frozen_features(encoder, beats, known)


def _forest(task: TransferTask, features: Remembering[Features], row: Row, track: str) -> RememberedArm:
    beats = task.beats(row.preprocessing)
    return RememberedArm(ForestArm(_with_facts(features, row, _facts(beats, track)), beats.classes))


def _with_facts(features: Remembering[Features], row: Row, facts: Features) -> Callable[[int], Features]:
    return lambda seed: np.concatenate([features(row, seed), facts], axis=1)


def _facts(beats: HolterBeats, track: str) -> Features:
    """RR facts of all beats, none of them where the track is the beat alone."""
    return beats.rr if track == "rr" else beats.rr[:, :0]


def make_jobs(rows: Sequence[Row], task: TransferTask, training: BeatTraining, seeds: Sequence[int]) -> list[CellJob]:
    """List every cell: each row on each input, with each seed."""
    bench = Workbench(task, training)
    jobs = []
    for row in rows:
        settings = row.settings() | ({"training": as_config(training)} if row.kind in ("finetuned", "scratch") else {})
        for track in TRACKS:
            jobs += [
                CellJob(
                    group=row.name,
                    name=f"{track}-{seed}",
                    identity=identity_of(VERSION, settings, track, seed, task.fingerprint, task.train, task.test),
                    compute=partial(compute_cell, bench, row, track, seed),
                )
                for seed in seeds
            ]
    return jobs


def compute_cell(bench: Workbench, row: Row, track: str, seed: int) -> dict[str, Any]:
    """Train, choose and test; return confusion counts (record, class, called class) of training and test records."""
    task = bench.task
    beats = task.beats(row.preprocessing)
    train, test = part_rows(beats, task.train), part_rows(beats, task.test)
    arm = make_arm(bench, row, track, beats)
    fit = cross_fit(arm, beats, beat_folds(beats, task.train), train, test, seed)
    return {
        "inner": _confusions(beats, train, fit.inner),
        "test": _confusions(beats, test, fit.test),
        "inner_records": np.array(task.train),
        "test_records": np.array(task.test),
        "setting": np.array(str(arm.settings[fit.setting])),
        "offsets": fit.offsets,
    }


def _confusions(beats: HolterBeats, rows: Rows, called: Rows) -> NDArray[np.int32]:
    own = [beats.record[rows] == number for number in np.unique(beats.record[rows])]
    return np.array([confusion(beats.classes[rows[one]], called[one]) for one in own], np.int32)


def make_arm(bench: Workbench, row: Row, track: str, beats: HolterBeats) -> BeatArm:
    """Build what learns, on the input that is asked for."""
    if row.kind in ("finetuned", "scratch"):
        return NetworkArm(row.encoder, beats, _facts(beats, track), bench.training)
    if row.kind == "minirocket":
        return LogisticArm(_with_facts(bench.features, row, _facts(beats, track)), beats.classes)
    if row.kind == "joint":
        return JointArm(tuple(bench.forests(voter, track) for voter in row.voters))
    return bench.forests(row, track)
