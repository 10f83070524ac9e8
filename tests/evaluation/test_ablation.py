from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.data.splits import rotation_splits
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.ablation import ablation_table, leave_one_out, make_ablation, write_ablation
from ssrl_ecg.evaluation.arms import Arm, Scores
from ssrl_ecg.evaluation.label_fractions import ArmPlan, LabelFractions, prepare_design
from ssrl_ecg.evaluation.plans import MethodPlan
from ssrl_ecg.evaluation.report_tables import difference_text
from ssrl_ecg.evaluation.runner import Execution
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.training.pretrain import PretrainConfig

STRENGTHS = {"": 4.0, " without random-resized-crop": 0.5, " without time-out": 4.0}
"""What is left out -> signal-to-noise of the scores."""


class NoisyTruth(Arm):
    def __init__(self, name, strength):
        self.name, self.family, self.strength = name, "method", strength

    def run(self, task):
        random = np.random.default_rng(task.seed)

        def score(rows):
            truth = task.labels.values[rows]
            return (self.strength * truth + random.standard_normal(truth.shape)).astype(np.float32)

        return [Scores(score(split.validation), score(split.test)) for split in task.splits]


@pytest.fixture(scope="module")
def methods():
    return leave_one_out(
        MethodPlan(
            name="SimCLR",
            kind=SimCLR,
            config=SimCLRConfig(),
            pretrain=PretrainConfig(),
            recipe=RECIPES["crop-timeout"](),
        )
    )


@pytest.fixture(scope="module")
def ablation(synthetic_store, tmp_path_factory, methods):
    folder = tmp_path_factory.mktemp("ablation")
    names = [f"{method.name} frozen probe" for method in methods]
    plans = [
        ArmPlan(name, "method", {}, partial(NoisyTruth, name, strength))
        for name, strength in zip(names, STRENGTHS.values(), strict=True)
    ]
    design = LabelFractions(fractions=(0.5, 1.0), n_repeats=(2, 1))
    prepare_design(
        folder,
        plans,
        synthetic_store,
        synthetic_store.labels("super"),
        rotation_splits(synthetic_store.records),
        design,
        Execution(progress=False),
    ).run()
    return make_ablation(folder, methods, n_replicates=400)


def test_every_augmentation_is_left_out_once(methods):
    assert [method.name for method in methods] == [f"SimCLR crop-timeout{left_out}" for left_out in STRENGTHS]
    kept = [[step.name for step in method.recipe.augmentations] for method in methods]
    assert kept == [["random-resized-crop", "time-out"], ["time-out"], ["random-resized-crop"]]
    assert len({json.dumps(method.settings()) for method in methods}) == 3


def test_a_recipe_of_one_has_nothing_to_leave_out(methods):
    with pytest.raises(InputError, match="two augmentations or more, found 1"):
        leave_one_out(methods[1])


def test_differences_are_paired_and_tell_which_augmentation_helps(ablation):
    scores = {(row.name, row.label_fraction): row.macro_auroc for row in ablation.rows}
    assert len(scores) == 6
    for one in ablation.differences:
        assert one.difference == pytest.approx(scores[one.a, one.label_fraction] - scores[one.b, one.label_fraction])
        assert one.b == "SimCLR crop-timeout frozen probe"
        if "time-out" in one.a.split(" without ")[1]:
            assert one.lo == one.difference == one.hi == 0  # the same scores, pair by pair
        else:
            assert one.hi < 0


def test_table_and_file_say_the_same(ablation, tmp_path):
    lines = ablation_table(ablation)
    assert len(lines) == 2 + 6
    worst = next(one for one in ablation.differences if "random-resized-crop" in one.a and one.label_fraction == 1)
    (line,) = (line for line in lines if difference_text(worst) in line)
    assert "without random-resized-crop" in line
    write_ablation(ablation, {"seed": 1}, tmp_path / "ablation.json")
    read = json.loads((tmp_path / "ablation.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in read["rows"]] == [row.name for row in ablation.rows]
    assert read["run"] == {"seed": 1}
