from __future__ import annotations

from dataclasses import replace

import pytest

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.data.splits import rotation_splits
from ssrl_ecg.evaluation import forecast
from ssrl_ecg.evaluation.forecast import Forecast
from ssrl_ecg.evaluation.label_fractions import LabelFractions
from ssrl_ecg.evaluation.plans import EncoderPlan, Experiment, MethodPlan, TrainingPlan
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.classify import ClassifyConfig
from ssrl_ecg.training.pretrain import PretrainConfig

STEP_S, EPOCH_END_S = 0.5, 2.0


@pytest.fixture
def experiment():
    recipe = RECIPES["none"]()
    training = TrainingPlan(config=ClassifyConfig(steps=5, passes=0, evaluate_every=2, batch_size=16), recipe=recipe)
    method = MethodPlan(
        name="SimCLR", kind=SimCLR, config=SimCLRConfig(hidden_dim=8, projection_dim=4),
        pretrain=PretrainConfig(epochs=30, batch_size=32), recipe=recipe,
    )  # fmt: skip
    return Experiment(
        encoder=EncoderPlan(kind=ECGEncoder1DCNN, config=CNNConfig(width=2)),
        preprocessing=Preprocessing(window_s=2.5),
        methods=[method],
        supervised={"supervised": training},
        finetune=training,
        design=LabelFractions(fractions=(0.5, 1.0), n_repeats=(3, 2), counts=(0, 20), count_repeats=4),
        n_pretrainings=2,
    )


def test_a_comparison_costs_what_its_trainings_cost(synthetic_store, experiment, monkeypatch):
    """With every step at .5 s and every end of an epoch at 2 s the totals follow by hand."""
    measured = []

    def at_known_speed(estimate):
        measured.append(estimate)
        return replace(estimate, step_s=STEP_S, epoch_end_s=EPOCH_END_S)

    monkeypatch.setattr(forecast, "_made", at_known_speed)
    splits = rotation_splits(synthetic_store.records)
    shares = Forecast(experiment, synthetic_store, synthetic_store.labels("super"), splits).shares()
    assert [(share.name, share.n_trainings) for share in shares] == [
        ("SimCLR pretraining", 2),
        ("supervised", 3 + 2 + 4),
        ("SimCLR fine-tuned", 3 + 2 + 4),
    ]
    steps = len(splits[0].train) // 32 * 30
    assert shares[0].total_s == pytest.approx(2 * (steps * STEP_S + 30 * EPOCH_END_S))
    for share in shares[1:]:
        assert share.total_s == pytest.approx(9 * (5 * STEP_S + 3 * EPOCH_END_S))
    assert all(estimate.step_s > 0 and estimate.epoch_end_s > 0 for estimate in measured)
