"""Files of a results folder that were cut short: what can be made again is, the rest is named."""

from __future__ import annotations

import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cell_jobs import CellJob
from ssrl_ecg.evaluation.cells import IDENTITIES, cell_path, cell_state, failures_of, group_folder, read_identities
from ssrl_ecg.evaluation.runner import Execution, run_cells

QUIET = Execution(progress=False)


def fails():
    raise ZeroDivisionError("no such number")


def job(compute):
    return [CellJob("a", "cell", "identity", compute)]


@pytest.mark.parametrize("content", ['{"group": "a", "na', "[]", '{"group": "a"}', ""])
def test_a_damaged_note_of_a_failure_is_none_and_the_cell_is_computed_again(tmp_path, content):
    assert len(run_cells(job(fails), tmp_path, QUIET).failures) == 1
    assert cell_state(tmp_path, "a", "cell", "identity") == "failed"
    (group_folder(tmp_path, "a") / "cell.failed.json").write_text(content)
    assert cell_state(tmp_path, "a", "cell", "identity") == "open"
    assert failures_of(tmp_path) == []
    outcomes = run_cells(job(lambda: {"x": 1}), tmp_path, QUIET)
    assert (outcomes.n_computed, outcomes.failures) == (1, ())
    assert cell_path(tmp_path, "a", "cell").is_file()


def test_a_damaged_list_of_cells_is_named(tmp_path):
    run_cells(job(fails), tmp_path, QUIET)
    path = tmp_path / IDENTITIES
    path.write_text(path.read_text()[:9])
    for read in (read_identities, failures_of):
        with pytest.raises(InputError, match=r"identities\.json: the list of cells is damaged"):
            read(tmp_path)
    run_cells(job(fails), tmp_path, QUIET)
    assert len(failures_of(tmp_path)) == 1
