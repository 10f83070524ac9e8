from __future__ import annotations

import hashlib
import json
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.signals.leads import LEADS


def test_synthetic_writes_a_cohort_and_replaces_only_such(ssrl_ecg, refused, tmp_path):
    words = ("data", "synthetic", "--n-records", 12, "--out", tmp_path / "cohort")
    assert ssrl_ecg(*words).code == 0
    assert len(pd.read_csv(tmp_path / "cohort" / "ptbxl_database.csv")) == 12
    assert ssrl_ecg(*words).code == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    assert "mine" in refused("data", "synthetic", "--n-records", 12, "--out", tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_store_is_built_once_beside_the_working_folder(ssrl_ecg, cohort, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = ssrl_ecg("data", "store", "--data", cohort)
    assert first.code == 0
    assert first.out == "store/synthetic-100hz: built, 120 records\n"
    assert len(RecordStore.open(tmp_path / "store" / "synthetic-100hz")) == 120
    assert "was up to date" in ssrl_ecg("data", "store", "--data", f"ptbxl:{cohort}").out


def test_store_says_with_exit_code_3_that_records_were_left_out(ssrl_ecg, cohort, tmp_path):
    root = shutil.copytree(cohort, tmp_path / "broken")
    next((root / "records100").rglob("*.dat")).write_bytes(b"short")
    outcome = ssrl_ecg("data", "store", "--data", root, "--store", tmp_path / "store")
    assert outcome.code == 3
    assert "1 records were rejected" in outcome.out
    assert str(tmp_path / "store" / "rejected.csv") in outcome.out
    inspected = ssrl_ecg("data", "inspect", "--data", root, "--store", tmp_path / "store")
    assert inspected.code == 0
    assert "rejected records     1" in inspected.out


@pytest.mark.real_data
def test_ludb_is_stored_at_any_rate(ssrl_ecg, data_root, tmp_path):
    words = ("data", "store", "--data", f"ludb:{data_root / 'ludb'}", "--sampling-rate-hz", 250)
    outcome = ssrl_ecg(*words, "--store", tmp_path / "store")
    assert outcome.out == f"{tmp_path / 'store'}: built, 200 records\n"
    assert RecordStore.open(tmp_path / "store").signals_uv.shape == (200, 12, 2500)


def test_inspect_prints_and_draws(ssrl_ecg, data_flags, store_path, tmp_path):
    outcome = ssrl_ecg("data", "inspect", *data_flags)
    picture = store_path.with_name("synthetic.png")
    assert outcome.out.startswith("ptbxl: 120 records")
    assert outcome.out.endswith(f"picture: {picture}\n")
    assert picture.read_bytes().startswith(b"\x89PNG")
    as_json = ssrl_ecg("data", "inspect", *data_flags, "--json", "--picture", tmp_path / "page.svg")
    assert json.loads(as_json.out)["n_records"] == 120
    assert "<svg" in (tmp_path / "page.svg").read_text()


@pytest.mark.real_data
def test_inspect_the_sample(ssrl_ecg, ptbxl_root, tmp_path):
    words = ("data", "inspect", "--data", ptbxl_root, "--store", tmp_path / "store", "--json")
    found = json.loads(ssrl_ecg(*words).out)
    table = pd.read_csv(ptbxl_root / "ptbxl_database.csv")
    assert found["n_records"] == len(table) == 2277
    assert found["n_patients"] == table["patient_id"].nunique()
    assert found["folds"] == {str(fold): count for fold, count in table["strat_fold"].value_counts().items()}


def test_a_folder_of_your_own(ssrl_ecg, refused, tmp_path):
    rng = np.random.default_rng(0)
    for number in range(12):
        np.save(tmp_path / f"r{number}.npy", rng.normal(0, 0.3, (len(LEADS), 1000)).astype(np.float32))
    lines = [f"r{number},{number % 2}" for number in range(12)]
    (tmp_path / "targets.csv").write_text("\n".join(["record,sick", *lines]))
    words = ("data", "store", "--data", f"folder:{tmp_path}", "--store", tmp_path / "store")
    assert "labels file is missing" in refused(*words)
    outcome = ssrl_ecg(*words, "--labels-csv", "targets.csv", "--file-rate-hz", 100)
    assert outcome.code == 0
    assert RecordStore.open(tmp_path / "store").labels("labels").classes == ("sick",)


@pytest.fixture
def mirror(tmp_path):
    """A tiny database on a local server."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "100.hea").write_text("100 2 360 650000\n")
    digest = hashlib.sha256((served / "100.hea").read_bytes()).hexdigest()
    (served / "SHA256SUMS.txt").write_text(f"{digest}  100.hea\n")
    handler = partial(_QuietHandler, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_download_fetches_into_the_folder_the_other_commands_expect(ssrl_ecg, refused, mirror, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = ssrl_ecg("data", "download", "mitdb", "--base-url", mirror)
    assert outcome.out == "data/mitdb: 1 files fetched, 0 were there; all verified\n"
    assert (tmp_path / "data" / "mitdb" / "100.hea").is_file()
    assert "data/PTB-XL: 1 files" in ssrl_ecg("data", "download", "ptbxl", "--base-url", mirror).out
    assert "'ludb', 'mitdb', 'nstdb', 'ptbxl'" in refused("data", "download", "mimic")
