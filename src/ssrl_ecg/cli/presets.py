"""How each method is pretrained unless flags say otherwise: the encoder it fits, its augmentations, its schedule."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ssrl_ecg.cli.signal_options import EncoderOptions
from ssrl_ecg.methods import METHODS
from ssrl_ecg.training.pretrain import PretrainConfig


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One method's defaults, by the names of the tables.

    Schedules are made for the PTB-XL sample, about 1,500 unlabelled records of 10 s at 100 Hz: each costs as much as
    SimCLR's 60 passes, about two and a half minutes of one core, so that methods are compared at one cost;
    ``results/leaderboard`` has what each really cost.
    """

    encoder: str = "resnet18"
    encoder_settings: dict[str, Any] = field(default_factory=dict)
    recipe: str = "crop-timeout-leads"
    schedule: PretrainConfig = field(default_factory=PretrainConfig)

    def encoder_options(self) -> EncoderOptions:
        """The encoder as flags give it."""
        settings = tuple(f"{name}={json.dumps(value)}" for name, value in self.encoder_settings.items())
        return EncoderOptions(encoder=self.encoder, encoder_settings=settings)


def _schedule(epochs: int, batch_size: int = 128) -> PretrainConfig:
    """So many passes; methods that contrast nothing with the batch get small batches, and so more steps."""
    return PretrainConfig(epochs=epochs, batch_size=batch_size)


_PRESETS: dict[str, Preset] = {
    "barlow-twins": Preset(schedule=_schedule(54)),
    "beat-ssl": Preset(recipe="3kg", schedule=_schedule(55)),
    "byol": Preset(schedule=_schedule(42)),
    "clocs": Preset(schedule=_schedule(64)),
    "cpc": Preset(encoder="cpc", schedule=_schedule(37, 32)),
    "halves": Preset(schedule=_schedule(32)),
    "jepa": Preset(encoder="vit-xs", recipe="none", schedule=_schedule(9, 32)),
    "mae": Preset(encoder="vit-xs", recipe="none", schedule=_schedule(25, 32)),
    "masked": Preset(recipe="none", schedule=_schedule(80, 32)),
    "moco": Preset(schedule=_schedule(40)),
    "poly-window": Preset(schedule=_schedule(31)),
    "simulation": Preset(recipe="timeout-leads"),
    "swav": Preset(schedule=_schedule(56)),
    "vicreg": Preset(schedule=_schedule(52)),
}


def preset(method: str) -> Preset:
    """Return the preset of a method."""
    assert method in METHODS
    return _PRESETS.get(method, Preset())
