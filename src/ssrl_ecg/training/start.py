"""Going on from the weights of an earlier pretraining, on other recordings or with another method."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ssrl_ecg.errors import InputError
from ssrl_ecg.models.encoder import EncoderConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, load_encoder

_FITTED = ("mean_mv", "sd_mv")


def load_start(path: Path, encoder: str, config: EncoderConfig, preprocessing: Preprocessing) -> EncoderCheckpoint:
    """Read the encoder that a pretraining starts from.

    It must be the encoder that is asked for, and have been fed what it will be fed: equal leads, rate, window, filters
    and kind of normalisation. Means and SDs may differ: they are fitted to the recordings of each pretraining, so that
    the encoder meets the same scale in both.

    Args:
        path: its checkpoint.
        encoder: name of the encoder that is to be trained.
        config: its configuration.
        preprocessing: what it will be fed.

    Raises:
        InputError: a missing or damaged checkpoint, or one of another encoder or input; it names the setting.
    """
    start = load_encoder(path, expected_encoder=encoder, preprocessing=preprocessing)
    _refuse_differences("checkpoint of another encoder", path, config.to_dict(), start.encoder.config.to_dict())
    expected, found = ({name: value for name, value in asdict(one).items() if name not in _FITTED}
                       for one in (preprocessing, start.preprocessing))  # fmt: skip
    _refuse_differences("the checkpoint's encoder was fed otherwise", path, expected, found)
    return start


def _refuse_differences(what: str, path: Path, expected: dict[str, object], found: dict[str, object]) -> None:
    for name, value in expected.items():
        if found[name] != value:
            raise InputError(what, file=path, field=name, expected=value, found=found[name])
