"""Real noise in views: the flags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ssrl_ecg.augmentations.recipes import Recipe
from ssrl_ecg.augmentations.recorded_noise import RecordedNoise, RecordedNoiseConfig
from ssrl_ecg.cli.parsing import one_of
from ssrl_ecg.data.nstdb import NOISES, read_noise


@dataclass(frozen=True, kw_only=True)
class NoiseOptions:
    """Which recorded noise views receive."""

    nstdb: Path | None = None
    """Folder of the MIT-BIH Noise Stress Test Database, whose noise is added to views (the first 20 of 30 minutes; the
    rest is for tests of robustness); without it there is none."""
    noises: tuple[Annotated[str, one_of(NOISES)], ...] = tuple(NOISES)
    """Its recordings that are used: bw baseline wander, em electrode motion, ma muscle artefact."""
    noise_probability: float = 0.3
    """Chance of each of them that a view receives it."""
    snr_db: tuple[float, float] = (0.0, 24.0)
    """Range of the signal-to-noise ratio in dB, power over power, averaged over the leads."""

    def added_to(self, recipe: Recipe) -> Recipe:
        """Return the recipe with the noise before it, as if it had been recorded with the ECG.

        Raises:
            InputError: a value out of range, or files that are missing or damaged.
        """
        if self.nstdb is None:
            return recipe
        config = RecordedNoiseConfig(probability=self.noise_probability, snr_db=self.snr_db)
        files = [read_noise(self.nstdb, name, "training") for name in self.noises]
        noises = [RecordedNoise(config, file.signal_mv, file.sampling_rate_hz) for file in files]
        return Recipe((*noises, *recipe.augmentations), f"{recipe.name}-nstdb")
