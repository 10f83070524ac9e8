"""The published encoder pretrained as SSRL-ECG's script does it, against the same encoder pretrained by this package.

The script's way, rebuilt from its description: a dataset whose items read one WFDB record with ``wfdb.rdrecord`` and
augment it alone into two views, a plain loop, Adam at 1e-3, NT-Xent, batches of 256, fp32. The augmentations are the
per-record NumPy chain of ``augmentation_chain.py`` (the cheaper of its two band-passes); as in the script a record is
alone when it is augmented, so mixup and CutMix pay their price and mix nothing. Encoder, projector and loss are the
same objects on both sides, and so is the tuned allocator, which belongs to the process: the script would run without.

    python benchmarks/reference_script.py --data PTBXL [--auroc]

``--auroc`` adds what the time buys: the script's twenty published epochs on folds 1-5, then runs of growing length by
this package until the frozen linear probe at 10 % of the labels is as good on fold 6.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import wfdb
from augmentation_chain import bandpass_spectrum, per_record_view
from measure import (
    SEED,
    Cost,
    Outcome,
    Sample,
    Side,
    arguments,
    at_least,
    in_turn,
    median_us,
    prepare,
    publish,
    ratio,
    timed,
)
from torch.utils.data import DataLoader, Dataset

from ssrl_ecg.augmentations.recipes import Recipe, crop_timeout_leads, full
from ssrl_ecg.data.splits import Split, nested_subsets, recipe_split
from ssrl_ecg.methods.method import ViewBatch
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.models import ECGEncoder1DCNN, Encoder
from ssrl_ecg.models.cnn import CNNConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.embed import embed
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain
from ssrl_ecg.training.probe import fit_probe
from ssrl_ecg.training.selection import validation_auroc

BATCH_SIZE, REPEATS = 256, 3
REFERENCE_EPOCHS, LEARNING_RATE = 20, 1e-3
BUDGETS_EPOCHS = (2, 5, 10, 20, 40, 60)
N_SUBSETS, INVERSE_PENALTY = 5, 1e-2
BF16 = Compute(precision="bf16", accelerator="cpu")
WHOLE_RECORD = Preprocessing(window_s=10.0)
CROPS = Preprocessing(window_s=2.5, highpass_hz=0.5, clip_mv=5.0)
SCRIPT_METHOD, CROPS_METHOD = SimCLRConfig(temperature=0.07), SimCLRConfig(temperature=0.1)


class ScriptDataset(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Two views of one record per item, read and augmented anew each time."""

    def __init__(self, paths: Sequence[Path], preprocessing: Preprocessing) -> None:
        self._paths, self._preprocessing = paths, preprocessing
        self._rng = np.random.default_rng(SEED)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        signal_mv = wfdb.rdrecord(str(self._paths[item])).p_signal.T.astype(np.float32)
        alone = np.stack([signal_mv, signal_mv])
        return self._view(alone), self._view(alone)

    def _view(self, alone: np.ndarray) -> torch.Tensor:
        rate_hz = self._preprocessing.sampling_rate_hz
        view_mv = per_record_view(alone, 0, rate_hz, self._rng, bandpass_spectrum)
        return self._preprocessing.normalise(torch.from_numpy(view_mv)[None])[0]


def published_simclr(config: SimCLRConfig) -> SimCLR:
    """Build SimCLR around the published encoder, from the same initial weights on every side."""
    torch.manual_seed(SEED)
    return SimCLR(ECGEncoder1DCNN(CNNConfig()), config)


def script_steps(dataset: ScriptDataset, method: SimCLR, batch_size: int, epochs: int) -> Iterator[None]:
    """Train as the script's loop does; one step lies between two yields."""
    optimiser = torch.optim.Adam(method.parameters(), LEARNING_RATE)
    shuffled, drawn = torch.Generator().manual_seed(SEED), torch.Generator().manual_seed(SEED)
    loader = DataLoader(dataset, batch_size=batch_size, shuffle=True, generator=shuffled)
    for _ in range(epochs):
        for view_a, view_b in loader:
            loss = method.loss(
                ViewBatch(views=(view_a, view_b), rows=torch.arange(len(view_a)), sampling_rate_hz=100.0), drawn
            ).value
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            yield


def script_dataset(sample: Sample, rows: np.ndarray) -> ScriptDataset:
    paths = [sample.data / path for path in sample.store.records["path"].iloc[rows]]
    return ScriptDataset(paths, sample.fitted(WHOLE_RECORD, rows))


def ours(
    sample: Sample,
    rows: np.ndarray,
    preprocessing: Preprocessing,
    recipe: Recipe,
    method: SimCLRConfig,
    config: PretrainConfig,
) -> Encoder:
    """Pretrain the published encoder with this package in bf16."""
    return pretrain(
        lambda: published_simclr(method),
        sample.store,
        rows,
        preprocessing=preprocessing,
        recipe=recipe,
        config=config,
        compute=BF16,
        progress=False,
    ).encoder


def throughput(sample: Sample, rows: np.ndarray, batch_size: int, repeats: int) -> dict[str, Any]:
    """Time one step of the script and a whole epoch of this package in turn: ten seconds, seven augmentations."""
    whole_batches = rows[: len(rows) // batch_size * batch_size]
    dataset = script_dataset(sample, whole_batches)
    steps = script_steps(dataset, published_simclr(SCRIPT_METHOD), batch_size, epochs=1_000_000)
    preprocessing = sample.fitted(WHOLE_RECORD, rows)
    config = PretrainConfig(epochs=1, batch_size=batch_size, seed=SEED)
    costs = in_turn(
        {
            "script": Side(lambda: next(steps), batch_size),
            "ours": Side(lambda: ours(sample, rows, preprocessing, full(), SCRIPT_METHOD, config), len(whole_batches)),
        },
        repeats,
    )
    us = {name: median_us(side) for name, side in costs.items()}
    return {
        "us_per_record": us,
        "records_per_s": {name: 1e6 / values["processor"] for name, values in us.items()},
        "script_over_ours": ratio(costs, "script", "ours"),
    }


def probe_aurocs(sample: Sample, split: Split, encoder: Encoder, preprocessing: Preprocessing) -> list[float]:
    """Judge a frozen encoder on the validation fold: one probe per subset of 10 % of the training labels.

    The probe's penalty is fixed in advance, so nothing is chosen on the records that judge.
    """
    store, labels = sample.store, sample.store.labels("super")
    features = embed(encoder, preprocessing, store, np.arange(len(store)))
    aurocs = []
    for seed in range(SEED, SEED + N_SUBSETS):
        patients = store.records["patient_id"].to_numpy()
        chosen = nested_subsets(labels, patients, [0.1], seed, rows=split.train)[0.1]
        probe = fit_probe(features[chosen], labels.values[chosen], INVERSE_PENALTY)
        held_out = split.validation[labels.known[split.validation]]
        aurocs.append(validation_auroc(labels, held_out, probe.logits(features[held_out])))
    return aurocs


def judged(cost: Cost, aurocs: list[float], epochs: int) -> dict[str, Any]:
    return {"epochs": epochs, "processor_s": cost.processor_s, "elapsed_s": cost.wall_s} | {
        "auroc": statistics.mean(aurocs),
        "auroc_of_subsets": aurocs,
    }


def time_to_equal(sample: Sample, batch_size: int, script_epochs: int, budgets_epochs: Sequence[int]) -> dict[str, Any]:
    """Train as the script does, then by this package for longer and longer until the frozen probe is as good.

    Each budget is a whole run with a schedule of its own, so the time is that of one run, start to end.
    """
    split = recipe_split(sample.store.records)
    dataset, method = script_dataset(sample, split.train), published_simclr(SCRIPT_METHOD)
    _, cost = timed(lambda: list(script_steps(dataset, method, batch_size, script_epochs)))
    whole_record = sample.fitted(WHOLE_RECORD, split.train)
    script = judged(cost, probe_aurocs(sample, split, method.encoder.eval(), whole_record), script_epochs)
    crops, runs = sample.fitted(CROPS, split.train), []
    for epochs in budgets_epochs:
        config = PretrainConfig(epochs=epochs, batch_size=min(128, batch_size), seed=SEED)
        encoder, cost = timed(partial(ours, sample, split.train, crops, crop_timeout_leads(), CROPS_METHOD, config))
        runs.append(judged(cost, probe_aurocs(sample, split, encoder, crops), epochs))
        if runs[-1]["auroc"] >= script["auroc"]:
            break
    equal = runs[-1] if runs[-1]["auroc"] >= script["auroc"] else None
    return {
        "script": script,
        "ours": runs,
        "seconds_to_equal": equal and equal["processor_s"],
        "script_seconds_over_ours": equal and script["processor_s"] / equal["processor_s"],
    }


def run(
    sample: Sample,
    *,
    auroc: bool = False,
    batch_size: int = BATCH_SIZE,
    repeats: int = REPEATS,
    script_epochs: int = REFERENCE_EPOCHS,
    budgets_epochs: Sequence[int] = BUDGETS_EPOCHS,
) -> Outcome:
    """Compare records per second and, if asked for, the time to the script's AUROC."""
    rows = recipe_split(sample.store.records).train
    measured = throughput(sample, rows, batch_size, repeats)
    if auroc:
        measured["auroc"] = time_to_equal(sample, batch_size, script_epochs, budgets_epochs)
    return {
        "config": {
            "encoder": CNNConfig(),
            "script": {
                "batch_size": batch_size,
                "precision": "32",
                "learning_rate": LEARNING_RATE,
                "method": SCRIPT_METHOD,
                "augmentation": "per record in NumPy: full",
                "preprocessing": WHOLE_RECORD,
                "epochs": script_epochs,
            },
            "ours": {"batch_size": batch_size, "precision": "bf16", "recipe": "full", "preprocessing": WHOLE_RECORD},
            "ours_to_equal": {
                "batch_size": min(128, batch_size),
                "precision": "bf16",
                "recipe": crop_timeout_leads().to_dict(),
                "method": CROPS_METHOD,
                "preprocessing": CROPS,
            },
            "probe": {"label_fraction": 0.1, "subsets": N_SUBSETS, "inverse_penalty": INVERSE_PENALTY},
        },
        "measured": measured,
        "bars": [at_least("times the script's records per second", measured["script_over_ours"]["median"], 2)],
    }


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--auroc", action="store_true", help="also the time to the script's AUROC (minutes)")
    chosen = parser.parse_args()
    publish(
        chosen.results,
        "reference_script",
        prepare(chosen.data, chosen.store),
        lambda sample: run(sample, auroc=chosen.auroc),
    )
