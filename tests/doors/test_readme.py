"""The commands the README shows do what it says: each runs here, in order, on a tiny cohort with tiny settings."""

import re
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ssrl_ecg.data.download import DownloadResult
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.signals.leads import LEADS

README = Path(__file__).parents[2] / "README.md"


def readme_commands() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("ssrl-ecg ")]


def test_the_readme_shows_the_whole_way():
    commands = {line.split()[1] for line in readme_commands()}
    steps = {"pretrain", "finetune", "probe", "supervised", "evaluate"}
    assert commands == {"demo", "data", "run", *steps, "predict", "embed", "explore", "measure"}


def write_record(folder: Path, name: str, seed: int) -> None:
    """Write ten seconds of smooth noise as a WFDB record that says it is a sinus rhythm."""
    folder.mkdir(parents=True, exist_ok=True)
    signal_mv = np.random.default_rng(seed).normal(0, 0.2, (12, 1000)).cumsum(axis=1) / 20
    wfdb.wrsamp(
        name, 100, units=["mV"] * 12, sig_name=list(LEADS), p_signal=signal_mv.T, fmt=["16"] * 12,
        comments=["Age: 50", "Sex: Male", "Dx: 426783006"], write_dir=str(folder),
    )  # fmt: skip


def write_other_collections(data: Path) -> None:
    """Put a challenge's folder and a clinic's own beside PTB-XL."""
    for number in range(6):
        write_record(data / "challenge-2021" / "training" / "georgia" / "g1", f"E{number:05d}", number)
        write_record(data / "own", f"own{number}", 100 + number)
    rows = "".join(f"own{number},p{number},{number % 2}\n" for number in range(6))
    (data / "own" / "labels.csv").write_text("record,patient_id,ill\n" + rows, encoding="utf-8")


@pytest.mark.slow
def test_every_command_of_the_readme_runs(tmp_path, monkeypatch, run_line):
    monkeypatch.chdir(tmp_path)

    def fetch(name, target, **_):
        assert name == "ptbxl"
        return DownloadResult(write_synthetic_ptbxl(target, 120, seed=1), 120, 0)

    monkeypatch.setattr("ssrl_ecg.cli.data_download.download", fetch)
    write_other_collections(tmp_path / "data")
    for line in sorted(readme_commands(), key=lambda line: "download" not in line):
        run_line(line)
    assert (tmp_path / "runs/demo/report.html").stat().st_size > 10_000
    assert (tmp_path / "runs/ptbxl/report.html").stat().st_size > 10_000
