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

    Those of the schedule hold for the PTB-XL sample (about 1,500 unlabelled records of 10 s at 100 Hz): about three
    minutes of one core, so that methods are compared at one cost; ``results/leaderboard`` has what each really cost.
    """

    encoder: str = "resnet18"
    encoder_settings: dict[str, Any] = field(default_factory=dict)
    recipe: str = "crop-timeout-leads"
    schedule: PretrainConfig = field(default_factory=PretrainConfig)

    def encoder_options(self) -> EncoderOptions:
        """The encoder as flags give it."""
        settings = tuple(f"{name}={json.dumps(value)}" for name, value in self.encoder_settings.items())
        return EncoderOptions(encoder=self.encoder, encoder_settings=settings)


_PRESETS: dict[str, Preset] = {
    "simulation": Preset(recipe="timeout-leads"),
}


def preset(method: str) -> Preset:
    """Return the preset of a method."""
    assert method in METHODS
    return _PRESETS.get(method, Preset())
