"""What an encoder is fed, and which encoder: the flags of commands that start without a checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from tqdm import tqdm

from ssrl_ecg.cli.parsing import one_of
from ssrl_ecg.data.splits import Rows
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.models import ENCODERS, Encoder, EncoderConfig
from ssrl_ecg.signals.preprocessing import Normalisation, Preprocessing

_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class SignalOptions:
    """What the encoder is fed; fitted on the training recordings and stored in the checkpoint."""

    sampling_rate_hz: float = 100.0
    """Samples per second; PTB-XL has 100 and 500."""
    window_s: float = 2.5
    """Length of training crops, and of the windows whose scores are averaged afterwards; at most a recording's."""
    highpass_hz: float = 0.5
    """Cut-off of a high-pass; 0 for none."""
    lowpass_hz: float = 0.0
    """Cut-off of a low-pass; 0 for none."""
    mains_hz: float = 0.0
    """Mains frequency to notch with its harmonics; 0 for none."""
    clip_mv: float = 5.0
    """Amplitudes are limited to this; 0 for no limit."""
    normalisation: Normalisation = "dataset"
    """Mean and SD of each lead over the training recordings, which keeps voltage, or of each record; or none."""

    def fitted(self, store: RecordStore, rows: Rows) -> Preprocessing:
        """Build the preprocessing and fit it on these training rows.

        Raises:
            InputError: a value out of range, or a window longer than the recordings.
        """
        preprocessing = Preprocessing(
            sampling_rate_hz=self.sampling_rate_hz,
            window_s=self.window_s,
            highpass_hz=self.highpass_hz or None,
            lowpass_hz=self.lowpass_hz or None,
            mains_hz=self.mains_hz or None,
            clip_mv=self.clip_mv or None,
            normalisation=self.normalisation,
        )
        preprocessing.window_starts(store.facts.n_samples)  # refuses recordings shorter than a window
        starts = tqdm(range(0, len(rows), _BATCH), desc="fitting preprocessing", leave=False)
        return preprocessing.fitted(store.read_mv(rows[start : start + _BATCH]) for start in starts)


@dataclass(frozen=True, kw_only=True)
class EncoderOptions:
    """Which encoder."""

    encoder: Annotated[str, one_of(ENCODERS)] = "resnet18"
    """Architecture; docs/encoders.md compares their sizes and speeds."""
    encoder_width: int | None = None
    """Channels of the first stage; without it the encoder's own: 64 for cnn, 32 for resnet18."""
    encoder_settings: tuple[str, ...] = ()
    """Other settings of the encoder's own as NAME=VALUE, such as domain=frequency and embedding_dim=64 of ku-cnn."""

    def config(self) -> EncoderConfig:
        """Return the encoder's configuration.

        Raises:
            InputError: a setting that the encoder does not have, or a value out of range.
        """
        settings = dict(_setting(word) for word in self.encoder_settings)
        if self.encoder_width is not None:
            settings["width"] = self.encoder_width
        return ENCODERS[self.encoder].Config.from_dict(settings)

    def build(self) -> Encoder:
        """Build a fresh encoder from torch's current seed."""
        return ENCODERS[self.encoder](self.config())


def _setting(word: str) -> tuple[str, Any]:
    """Split NAME=VALUE; a value that is no JSON is a word."""
    name, equals, value = word.partition("=")
    if not equals:
        raise InputError("not a setting", field="encoder_settings", expected="NAME=VALUE", found=word)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
