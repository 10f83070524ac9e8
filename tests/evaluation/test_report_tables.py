from __future__ import annotations

import dataclasses
import math

from ssrl_ecg.evaluation import report_tables as tables


def cells_of(table, header, group=None):
    for one in table.groups:
        for name, cells in one.rows:
            if name == header and (group is None or one.heading.startswith(group)):
                return cells
    raise AssertionError(f"no row {header}")


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_main_table_shows_interval_repeats_and_distance_to_the_best_floor(report_data):
    table = tables.main_table(report_data)
    assert [group.heading for group in table.groups] == list(tables.FAMILY_NAMES.values())
    assert plain(table.columns[1]) == "15 labels (1 %)"
    first = cells_of(table, "SimCLR, fine-tuned")[0]
    assert plain(first.text) == "0.769 [0.749, 0.789]"
    assert plain(first.detail) == "10 subsets × 1 seed; floor +0.051"
    assert first.strong
    assert plain(cells_of(table, "Supervised, augmented")[1].detail) == "5 subsets × 1 seed; floor −0.003"
    assert plain(cells_of(table, "MiniRocket + ridge")[2].detail) == "1 subset × 3 seeds"
    bold = [[cell.strong for _, cells in group.rows for cell in cells] for group in table.groups]
    assert sum(map(sum, bold)) == 3


def test_row_that_was_not_run_at_a_fraction_says_so(report_data):
    rows = tuple(row for row in report_data.rows if (row.name, row.label_fraction) != ("SimCLR, frozen probe", 1.0))
    less = dataclasses.replace(report_data, rows=rows, comparisons=())
    cell = cells_of(table := tables.main_table(less), "SimCLR, frozen probe")[2]
    assert cell.text == "–"
    assert "not run" in table.notes[cell.mark]


def test_undefined_score_gives_the_rows_own_reason_or_a_general_one(report_data):
    rows = tuple(
        dataclasses.replace(row, f1=math.nan) if row.name == "Supervised, augmented" else row
        for row in report_data.rows
    )
    table = tables.score_table(dataclasses.replace(report_data, rows=rows))
    brier = cells_of(table, "MiniRocket + ridge")[6]
    assert (brier.text, table.notes[brier.mark]) == ("–", "ridge gives scores, not probabilities")
    f1 = cells_of(table, "Supervised, augmented")[1]
    assert table.notes[f1.mark].startswith("undefined")
    assert brier.mark != f1.mark
    assert len(table.notes) == 2


def test_class_table_flags_rare_and_undefined_classes(report_data):
    table = tables.class_table(report_data, 0.1)
    assert len(table.columns) == 1 + 5
    rare = cells_of(table, "HYP (8)")[0]
    assert "fewer than 10" in table.notes[rare.mark]
    absent = cells_of(table, "RARE (0)")[0]
    assert absent.text == "–"
    assert "no positive" in table.notes[absent.mark]
    assert cells_of(table, "NORM (367)")[0].mark == ""


def test_fold_table_is_there_only_for_several_folds(report_data):
    table = tables.fold_table(report_data)
    assert table.columns == ("Row", "Fold 7", "Fold 8", "Fold 9")
    assert cells_of(table, "Supervised, augmented", "149")[2].text == "0.836"
    one_fold = tuple(dataclasses.replace(row, per_fold={10: 0.8}) for row in report_data.rows)
    assert tables.fold_table(dataclasses.replace(report_data, rows=one_fold)) is None


def test_comparison_table_shows_signed_differences_and_verdicts(report_data):
    table = tables.comparison_table(report_data)
    difference, p, p_holm, verdict = cells_of(table, "SimCLR, frozen probe against Supervised, augmented", "1,488")
    assert plain(difference.text) == "−0.021 [−0.030, −0.012]"
    assert (p.text, p_holm.text, verdict.text, verdict.strong) == ("< 0.001", "0.004", "worse", True)
    assert tables.comparison_table(dataclasses.replace(report_data, comparisons=())) is None


def test_undefined_comparison_has_no_numbers(report_data):
    nan = math.nan
    undefined = dataclasses.replace(
        report_data.comparisons[0], difference=nan, lo=nan, hi=nan, p=nan, p_holm=nan, verdict="undefined"
    )
    table = tables.comparison_table(dataclasses.replace(report_data, comparisons=(undefined,)))
    *numbers, verdict = table.groups[0].rows[0][1]
    assert [cell.text for cell in numbers] == ["–"] * 3
    assert (verdict.text, verdict.strong) == ("undefined", False)


def test_missing_correction_is_said(report_data):
    alone = dataclasses.replace(report_data.comparisons[0], p_holm=math.nan)
    table = tables.comparison_table(dataclasses.replace(report_data, comparisons=(alone,)))
    difference, p, p_holm, _ = table.groups[0].rows[0][1]
    assert plain(difference.text) == "+0.041 [+0.029, +0.053]"
    assert p.text == "< 0.001"
    assert table.notes[p_holm.mark].startswith("not corrected")


def test_data_table_names_classes_without_positives(report_data):
    table = tables.data_table(report_data.data)
    test = cells_of(table, "test")
    assert [cell.text for cell in test[:2]] == ["789", "367"]
    assert "left out of the macro average" in table.notes[test[-1].mark]
    assert cells_of(table, "train")[-1].mark == ""
