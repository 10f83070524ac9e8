"""Write docs/augmentations.md: every augmentation with a picture before and after, and every recipe, from the code.

Run ``python docs/make_augmentations.py`` after changing one; ``--check`` only says whether the page is current (the
pictures, in docs/augmentations, are not compared: their bytes depend on the version of matplotlib).
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from generated import table, write_or_check
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from ssrl_ecg.augmentations import AUGMENTATIONS, Augmentation
from ssrl_ecg.augmentations.physiological_noise import LEVELS, PhysiologicalNoiseConfig
from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.evaluation.ecg_paper import plot_ecg

TARGET = Path(__file__).with_name("augmentations.md")
PICTURES = TARGET.with_suffix("")
RATE_HZ, SEED, DPI, N_COLOURS = 250.0, 7, 80, 16


def augmentations() -> dict[str, Augmentation]:
    """Build each for every record, at default strength; recorded noise from a made-up recording."""
    steps_mv = np.random.default_rng(SEED).normal(size=(2, 60 * 360))
    drifting_mv = np.cumsum(steps_mv, axis=1) / 60 + steps_mv / 10  # electrode motion is about 1/f^2, on a floor
    needs = {"recorded-noise": {"noise_mv": drifting_mv, "noise_hz": 360.0}}
    return {
        name: kind(shown(kind.config_type(probability=1.0)), **needs.get(name, {}))
        for name, kind in AUGMENTATIONS.items()
    }


def shown(config: Any) -> Any:
    """Fix what the pictures show: noises at the largest amplitude of their range, recorded noise at 6 dB."""
    if isinstance(config, PhysiologicalNoiseConfig):
        return replace(config, amplitude_mv=(config.amplitude_mv[1],) * 2)
    return replace(config, snr_db=(6.0, 6.0)) if hasattr(config, "snr_db") else config


def records() -> torch.Tensor:
    """Return (2, 12, time): a simulated record, and one of somebody else to mix with."""
    labels = np.array([[1, 0, 0, 0, 0], [0, 0, 0, 1, 0]], dtype=np.uint8)
    simulated = simulate(2, generator=np.random.default_rng(SEED), sampling_rate_hz=RATE_HZ, labels=labels, noise=0.5)
    return torch.from_numpy(simulated.signal_mv)


def sheet(signal_mv: torch.Tensor, title: str) -> np.ndarray:
    """Return (height, width, 3): a record on ECG paper as pixels."""
    figure = plot_ecg(signal_mv.numpy(), RATE_HZ, title=title)
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def write_pictures() -> None:
    """Write NAME.png for every augmentation: the record before it, and after it."""
    PICTURES.mkdir(exist_ok=True)
    batch = records()
    before = sheet(batch[0], "before")
    for name, augmentation in augmentations().items():
        view = augmentation(batch, RATE_HZ, torch.Generator().manual_seed(SEED))
        pixels = Image.fromarray(np.concatenate([before, sheet(view[0], f"after {name}")]))
        pixels.quantize(N_COLOURS, Image.Quantize.MAXCOVERAGE).save(PICTURES / f"{name}.png", optimize=True)


def prose(kind: type) -> str:
    """Return a class's docstring as Markdown, up to its first section."""
    text = inspect.getdoc(kind) or ""
    return text.split("\n\nArgs:")[0].replace("``", "`")


def facts(augmentation: type[Augmentation]) -> str:
    """Return defaults and promises in one line."""
    defaults = ", ".join(f"{name} {value}" for name, value in asdict(augmentation.config_type()).items())
    promises = {
        "leads keep Einthoven's law": augmentation.keeps_einthoven,
        "samples keep their moment": augmentation.keeps_time,
        "other records enter": augmentation.mixes_records,
    }
    return f"Defaults: {defaults}. By design: {'; '.join(what for what, is_so in promises.items() if is_so) or 'none'}."


def step(augmentation: Augmentation) -> str:
    """Return an augmentation's name, and its settings where they are not the defaults."""
    defaults = asdict(augmentation.config_type())
    own = [f"{name} {value}" for name, value in asdict(augmentation.config).items() if value != defaults[name]]
    return f"{augmentation.name} ({', '.join(own)})" if own else augmentation.name


def levels() -> list[str]:
    """Return the table of the six levels."""
    kinds = [kind for kind in AUGMENTATIONS.values() if issubclass(kind.config_type, PhysiologicalNoiseConfig)]
    rows = [(f"`{kind.name}`", *(f"{mv:g}" for mv in kind.config_type.levels_mv)) for kind in kinds]
    return table(("largest amplitude in mV at level", *map(str, LEVELS)), rows)


def document() -> str:
    """Return the whole page."""
    lines = [
        "# Augmentations",
        "",
        "Written by `python docs/make_augmentations.py` from the code; do not edit by hand.",
        "",
        "Every augmentation transforms a whole batch in millivolt, on its device, with parameters of each record's own",
        "from an explicit generator, in seconds and hertz. Pictures show one simulated record on ECG paper (25 mm/s,",
        "10 mm/mV), above before and below after, each augmentation at its default strength; noises at the largest",
        "amplitude of level 2, `recorded-noise` at 6 dB with a made-up recording in place of a real one.",
        "",
        "## Recipes",
        "",
        *table(
            ("recipe", "augmentations, in order, with settings that are not their defaults"),
            ((f"`{name}`", ", ".join(map(step, recipe().augmentations)) or "-") for name, recipe in RECIPES.items()),
        ),
        "",
        "## Levels of physiological noise",
        "",
        "Of Mehari & Strodthoff (2022), selected by `CONFIG.at_level(1)` to `CONFIG.at_level(6)`; a record's amplitude",
        "is uniform between 0 and the level's. The paper pretrains at level 2, the default.",
        "",
        *levels(),
        "",
        "In a recipe they are `-physio`; `physiological_noises(level)` in `augmentations/recipes.py` is any level.",
        "",
        "## Real noise",
        "",
        "Noise of the MIT-BIH Noise Stress Test Database (PhysioNet, `nstdb`) is added to views by",
        "",
        "_Not run by the tests: needs recorded noise._",
        "",
        "```bash",
        "ssrl-ecg pretrain simclr --data PTBXL --out E.safetensors --nstdb NSTDB --snr-db 0 24",
        "```",
        "",
        "`recorded-noise` below says how two channels become twelve leads, and which powers the ratio is of.",
        "",
        "## What an augmentation is worth",
        "",
        "A recipe, and the recipe with each of its augmentations left out, are pretrained and compared by",
        "",
        "_Not run by the tests: takes hours._",
        "",
        "```bash",
        "ssrl-ecg benchmark ablation --data PTBXL --method simclr --recipe full",
        "```",
        "",
        "which gives a table of frozen probes with paired differences, intervals and corrected p values.",
        "",
    ]
    for name, kind in AUGMENTATIONS.items():
        lines += [f"## {name}", "", prose(kind), "", prose(kind.config_type), "", facts(kind), ""]
        lines += [f"![A record before and after {name}](augmentations/{name}.png)", ""]
    return "\n".join(lines)


def main(words: list[str]) -> int:
    """Write page and pictures, or with --check compare the page."""
    if words != ["--check"]:
        write_pictures()
    return write_or_check(words, TARGET, document)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
