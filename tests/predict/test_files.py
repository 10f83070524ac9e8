"""Folders are searched, answers keep their order in any number of processes, bad files are outcomes of their own."""

from __future__ import annotations

import shutil

import pytest

from ssrl_ecg.data.recording import FileReader
from ssrl_ecg.errors import InputError
from ssrl_ecg.predict import files as module
from ssrl_ecg.predict.files import answer_files, find_recordings
from ssrl_ecg.predict.predictor import Predictor


@pytest.fixture
def folder(tmp_path, files):
    for path in files[:3]:
        for part in (path, path.with_suffix(".dat")):
            shutil.copy(part, tmp_path / part.name)
    below = tmp_path / "below"
    below.mkdir()
    (below / "bad.csv").write_text("not a recording")
    (below / "notes.txt").write_text("no recording at all")
    (below / ".hidden.csv").write_text("")
    (below / "alone.mat").write_text("no header beside it")
    return tmp_path


def test_recordings_are_found_once_each(folder, files):
    found = [path.relative_to(folder).as_posix() for path in find_recordings([folder])]
    assert sorted(found) == sorted([*(path.name for path in files[:3]), "below/alone.mat", "below/bad.csv"])
    record = folder / files[0].stem
    assert find_recordings([record, folder / "no.hea"]) == [record.with_name(f"{record.name}.hea"), folder / "no.hea"]
    empty = folder / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="no recordings"):
        find_recordings([empty])


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_file_has_its_outcome_in_order(folder, calibrated, monkeypatch, n_jobs):
    monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.chdir(folder)
    predictor = Predictor(calibrated)
    paths = [path.relative_to(folder) for path in find_recordings([folder])]
    outcomes = list(answer_files(predictor, paths, FileReader(), n_jobs=n_jobs))
    assert [outcome.path for outcome in outcomes] == paths
    for outcome in outcomes:
        if outcome.path.suffix != ".hea":
            assert outcome.answer is None
            assert "format is not known" in outcome.rejected
            continue
        alone = predictor.predict(FileReader().read(outcome.path))
        assert outcome.answer.probabilities == pytest.approx(alone.probabilities, abs=1e-4)
        assert outcome.rejected == ""


def test_the_beginning_of_recordings_is_enough(folder, files, calibrated):
    predictor = Predictor(calibrated)
    (outcome,) = answer_files(predictor, find_recordings([folder / files[0].name]), FileReader(), duration_s=5)
    assert any("short" in warning for warning in outcome.answer.warnings)
