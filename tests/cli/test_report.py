from __future__ import annotations

import json

import pytest

from ssrl_ecg.cli.main import main


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("results.json", None, "cannot be read"),
        ("results.json", "{", "is not JSON"),
        ("leaderboard.json", json.dumps({"rows": []}), "is no leaderboard"),
        ("other.json", "{}", "no such results"),
    ],
)
def test_what_is_no_results_file_ends_in_one_line(tmp_path, capsys, name, content, what):
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert main(["report", "--results", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert what in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
