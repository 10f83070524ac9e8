"""``run_experiments.py``: which commands it runs, in which order, and what it does not repeat."""

from __future__ import annotations

import importlib
import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from ssrl_ecg.cli import published_phases
from ssrl_ecg.cli.published_experiments import main
from ssrl_ecg.cli.published_phases import ExperimentsOptions, phases

ORDER = [
    "pretrain masked", "pretrain simclr", "pretrain byol", "supervised", "finetune masked", "finetune simclr",
    "finetune byol", "scarcity", "evaluation supervised", "evaluation finetuned_masked",
    "evaluation finetuned_simclr", "evaluation finetuned_byol",
]  # fmt: skip


@pytest.fixture
def commands(monkeypatch, tmp_path):
    """Every command that is run; each leaves its product."""
    run = []

    def record(phase):
        run.append(phase.name)
        phase.product.parent.mkdir(parents=True, exist_ok=True)
        tracks = {"supervised": {"auroc": [0.8, 0.75], "f1": [0.5, None]}, "ssl_frozen": {"auroc": [], "f1": []}}
        found = {"label_scarcity": {"0.1": tracks}}
        phase.product.write_text(json.dumps(found) if phase.name == "scarcity" else f"product of {phase.name}")

    monkeypatch.setattr(published_phases.Phase, "run", record)
    monkeypatch.chdir(tmp_path)
    return run


def test_phases_come_in_order_and_hand_their_checkpoints_on():
    found = {phase.name: phase for phase in phases(ExperimentsOptions())}
    assert list(found) == ORDER
    for name in ("masked", "simclr", "byol"):
        words = found[f"finetune {name}"].words
        assert words[words.index("--ssl-checkpoint") + 1] == str(found[f"pretrain {name}"].product)
    words = found["scarcity"].words
    assert Path(words[words.index("--checkpoint-dir") + 1]) == found["pretrain masked"].product.parent
    assert found["pretrain masked"].product.stem == "ssl_masked"


def test_every_command_is_one_its_door_understands(capsys, tmp_path, monkeypatch):
    """Each is refused for the missing data alone, not for its flags."""
    monkeypatch.chdir(tmp_path)
    for phase in phases(ExperimentsOptions(data_root=Path("nowhere"))):
        assert importlib.import_module(f"ssrl_ecg.{phase.module}").main(list(phase.words)) == 2
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert any(text in line for text in ("nowhere", "no such checkpoint")), line


def test_a_dry_run_prints_every_command_and_runs_none(commands, capsys):
    assert main(["--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert commands == []
    assert [line.split(":")[0] for line in printed.splitlines()] == ORDER
    assert "pretrain masked: python -m ssrl_ecg.train_ssl --data-root data/PTB-XL" in printed


def test_finished_phases_are_not_repeated_until_their_command_changes(commands, capsys):
    assert main([]) == 0
    assert commands == ORDER
    summary = Path("label_scarcity_results/RESULTS_SUMMARY.md").read_text()
    assert "| 10 % | supervised | 0.800 0.750 | 0.500 undefined |" in summary
    assert "ssl_frozen" not in summary  # it was not run
    assert "product of evaluation supervised" in summary
    commands.clear()
    Path("checkpoints/ssl_byol.safetensors").unlink()
    assert main([]) == 0
    assert commands == ["pretrain byol"]
    commands.clear()
    assert main(["--scarcity-epochs", "7"]) == 0
    assert commands == ["scarcity"]


def test_a_phase_that_fails_stops_the_rest(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    run = []

    def fail(words, stdout):
        run.append(words)
        return subprocess.CompletedProcess(words, 2)

    monkeypatch.setattr(published_phases.subprocess, "run", fail)
    assert main([]) == 2
    assert [words[:3] for words in run] == [[sys.executable, "-m", "ssrl_ecg.train_ssl"]]
    assert "phase pretrain masked failed" in capsys.readouterr().err
    assert not Path("label_scarcity_results").exists()


def test_a_phase_whose_cells_failed_in_part_does_not_stop_the_rest(monkeypatch, tmp_path):
    phase = next(phase for phase in phases(ExperimentsOptions(results_dir=tmp_path)) if phase.name == "scarcity")
    monkeypatch.setattr(published_phases.subprocess, "run", lambda words, stdout: subprocess.CompletedProcess(words, 3))
    phase.run()


def test_the_script_at_the_root_is_this_command(monkeypatch, capsys, tmp_path):
    root = Path(__file__).parents[2] / "run_experiments.py"
    assert len(root.read_text().splitlines()) <= 8
    monkeypatch.chdir(tmp_path)
    assert runpy.run_path(str(root))["main"] is main
