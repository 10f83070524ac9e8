from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from ssrl_ecg.data.splits import rotation_splits
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.arms import Arm, Scores
from ssrl_ecg.evaluation.label_fractions import ArmPlan, LabelFractions, prepare_design
from ssrl_ecg.evaluation.leaderboard import make_leaderboard, write_leaderboard
from ssrl_ecg.evaluation.runner import Execution
from ssrl_ecg.evaluation.summary import ResultsFolder, make_comparisons
from ssrl_ecg.files import write_json

ARMS = {
    "A frozen probe": ("method", False, 2.0),
    "K fine-tuned": ("method", True, 1.5),
    "supervised": ("supervised", False, 0.5),
    "rocket": ("floor", False, 1.0),
    "forest": ("floor", True, 4.0),
}
"""Name -> family, knowledge, signal-to-noise of its scores."""


@dataclass
class NoisyTruth(Arm):
    """Says the labels, with noise of its own."""

    name: str
    family: str
    strength: float

    def run(self, task):
        random = np.random.default_rng([task.seed, len(self.name)])

        def score(rows):
            truth = task.labels.values[rows]
            return (self.strength * truth + random.standard_normal(truth.shape)).astype(np.float32)

        return [Scores(score(split.validation), score(split.test)) for split in task.splits]


def finished(folder, store, arms):
    plans = [
        ArmPlan(name, family, {}, partial(NoisyTruth, name, family, strength), knowledge=knows)
        for name, (family, knows, strength) in arms.items()
    ]
    design = LabelFractions(fractions=(0.5, 1.0), n_repeats=(2, 1))
    splits = rotation_splits(store.records)
    prepare_design(folder, plans, store, store.labels("super"), splits, design, Execution(progress=False)).run()
    write_json(folder / "pretraining" / "a-42.json", {"settings": {}, "history": [], "processor_s": 12.5})
    write_json(folder / "pretraining" / "old-42.json", {"settings": {}, "history": []})
    return folder


@pytest.fixture(scope="module")
def leaderboard(synthetic_store, tmp_path_factory):
    folder = finished(tmp_path_factory.mktemp("leaderboard"), synthetic_store, ARMS)
    return make_leaderboard(folder, n_replicates=400), folder


def test_each_question_has_its_own_rival_and_its_own_rows(leaderboard):
    found, _ = leaderboard
    assert found.references == {
        "signals alone": {"0.5": "rocket", "1": "rocket"},
        "with knowledge": {"0.5": "forest", "1": "forest"},
    }
    asked = {question: {(one.a, one.b) for one in ones} for question, ones in found.comparisons.items()}
    assert asked == {
        "signals alone": {("A frozen probe", "rocket")},
        "with knowledge": {("K fine-tuned", "forest")},
    }
    verdicts = {one.verdict for one in found.comparisons["with knowledge"]}
    assert verdicts == {"worse"}
    assert all(one.difference > 0 for one in found.comparisons["signals alone"])


def test_differences_are_those_of_the_rows_and_of_the_report(leaderboard):
    found, folder = leaderboard
    scores = {(row.name, row.label_fraction): row.macro_auroc for row in found.rows}
    for ones in found.comparisons.values():
        for one in ones:
            first, second = scores[one.a, one.label_fraction], scores[one.b, one.label_fraction]
            assert one.difference == pytest.approx(first - second, abs=1e-9)
    (elsewhere, _) = make_comparisons(ResultsFolder(folder), [("A frozen probe", "rocket")], n_replicates=400)
    here = next(one for one in found.comparisons["signals alone"] if one.label_fraction == 0.5)
    assert (here.lo, here.hi, here.p) == (elsewhere.lo, elsewhere.hi, elsewhere.p)


def test_curves_are_those_of_the_best_row_of_each_family(leaderboard):
    found, _ = leaderboard
    assert [curves.label_fraction for curves in found.curves] == [0.5, 1.0]
    for curves in found.curves:
        assert set(curves.reliability) == {"A frozen probe", "supervised", "forest"}
        assert curves.risk_area.keys() == curves.reliability.keys()
        assert not curves.roc


def test_it_is_written_with_its_run_and_what_pretraining_cost(leaderboard, tmp_path):
    found, _ = leaderboard
    write_leaderboard(found, {"seed": 42}, tmp_path / "leaderboard.json")
    read = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))
    assert read["run"] == {"seed": 42}
    assert read["processor_s"] == {"a-42": 12.5}
    assert {row["name"] for row in read["rows"]} == set(ARMS)
    assert read["knowledge"]["forest"] is True


def test_without_a_rival_there_is_no_leaderboard(synthetic_store, tmp_path):
    arms = {name: arm for name, arm in ARMS.items() if arm[0] == "method"}
    with pytest.raises(InputError, match="not pretrained"):
        make_leaderboard(finished(tmp_path, synthetic_store, arms), n_replicates=100)
