"""Fine-tuning a small encoder at 10 % of the sample's labels: how long it takes, and what it reaches.

Ten-second records, folds 1-5, judged on fold 6. The encoder is pretrained first (its time is reported apart); then it
is fine-tuned once per label subset. No validation records are used: the last weights are judged, so nothing is chosen
on the records that judge.

    python benchmarks/finetune.py --data PTBXL
"""

from __future__ import annotations

import copy
import statistics
from functools import partial
from typing import Any

import numpy as np
from measure import SEED, Cost, Outcome, Sample, main, timed

from ssrl_ecg.augmentations.recipes import crop_timeout
from ssrl_ecg.data.splits import Split, nested_subsets, recipe_split
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.models import Classifier, ECGEncoder1DCNN, Encoder
from ssrl_ecg.models.cnn import CNNConfig
from ssrl_ecg.models.heads import LinearHead, LinearHeadConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.classify import ClassifyConfig, train_classifier
from ssrl_ecg.training.embed import predict_logits
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain
from ssrl_ecg.training.selection import validation_auroc

N_SUBSETS, FRACTION = 3, 0.1
ENCODER = CNNConfig(width=16)
PREPROCESSING = Preprocessing(window_s=10.0, highpass_hz=0.5, clip_mv=5.0)
METHOD = SimCLRConfig(temperature=0.1)
PRETRAIN = PretrainConfig(epochs=20, seed=SEED)
CLASSIFY = ClassifyConfig(steps=100, passes=0, learning_rate=5e-3, weight_decay=1e-2, seed=SEED)
BF16 = Compute(precision="bf16", accelerator="cpu")


def pretrained(sample: Sample, split: Split, preprocessing: Preprocessing, config: PretrainConfig) -> Encoder:
    """Pretrain the small encoder on the signals of the training folds."""
    return pretrain(
        lambda: SimCLR(ECGEncoder1DCNN(ENCODER), METHOD),
        sample.store,
        split.train,
        preprocessing=preprocessing,
        recipe=crop_timeout(),
        config=config,
        compute=BF16,
        progress=False,
    ).encoder


def finetuned(
    sample: Sample, rows: np.ndarray, encoder: Encoder, preprocessing: Preprocessing, config: ClassifyConfig
) -> Classifier:
    """Train encoder and a fresh linear head on the labels of these rows."""
    labels = sample.store.labels("super")

    def make_classifier() -> Classifier:
        head = LinearHead(LinearHeadConfig(), feature_dim=encoder.feature_dim, n_outputs=len(labels.classes))
        return Classifier(copy.deepcopy(encoder), head)

    return train_classifier(
        make_classifier,
        sample.store,
        rows,
        labels,
        preprocessing=preprocessing,
        recipe=crop_timeout(),
        config=config,
        compute=BF16,
        progress=False,
    ).classifier


def summary(costs: list[Cost]) -> dict[str, Any]:
    """Median, smallest and largest processor seconds, and the median elapsed seconds."""
    seconds = [cost.processor_s for cost in costs]
    return {
        "processor_s": statistics.median(seconds),
        "processor_s_range": [min(seconds), max(seconds)],
        "elapsed_s": statistics.median(cost.wall_s for cost in costs),
    }


def run(
    sample: Sample,
    *,
    pretrain_config: PretrainConfig = PRETRAIN,
    classify_config: ClassifyConfig = CLASSIFY,
    n_subsets: int = N_SUBSETS,
) -> Outcome:
    """Pretrain once, fine-tune on every subset, judge each on the fold that none of them saw."""
    store, labels = sample.store, sample.store.labels("super")
    split = recipe_split(store.records)
    held_out = split.validation[labels.known[split.validation]]
    preprocessing = sample.fitted(PREPROCESSING, split.train)
    encoder, pretraining = timed(lambda: pretrained(sample, split, preprocessing, pretrain_config))
    costs, aurocs, n_labelled = [], [], []
    for seed in range(SEED, SEED + n_subsets):
        patients = store.records["patient_id"].to_numpy()
        rows = nested_subsets(labels, patients, [FRACTION], seed, rows=split.train)[FRACTION]
        classifier, cost = timed(partial(finetuned, sample, rows, encoder, preprocessing, classify_config))
        costs.append(cost)
        n_labelled.append(len(rows))
        aurocs.append(validation_auroc(labels, held_out, predict_logits(classifier, preprocessing, store, held_out)))
    return {
        "config": {
            "encoder": ENCODER,
            "method": METHOD,
            "recipe": crop_timeout().to_dict(),
            "preprocessing": PREPROCESSING,
            "pretrain": pretrain_config,
            "classify": classify_config,
            "compute": BF16,
            "label_fraction": FRACTION,
            "training_folds": "1-5",
            "judged_on_fold": 6,
        },
        "measured": {
            "labelled_records": n_labelled,
            "pretraining": summary([pretraining]),
            "finetuning": summary(costs),
            "auroc": statistics.mean(aurocs),
            "auroc_of_subsets": aurocs,
        },
        "bars": [],
    }


if __name__ == "__main__":
    main("finetune", __doc__, run)
