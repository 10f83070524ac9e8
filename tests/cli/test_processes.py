"""Commands that train on several devices: every process runs the whole command, one of them speaks for all."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

from ssrl_ecg import load_classifier, load_encoder
from ssrl_ecg.cli.processes import first_process_speaks
from ssrl_ecg.files import atomic_path, remove
from ssrl_ecg.training.loop import Compute

SCRIPT = "import sys\nfrom ssrl_ecg.cli.main import main\nsys.exit(main())\n"
SMALL = ("--encoder", "cnn", "--encoder-width", "4", "--window-s", "2.5")
TWO = ("--devices", "2", "--strategy", "ddp", "--accelerator", "cpu")


@pytest.fixture
def command(tmp_path):
    """Run a command as a program, which Lightning starts again for the second process; return what it printed."""
    script = tmp_path / "ssrl_ecg_command.py"
    script.write_text(SCRIPT)

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        arguments = [sys.executable, str(script), *map(str, words)]
        return subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=300)

    return run


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch was built without gloo")
def test_two_processes_print_and_write_as_one(command, data_flags, tmp_path):
    encoder, classifier = tmp_path / "encoder.safetensors", tmp_path / "classifier.safetensors"
    done = command("pretrain", "simclr", *data_flags, *SMALL, *TWO, "--epochs", 1, "--batch-size", 16, "--out", encoder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("checkpoint: ") == done.stdout.count("store: ") == 1
    assert load_encoder(encoder).encoder.config.width == 4

    words = ("finetune", *data_flags, *TWO, "--steps", 2, "--evaluate-every", 1, "--batch-size", 8)
    done = command(*words, "--checkpoint", encoder, "--out", classifier)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("checkpoint: ") == done.stdout.count("validation macro AUROC") == 1
    assert load_classifier(classifier).thresholds is not None
    for out, also in ((encoder, ["leakage.csv"]), (classifier, ["learning_curves.png"])):
        folder = out.with_name(f"{out.name}.run")
        assert json.loads((folder / "run.json").read_text())["status"] == "finished"
        assert sorted(path.name for path in folder.iterdir()) == ["history.csv", *also, "run.json"]


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch was built without gloo")
def test_two_processes_make_one_comparison(command, data_flags, tmp_path):
    out = tmp_path / "comparison"
    small = ("--encoder", "cnn", "--encoder-width", 4, "--pretrain-epochs", 1, "--pretrain-batch-size", 16)
    few = ("--steps", 2, "--fractions", 0.5, 1.0, "--repeats", 2, 1, "--n-pretrainings", 2, "--replicates", 800)
    done = command("run", *data_flags, *TWO, *small, *few, "--floors", "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("report: ") == done.stdout.count("store: ") == 1
    assert json.loads((out / "run.json").read_text())["config"]["experiment"]["compute"]["devices"] == 2
    rows = json.loads((out / "results.json").read_text())["rows"]
    assert {row["name"] for row in rows} > {"SimCLR frozen probe", "SimCLR fine-tuned", "supervised"}
    assert (out / "report.html").stat().st_size > 10_000
    assert not list(out.rglob(".*.part"))


@pytest.mark.parametrize(("rank", "devices", "speaks"), [(0, 2, True), (1, 2, False), (1, 1, True)])
def test_the_others_neither_print_nor_write_nor_remove(rank, devices, speaks, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("LOCAL_RANK", str(rank))
    (tmp_path / "old").write_text("old")
    with first_process_speaks(Compute(devices=devices)) as is_first:
        assert is_first == speaks
        sys.stdout.write("said\n")
        sys.stderr.write("warned\n")
        with atomic_path(tmp_path / "new") as temporary:
            temporary.write_text("new")
        remove(tmp_path / "old")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (("said\n", "warned\n") if speaks else ("", ""))
    assert [path.name for path in tmp_path.iterdir()] == (["new"] if speaks else ["old"])
