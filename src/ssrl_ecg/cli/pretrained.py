"""Starting from a pretrained encoder: its flags, and its features."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from tqdm import tqdm

from ssrl_ecg.cli.labelled_records import LabelledRecords
from ssrl_ecg.cli.parsing import one_of
from ssrl_ecg.cli.signal_options import EncoderOptions
from ssrl_ecg.deployment.hub import checkpoint_file
from ssrl_ecg.models import ENCODERS, Encoder
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, load_encoder
from ssrl_ecg.training.embed import embed
from ssrl_ecg.training.probe import LinearProbe, choose_probe
from ssrl_ecg.training.start import load_start

_CHUNK = 512


@dataclass(frozen=True, kw_only=True)
class PretrainedOptions:
    """Which encoder to start from; it brings its own preprocessing, sampling rate included."""

    checkpoint: Path
    """Checkpoint of a pretrained encoder, or of a classifier whose encoder is taken: a file, a folder in the Hub's
    layout, or ORGANISATION/NAME on the Hub."""
    encoder: Annotated[str, one_of(ENCODERS)] | None = None
    """Refuse a checkpoint of any other encoder; without it every encoder is accepted."""

    def load(self) -> EncoderCheckpoint:
        """Read the checkpoint.

        Raises:
            InputError: it is missing, truncated, or of another encoder.
        """
        return load_encoder(checkpoint_file(self.checkpoint), expected_encoder=self.encoder)


def initial_encoder(
    init: Path | None, encoder: EncoderOptions, preprocessing: Preprocessing
) -> tuple[Callable[[], Encoder], dict[str, Any] | None]:
    """What pretraining starts from: how to build its encoder, and the provenance of the checkpoint it comes from.

    Args:
        init: a checkpoint; None for random weights.
        encoder: which encoder.
        preprocessing: what it will be fed.

    Raises:
        InputError: the checkpoint is of another encoder, or of one that was fed otherwise.
    """
    if init is None:
        return encoder.build, None
    start = load_start(init, encoder.encoder, encoder.config(), preprocessing)
    return lambda: copy.deepcopy(start.encoder), start.provenance


def linear_probe(pretrained: EncoderCheckpoint, records: LabelledRecords) -> LinearProbe:
    """Fit logistic regression on the encoder's features, its penalty chosen on the validation records."""
    features = np.zeros((len(records.store), pretrained.encoder.feature_dim), np.float32)
    needed = np.union1d(records.training, records.validation)
    for start in tqdm(range(0, len(needed), _CHUNK), desc="encoding recordings"):
        rows = needed[start : start + _CHUNK]
        features[rows] = embed(pretrained.encoder, pretrained.preprocessing, records.store, rows)
    validations = {"validation": records.validation}
    return choose_probe(features, records.labels, records.training, validations)["validation"]
