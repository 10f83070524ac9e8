from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cells import Failure, read_cell, read_identities, write_failure
from ssrl_ecg.evaluation.plans import EncoderPlan
from ssrl_ecg.evaluation.runner import Execution, run_cells
from ssrl_ecg.evaluation.segmentation.arms import SimulatedMarks
from ssrl_ecg.evaluation.segmentation.delineators import FLOORS
from ssrl_ecg.evaluation.segmentation.jobs import make_jobs, read_scores, run_delineator
from ssrl_ecg.evaluation.segmentation.presets import scratch_arm
from ssrl_ecg.evaluation.segmentation.report import findings, make_tables, write_segmentation_report
from ssrl_ecg.evaluation.segmentation.scores import BOUNDARIES, SegmentationScores, f1_of_counts
from ssrl_ecg.evaluation.segmentation.tables import write_frame
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.models.unet import UNetConfig
from ssrl_ecg.training.segment import SegmentConfig

QUIET = Execution(progress=False)


@pytest.fixture(scope="module")
def arms():
    encoder = EncoderPlan(kind=ECGEncoder1DCNN, config=CNNConfig(width=2))
    training = SegmentConfig(steps=2, passes=0, batch_size=2)
    small = replace(scratch_arm(encoder, "all"), decoder=UNetConfig(width=4, lead_width=2), training=training,
                    fractions=(0.5, 1.0))  # fmt: skip
    start = SimulatedMarks(n_records=2, training=training)
    simulated = replace(small, name="simulated marks, fine-tuned", simulated=start, fractions=(0.0, 1.0))
    return [FLOORS["classical"], small, simulated]


@pytest.fixture(scope="module")
def folder(arms, task, tmp_path_factory):
    """A whole small run."""
    folder = tmp_path_factory.mktemp("run")
    write_frame(folder, arms, task)
    outcomes = run_cells(make_jobs(arms, task, folder), folder, QUIET)
    assert not outcomes.failures, outcomes.failures
    assert outcomes.n_computed == 1 + 4 + 1 + 4
    return folder


def test_finished_cells_are_never_computed_again(arms, task, folder):
    assert run_cells(make_jobs(arms, task, folder), folder, QUIET).n_computed == 0


def test_every_patient_is_tested_once_and_never_trained_on_in_the_same_fold(task):
    for fold in (1, 2):
        small, large = task.trained(fold, 0.5), task.trained(fold, 1.0)
        assert set(small) < set(large)
        assert not set(task.patients[large]) & set(task.patients[task.tested(fold)])
        assert (len(small), len(large)) == (2, 4)
    assert sorted([*task.tested(1), *task.tested(2)]) == list(range(8))


def test_a_lead_without_annotation_is_neither_trained_on_nor_scored(task, folder):
    assert (task.records_at(100.0).masks[0, 1] == 255).all()
    scores = read_scores(folder, "from scratch, all leads", ["100pct-fold1", "100pct-fold2"])
    assert scores.rows.tolist() == list(range(8))
    assert scores.confusion[0, 1].sum() == 0
    assert scores.detections[0, 1].sum() == 0
    assert scores.confusion[0, 0].sum() == 8 * 500  # its span


def test_the_delineator_finds_simulated_waves(task):
    scores = SegmentationScores.of(run_delineator(FLOORS["classical"], task, np.arange(4)))
    counts = scores.detections.sum(axis=(0, 1))
    wide = dict(zip(BOUNDARIES, f1_of_counts(counts[:, 1]), strict=True))
    assert wide["qrs_onset"] > 0.95


def test_tables_and_report_come_from_the_cells_alone(folder, tmp_path):
    tables = make_tables(folder, ["from scratch, all leads"], n_replicates=100)
    rows = tables.samples.set_index(["row", "label_fraction"])
    assert rows.loc[("from scratch, all leads", 0.5), "records"] == 2
    assert rows.loc[("simulated marks, fine-tuned", 0.0), "records"] == 0
    assert (tables.samples["macro_f1_low"] <= tables.samples["macro_f1"] + 1e-12).all()
    assert len(tables.boundaries) == 6 * len(tables.samples)
    assert tables.comparisons[["row", "label_fraction"]].to_numpy().tolist() == [["simulated marks, fine-tuned", 1.0]]
    assert len(tables.untouched) == len(tables.samples)
    assert not tables.untouched["macro_f1"].equals(tables.samples["macro_f1"])
    first = tables.samples.iloc[0]["cell"]
    assert read_cell(folder / first)[0].keys() == {"rows", "confusion", "detections", "error_sums"}
    page = write_segmentation_report(shutil.copytree(folder, tmp_path / "copy"), tables, {"command": ["x"]})
    assert "Onsets and offsets" in page.read_text(encoding="utf-8")
    assert "What failed" not in page.read_text(encoding="utf-8")
    assert len(findings(tables)) == len(tables.samples)


def test_the_report_names_what_failed(folder, tmp_path):
    copy, scratch = shutil.copytree(folder, tmp_path / "copy"), "from scratch, all leads"
    identities = read_identities(copy)
    write_failure(copy, Failure(scratch, "50pct-fold2", identities[scratch]["50pct-fold2"], "it broke"))
    tables = make_tables(copy, [scratch], n_replicates=100)
    page = write_segmentation_report(copy, tables, {"command": ["x"]})
    assert json.loads((copy / "results.json").read_text())["failed"] == [
        f"{scratch}: 1 failed and count in no row (50pct-fold2): it broke."
    ]
    assert "What failed" in page.read_text(encoding="utf-8")
    for group, names in identities.items():
        for name, identity in names.items():
            write_failure(copy, Failure(group, name, identity, "it broke"))
    with pytest.raises(InputError, match="no row has all its cells"):
        make_tables(copy, [scratch])
