from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import wfdb

from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.evaluation.cells import cell_path, write_cell
from ssrl_ecg.models import ENCODERS
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.signals.waves import waves_from_mask
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, load_segmenter, save_checkpoint

N_RECORDS = 5
_SYMBOLS = {"p": "p", "qrs": "N", "t": "t"}


def marks_of(mask):
    """Brackets and peaks of the whole waves of a mask, as LUDB writes them: samples and symbols."""
    rows = []
    for wave, times_s in waves_from_mask(mask, 500.0).items():
        for onset_s, _, offset_s in times_s[np.isfinite(times_s[:, [0, 2]]).all(axis=1)]:
            first, last = round(onset_s * 500), round(offset_s * 500)
            rows += [(first, "("), ((first + last) // 2, _SYMBOLS[wave]), (last, ")")]
    return zip(*rows, strict=True)


@pytest.fixture(scope="module")
def ludb(tmp_path_factory):
    """Simulated records in LUDB's layout; lead V2 of the first record has no annotation."""
    folder = tmp_path_factory.mktemp("ludb")
    (folder / "data").mkdir()
    ecg = simulate(N_RECORDS, generator=np.random.default_rng(0), sampling_rate_hz=500.0)
    where = {"write_dir": str(folder / "data")}
    for number, (signal_mv, mask) in enumerate(zip(ecg.signal_mv, ecg.masks, strict=True), start=1):
        names = [lead.lower() for lead in LEADS]
        wfdb.wrsamp(str(number), 500, ["mV"] * 12, names, p_signal=signal_mv.T.astype(float), fmt=["16"] * 12,
                    adc_gain=[1000.0] * 12, baseline=[0] * 12, **where)  # fmt: skip
        samples, symbols = marks_of(mask)
        order = np.lexsort((np.array(symbols) != ")", samples))  # waves may touch
        wfdb.wrann(str(number), "marks", np.array(samples)[order], np.array(symbols)[order].tolist(), **where)
        content = (folder / "data" / f"{number}.marks").read_bytes()
        for lead in names:
            (folder / "data" / f"{number}.{lead}").write_bytes(content)
    (folder / "data" / "1.v2").unlink()
    rows = "".join(f"{k},F,50,Sinus rhythm\n" for k in range(1, N_RECORDS + 1))
    (folder / "ludb.csv").write_text("ID,Sex,Age,Rhythms\n" + rows)
    return folder


@pytest.fixture
def encoder(tmp_path):
    """A checkpoint of a small encoder of all leads."""
    kind, path = ENCODERS["cnn"], tmp_path / "encoder.safetensors"
    fed = Preprocessing(window_s=2.5, mean_mv=(0.0,) * 12, sd_mv=(0.3,) * 12)
    save_checkpoint(path, EncoderCheckpoint(kind(kind.Config(width=2)), fed, {"seen": [{"source": "ptbxl"}]}))
    return path


def test_a_segmenter_is_trained_judged_and_applied(ssrl_ecg, ludb, tmp_path):
    out = tmp_path / "waves.safetensors"
    trained = ssrl_ecg("segment", "train", "--data", ludb, "--out", out, "--encoder", "cnn", "--encoder-width", 2,
                       "--steps", 2, "--leave-out-fold", 2)  # fmt: skip
    assert trained.code == 3  # a lead was left out
    assert "left out: record 1 V2:" in trained.out
    assert "fold 2: sample-wise macro F1" in trained.out
    loaded = load_segmenter(out)
    assert len(loaded.provenance["seen"][0]["records"]) == N_RECORDS - 1
    assert json.loads((tmp_path / "waves.safetensors.run" / "run.json").read_text())["status"] == "finished"

    table, picture = tmp_path / "waves.csv", tmp_path / "sheet.png"
    applied = ssrl_ecg("segment", "apply", ludb / "data" / "2.hea", "--checkpoint", out, "--out", table,
                       "--picture", picture)  # fmt: skip
    assert applied.code == 0, applied
    rows = list(csv.DictReader(table.open()))
    assert set(rows[0]) == {"file", "lead", "wave", "onset_s", "offset_s"} if rows else True
    assert picture.read_bytes().startswith(b"\x89PNG")
    lines = tmp_path / "waves.jsonl"
    (tmp_path / "bad.csv").write_text("no ecg")
    both = ssrl_ecg("segment", "apply", ludb / "data" / "2.hea", tmp_path / "bad.csv", "--checkpoint", out,
                    "--out", lines)  # fmt: skip
    assert both.code == 3
    assert len(lines.read_text().splitlines()) == 1
    assert "bad.csv" in (tmp_path / "waves.rejected.csv").read_text()


def test_a_pretrained_encoder_is_used_as_it_is_when_frozen(ssrl_ecg, ludb, encoder, tmp_path):
    out = tmp_path / "waves.safetensors"
    outcome = ssrl_ecg("segment", "train", "--data", ludb, "--out", out, "--checkpoint", encoder, "--freeze-encoder",
                       "--steps", 2)  # fmt: skip
    assert outcome.code == 3
    loaded = load_segmenter(out)
    assert loaded.preprocessing.sd_mv == (0.3,) * 12
    assert type(loaded.unet.encoder) is ENCODERS["cnn"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--encoder", "cpc"], "too coarse"),
        (["--leave-out-fold", 6], "no such fold"),
        (["--data", "nowhere"], "LUDB"),
    ],
)
def test_what_cannot_be_trained_is_one_line(refused, ludb, tmp_path, words, reason):
    given = ["--data", ludb, "--encoder", "cnn", "--encoder-width", 2, "--out", tmp_path / "x", *words]
    assert reason in refused("segment", "train", *given)
    assert not (tmp_path / "x").exists()


def test_an_encoder_of_all_leads_cannot_read_single_ones(refused, ludb, encoder, tmp_path):
    reason = refused("segment", "train", "--data", ludb, "--out", tmp_path / "x", "--checkpoint", encoder,
                     "--leads", "single")  # fmt: skip
    assert "expected all, found single" in reason


def test_an_encoder_is_no_segmenter(refused, ludb, encoder, tmp_path):
    given = (ludb / "data" / "2.hea", "--checkpoint", encoder)
    assert "does not segment waves" in refused("segment", "apply", *given, "--out", tmp_path / "x.csv")
    assert "expected .csv or .jsonl" in refused("segment", "apply", *given, "--out", tmp_path / "x.txt")


def test_the_benchmark_runs_resumes_and_reports(ssrl_ecg, ludb, tmp_path):
    words = ("benchmark", "segmentation", "--data", ludb, "--rows", "ssrl_ecg delineator, 500 Hz", "--folds", 2,
             "--replicates", 100, "--out", tmp_path)  # fmt: skip
    outcome = ssrl_ecg(*words)
    assert outcome.code == 3
    assert "left out: record 1 V2:" in outcome.out
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["samples"][0]["row"] == "ssrl_ecg delineator, 500 Hz"
    assert results["samples"][0]["macro_f1"] > 0.5
    cell = next((tmp_path / "cells").rglob("*.npz"))
    before = cell.stat().st_mtime_ns
    assert ssrl_ecg(*words).code == 3
    assert cell.stat().st_mtime_ns == before


def test_a_folder_of_other_cells_is_left_as_it_is(refused, ludb, tmp_path):
    row = "ssrl_ecg delineator, 500 Hz"
    write_cell(cell_path(tmp_path, row, "0pct-fold0"), {"x": 0}, "another identity")
    (tmp_path / "run.json").write_text("{}")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    reason = refused("benchmark", "segmentation", "--data", ludb, "--rows", row, "--folds", 2, "--out", tmp_path)
    assert "made by other settings" in reason
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_unknown_rows_and_nameless_encoders_are_refused(refused, ludb, encoder, tmp_path):
    given = ("benchmark", "segmentation", "--data", ludb, "--out", tmp_path)
    assert "from scratch, all leads" in refused(*given, "--rows", "nothing")
    assert "NAME=CHECKPOINT" in refused(*given, "--encoders", encoder)
