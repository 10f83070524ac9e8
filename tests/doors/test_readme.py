"""The commands the README shows do what it says: each runs here, in order, on a tiny cohort with tiny settings."""

import re
import shlex
from pathlib import Path

import pytest

from ssrl_ecg.cli.main import main
from ssrl_ecg.data.download import DownloadResult
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl

README = Path(__file__).parents[2] / "README.md"
SHORTER = {
    "demo": "--n-records 80",
    "run": "--pretrain-epochs 1 --steps 2 --encoder-width 4 --fractions 0.5 --repeats 2 --n-pretrainings 1 "
    "--replicates 400 --floors --accelerator cpu",
    "pretrain": "--epochs 1 --encoder-width 4 --batch-size 32 --accelerator cpu",
    "finetune": "--steps 4 --evaluate-every 2 --accelerator cpu",
    "supervised": "--steps 4 --evaluate-every 2 --encoder-width 4 --accelerator cpu",
}
"""Command -> flags that make it quick; the commands that are not here run as they stand."""


def readme_commands() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("ssrl-ecg ")]


def test_the_readme_shows_the_whole_way():
    commands = {line.split()[1] for line in readme_commands()}
    assert commands == {"demo", "data", "run", "pretrain", "finetune", "probe", "supervised", "evaluate", "measure"}


@pytest.mark.slow
def test_every_command_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def fetch(name, target, **_):
        assert name == "ptbxl"
        return DownloadResult(write_synthetic_ptbxl(target, 120, seed=1), 120, 0)

    monkeypatch.setattr("ssrl_ecg.cli.data_download.download", fetch)
    for line in sorted(readme_commands(), key=lambda line: "download" not in line):
        words = shlex.split(line)[1:]
        code = main([*words, *SHORTER.get(words[0], "").split()])
        assert code == 0, (line, capsys.readouterr().err)
        if "--out" in words:
            assert Path(words[words.index("--out") + 1]).exists(), line
    assert (tmp_path / "runs/demo/report.html").stat().st_size > 10_000
    assert (tmp_path / "runs/ptbxl/report.html").stat().st_size > 10_000
