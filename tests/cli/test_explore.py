"""``explore`` on a simulated cohort: from a checkpoint, from embeddings, and what it refuses."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from ssrl_ecg.cli.main import main


def data_of(path):
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8"))[1])


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory, data_flags, encoder_path):
    out = tmp_path_factory.mktemp("embeddings") / "features.npz"
    assert main(["embed", *data_flags, "--checkpoint", str(encoder_path), "--out", str(out)]) == 0
    return out


def test_a_checkpoint_and_its_embeddings_give_the_same_page(ssrl_ecg, data_flags, encoder_path, embeddings, tmp_path):
    flags = [*data_flags, "--method", "tsne"]
    first = ssrl_ecg("explore", *flags, "--checkpoint", encoder_path, "--out", tmp_path / "a.html")
    second = ssrl_ecg("explore", *flags, "--embeddings", embeddings, "--out", tmp_path / "b.html")
    assert first.code == second.code == 0, (first.err, second.err)
    assert "120 records" in first.out
    ours, theirs = data_of(tmp_path / "a.html"), data_of(tmp_path / "b.html")
    assert ours == theirs
    assert ours["colourings"][0]["name"] == "super"
    assert [one["name"] for one in ours["colourings"]][-2:] == ["fold", "patient"]


def test_of_many_records_some_are_drawn_and_the_page_says_so(ssrl_ecg, data_flags, embeddings, tmp_path):
    flags = [*data_flags, "--embeddings", embeddings, "--method", "tsne", "--max-records", 30]
    assert ssrl_ecg("explore", *flags, "--out", tmp_path / "map.html").code == 0
    assert len(data_of(tmp_path / "map.html")["ids"]) == 30
    assert "30 of 120, drawn at random" in (tmp_path / "map.html").read_text(encoding="utf-8")


def test_embeddings_alone_show_ids_and_no_ecg(ssrl_ecg, embeddings, tmp_path):
    flags = ["--embeddings", embeddings, "--method", "tsne", "--out", tmp_path / "map.html"]
    assert ssrl_ecg("explore", *flags).code == 0
    data = data_of(tmp_path / "map.html")
    assert (len(data["ids"]), data["ecgs"], data["colourings"]) == (120, "", [])
    assert "<canvas" not in (tmp_path / "map.html").read_text(encoding="utf-8")


def test_what_cannot_be_shown_is_refused_in_one_line_and_nothing_is_written(
    refused, data_flags, encoder_path, embeddings, tmp_path
):
    out = tmp_path / "map.html"
    strangers, damaged = tmp_path / "strangers.npz", tmp_path / "damaged.npz"
    facts = np.array("{}")
    np.savez(strangers, record_id=np.array(["x"] * 20), embedding=np.zeros((20, 3), np.float32), facts=facts)
    np.savez(damaged, record_id=np.array(["1"] * 20), embedding=np.full((20, 3), np.nan), facts=facts)
    assert "neither" in refused("explore", "--out", out)
    assert "both" in refused("explore", "--embeddings", embeddings, "--checkpoint", encoder_path, "--out", out)
    assert ".html" in refused("explore", "--embeddings", embeddings, "--out", tmp_path / "map.pdf")
    assert "file is missing" in refused("explore", "--embeddings", tmp_path / "no.npz", "--out", out)
    assert "no embeddings" in refused("explore", "--embeddings", encoder_path, "--out", out)
    assert "finite" in refused("explore", "--embeddings", damaged, "--out", out)
    assert "20 of 20 ids" in refused("explore", *data_flags, "--embeddings", strangers, "--out", out)
    assert "too few" in refused("explore", "--embeddings", embeddings, "--max-records", 3, "--out", out)
    assert "--max-records" in refused("explore", "--embeddings", embeddings, "--max-records", 0, "--out", out)
    assert "unknown label set" in refused(
        "explore", *data_flags, "--embeddings", embeddings, "--label-set", "nonsense", "--out", out
    )
    assert not out.exists()
