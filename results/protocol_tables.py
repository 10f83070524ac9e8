"""Tables of the protocols beyond the main job: robustness, segmentation, beats of MIT-BIH, label scarcity."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from table_words import made_by, number, signed, table

RESULTS = Path(__file__).parent
_NOISES = {"nstdb-bw": "baseline wander", "nstdb-em": "electrode motion", "nstdb-ma": "muscle artefact"}


def _load(folder: str) -> Any:
    return json.loads((RESULTS / folder / "results.json").read_text(encoding="utf-8"))


def _with_interval(row: Mapping[str, Any], name: str) -> str:
    return f"{number(row[name])} [{number(row[f'{name}_low'])}, {number(row[f'{name}_high'])}]"


def _difference(row: Mapping[str, Any], name: str) -> str:
    return f"{signed(row[name])} [{signed(row[f'{name}_low'])}, {signed(row[f'{name}_high'])}]"


def recorded_noise(kind: str) -> str:
    """Macro AUROC of every model under one recorded noise, a column per signal-to-noise ratio."""
    data = _load("robustness")
    rows = [row for row in data["scores"] if row["corruption"] in ("clean", kind)]
    severities = list(dict.fromkeys(row["severity"] for row in rows))
    cells = {(row["model"], row["severity"]): number(row["auroc"]) for row in rows}
    models = dict.fromkeys(row["model"] for row in rows)
    head = ["clean" if one in ("", None) else f"{one:g} dB".replace("-", "−") for one in severities]
    lines = [[model, *(cells[model, one] for one in severities)] for model in models]
    return table([f"Macro AUROC under {_NOISES[kind]}", *head], lines) + made_by(data["run"], "robustness")


def losses() -> str:
    """Relative drop of every model, averaged over the severities of each corruption."""
    rows = _load("robustness")["families"]
    families = list(dict.fromkeys(row["corruption"] for row in rows))
    cells = {(row["model"], row["corruption"]): f"{100 * row['relative_drop']:.0f}" for row in rows}
    models = list(dict.fromkeys(row["model"] for row in rows))
    lines = [[family, *(cells[model, family].replace("-", "−") for model in models)] for family in families]
    return table(["Relative drop in %", *models], lines)


def noise_transforms() -> str:
    """Differences of relative drops, with noise minus without, that survive the correction; how many do not."""
    rows = _load("robustness")["noise_transforms"]
    told = [row for row in rows if row["verdict"] != "no difference"]
    lines = [
        [row["model"], row["compared_with"], row["corruption"], _difference(row, "relative_drop_difference"),
         number(row["p_holm"]), row["verdict"]]
        for row in told
    ]  # fmt: skip
    head = ["Row", "against", "Corruption", "Difference of relative drops [95 %]", "p (Holm)", "Verdict"]
    return table(head, lines) + f"\n{len(rows) - len(told)} of {len(rows)} comparisons: no difference.\n"


def segmented_samples(part: str) -> str:
    """Sample-wise F1 and Dice on LUDB."""
    data = _load("segmentation")
    lines = [
        [
            row["row"], f"{100 * row['label_fraction']:g} %" if row["label_fraction"] else "–",
            f"{row['rate_hz']:g}", *(_with_interval(row, name) for name in ("macro_f1", "macro_dice")),
            *(number(row[f"{wave}_f1"]) for wave in ("p", "qrs", "t")),
        ]
        for row in data[part]
    ]  # fmt: skip
    head = ["Row", "Patients marked", "Hz", "Macro F1 [95 %]", "Macro Dice [95 %]", "F1 P", "F1 QRS", "F1 T"]
    return table(head, lines) + made_by(data["run"], "segmentation")


def segmented_comparisons() -> str:
    """Paired differences from the same network from scratch."""
    lines = [
        [row["row"], f"{100 * row['label_fraction']:g} %", row["compared_with"], _difference(row, "difference"),
         number(row["p_holm"]), row["verdict"]]
        for row in _load("segmentation")["comparisons"]
    ]  # fmt: skip
    return table(["Row", "Patients marked", "against", "Difference in macro F1 [95 %]", "p (Holm)", "Verdict"], lines)


def boundaries() -> str:
    """Onsets and offsets at each row's largest label fraction."""
    rows = _load("segmentation")["boundaries"]
    largest = {row["row"]: max(one["label_fraction"] for one in rows if one["row"] == row["row"]) for row in rows}
    lines = [
        [
            row["row"], row["boundary"].replace("_", " "), _with_interval(row, "f1"), number(row["f1_150ms"]),
            f"{row['mean_ms']:+.1f} ± {row['sd_ms']:.1f}".replace("-", "−"), f"{row['sd_within_leads_ms']:.1f}",
            f"{row['cse_sd_limit_ms']:g}" if row["cse_sd_limit_ms"] else "–",
        ]
        for row in rows
        if row["label_fraction"] == largest[row["row"]]
    ]  # fmt: skip
    head = ["Row", "Boundary", "F1 [95 %]", "F1 within 150 ms", "Error in ms", "SD within leads", "CSE limit of SD"]
    return table(head, lines)


def beats(part: str) -> str:
    """Sensitivity, PPV and F1 of S and V beats, and macro F1, on DS2 or a part of it."""
    data = _load("mitbih")
    lines = [
        [
            row["row"], row["input"],
            *(text for name in ("S", "V") for text in
              (number(row[f"{name}_sensitivity"]), number(row[f"{name}_ppv"]), _with_interval(row, f"{name}_f1"))),
            number(row["F_f1"]), _with_interval(row, "macro_f1"),
        ]
        for row in data["scores"]
        if row["part"] == part
    ]  # fmt: skip
    head = ["Row", "Input", "S sens.", "S PPV", "S F1 [95 %]", "V sens.", "V PPV", "V F1 [95 %]", "F F1", "Macro F1"]
    return table(head, lines) + made_by(data["run"], "mitbih")


def beat_comparisons() -> str:
    """Paired differences in F1 of S and V from the random forest, by records."""
    lines = [
        [row["row"], row["input"], row["part"], row["class"], _difference(row, "f1_difference"),
         number(row["p_holm"]), row["verdict"]]
        for row in _load("mitbih")["comparisons"]
    ]  # fmt: skip
    return table(["Row", "Input", "Beats of", "Class", "Difference in F1 [95 %]", "p (Holm)", "Verdict"], lines)


TABLES: dict[str, Callable[[], str]] = {
    "beats": partial(beats, "DS2"),
    "beats-apart": partial(beats, "DS2, no patient of DS1"),
    "beat-comparisons": beat_comparisons,
    "boundaries": boundaries,
    "losses": losses,
    "losses-noise-transforms": noise_transforms,
    "nstdb-bw": partial(recorded_noise, "nstdb-bw"),
    "nstdb-em": partial(recorded_noise, "nstdb-em"),
    "nstdb-ma": partial(recorded_noise, "nstdb-ma"),
    "segmentation": partial(segmented_samples, "samples"),
    "segmentation-comparisons": segmented_comparisons,
    "segmentation-untouched": partial(segmented_samples, "untouched"),
}
