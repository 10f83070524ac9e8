from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from ssrl_ecg.data.mitbih import AAMI_CLASSES, DS1, DS2
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cells import cell_path, write_cell, write_identities
from ssrl_ecg.evaluation.transfer.jobs import FLOOR
from ssrl_ecg.evaluation.transfer.tables import (
    APART,
    PUBLISHED,
    beat_table,
    carrier_table,
    comparison_table,
    counted,
    draw_records,
    inner_table,
    parts,
    read_entries,
    resampled,
    score_table,
    undefined_classes,
)

SHARES = (0.7, 0.12, 0.12, 0.06, 0.0)


def tables_of(rng, n_records, skill):
    """(record, class, called class) of a row that is right with a chance of ``skill``; Q does not occur."""
    classes = rng.choice(5, (n_records, 200), p=SHARES)
    called = np.where(rng.random(classes.shape) < skill, classes, rng.integers(0, 4, classes.shape))
    found = np.zeros((n_records, 5, 5), np.int32)
    for one, (truth, call) in enumerate(zip(classes, called, strict=True)):
        np.add.at(found[one], (truth, call), 1)
    return found


@pytest.fixture
def folder(tmp_path):
    identities = {}
    for row, skill, seeds in (("SimCLR, fine-tuned", 0.9, (1, 2)), (FLOOR, 0.6, (1,))):
        for track in ("beat", "rr"):
            for seed in seeds:
                rng, name = np.random.default_rng(0), f"{track}-{seed}"
                arrays = {
                    "test": tables_of(rng, len(DS2), skill), "inner": tables_of(rng, len(DS1), skill),
                    "test_records": np.array(DS2), "inner_records": np.array(DS1),
                    "setting": np.array("1"), "offsets": np.zeros(4),
                }  # fmt: skip
                write_cell(cell_path(tmp_path, row, name), arrays, "x")
                identities.setdefault(row, {})[name] = "x"
    write_identities(tmp_path, identities)
    return tmp_path


def test_rates_are_those_of_scikit_learn_on_the_beats_one_by_one():
    table = tables_of(np.random.default_rng(1), 3, 0.7).sum(axis=0)
    truth, called = np.repeat(np.indices((5, 5)).reshape(2, -1), table.reshape(-1), axis=1)
    ppv, sensitivity, f1, _ = precision_recall_fscore_support(truth, called, labels=range(4), zero_division=np.nan)
    counts = counted(table)
    np.testing.assert_allclose(counts.sensitivity[:4], sensitivity)
    np.testing.assert_allclose(counts.ppv[:4], ppv)
    np.testing.assert_allclose(counts.f1[:4], f1)
    assert counts.true_negatives[1] == ((truth != 1) & (called != 1)).sum()


def test_resampling_draws_whole_records_and_averages_over_seeds():
    confusions = np.stack([tables_of(np.random.default_rng(seed), 5, 0.8) for seed in (0, 1)])
    draws = draw_records(5, 4)
    assert (draws.sum(axis=1) == 5).all()
    for found, drawn in zip(resampled(confusions, draws, "f1"), draws, strict=True):
        repeated = [np.repeat(one, drawn, axis=0).sum(axis=0) for one in confusions]
        per_class = [[2 * t[k, k] / (t[k].sum() + t[:, k].sum()) for k in range(4)] for t in repeated]
        np.testing.assert_allclose(found[:4], np.mean(per_class, axis=0))
        assert np.isnan(found[4])
        np.testing.assert_allclose(found[5], np.mean(per_class))


def test_the_second_part_is_without_the_patient_of_both_sides(folder):
    entry = read_entries(folder)[0]
    chosen = parts(entry)
    assert chosen[PUBLISHED].all()
    assert [DS2[number] for number in np.flatnonzero(~chosen[APART])] == ["202"]
    scores = score_table([entry], 50).set_index("part")
    own = entry.test[:, chosen[APART]].sum(axis=1)
    expected = np.mean([one[1, 1] / one[1].sum() for one in own])
    assert scores.loc[APART, "S_sensitivity"] == pytest.approx(expected)


def test_scores_have_intervals_and_an_empty_class_has_none(folder):
    entries = read_entries(folder)
    assert [(entry.row, entry.track, len(entry.test)) for entry in entries] == [
        ("SimCLR, fine-tuned", "beat", 2), ("SimCLR, fine-tuned", "rr", 2), (FLOOR, "beat", 1), (FLOOR, "rr", 1)
    ]  # fmt: skip
    line = score_table(entries, 200).iloc[0]
    assert line["S_f1_low"] < line["S_f1"] < line["S_f1_high"]
    assert np.isnan(line["Q_f1"])
    assert line["macro_f1"] == pytest.approx(np.mean([line[f"{name}_f1"] for name in "NSVF"]))
    assert undefined_classes(entries) == {PUBLISHED: ("Q",), APART: ("Q",)}


def test_comparisons_are_paired_and_corrected_and_an_empty_class_is_undefined(folder):
    found = comparison_table(read_entries(folder), 400)
    assert len(found) == 2 * 2 * 2
    assert set(found["row"]) == {"SimCLR, fine-tuned"}
    assert (found["f1_difference_low"] > 0).all()
    assert (found["verdict"] == "better").all()
    assert (found["p_holm"] >= found["p"]).all()
    entries = read_entries(folder)
    for entry in entries:
        entry.test[:, :, 1] = 0
    lost = comparison_table(entries, 400)
    assert (lost.loc[lost["class"] == "S", "verdict"] == "undefined").all()


def test_too_few_replicates_for_the_comparisons_are_refused(folder):
    with pytest.raises(InputError, match="replicates"):
        comparison_table(read_entries(folder), 50)


def test_carriers_say_what_a_score_is_without_them(folder):
    entry = read_entries(folder)[0]
    found = carrier_table([entry])
    line = found[(found["class"] == "V")].iloc[0]
    number = DS2.index(line["record"])
    others = np.delete(entry.test, number, axis=1).sum(axis=1)
    assert line["beats"] == entry.test[0, :, 2].sum(axis=-1).max()
    assert line["f1_without_it"] == pytest.approx(np.mean([2 * t[2, 2] / (t[2].sum() + t[:, 2].sum()) for t in others]))
    beats = beat_table([entry]).set_index("record")
    assert beats.loc[line["record"], "V"] == line["beats"]
    assert beats["part"].value_counts().to_dict() == {"DS1": 22, "DS2": 22}
    assert list(inner_table([entry])["chosen"]) == ["1"]
    assert set(AAMI_CLASSES) <= set(beats.columns)


def test_a_folder_of_failures_alone_is_refused(tmp_path):
    write_identities(tmp_path, {FLOOR: {"beat-1": "x"}})
    with pytest.raises(InputError, match="no cell could be computed"):
        read_entries(tmp_path)
