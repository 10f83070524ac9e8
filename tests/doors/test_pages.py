"""Blocks of the pages in docs/ run on a simulated cohort, or say that they do not, and are at least understood."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tyro

from ssrl_ecg.cli.main import COMMANDS, main
from ssrl_ecg.data.recording import FileReader
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl

ROOT = Path(__file__).parents[2]
PAGES = sorted(ROOT.glob("docs/**/*.md"))
RAN = ("bash", "python")
"""Languages of the blocks that run."""
PLACEHOLDER = re.compile(r"[A-Z]{4,}|\.\.\.")
"""Stands for something else in a command of running text."""


class Parsed(Exception):
    """The words of a command were understood."""


def name_of(page: Path) -> str:
    return page.relative_to(ROOT / "docs").with_suffix("").as_posix()


def text_outside_blocks(page: Path) -> str:
    return re.sub(r"^```\w*\n.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def understand(monkeypatch) -> Callable[[str], None]:
    """Parse a line that starts with ``ssrl-ecg``, and go no further."""
    parse = tyro.cli

    def only_parse(*args, **settings):
        parse(*args, **settings)
        raise Parsed

    monkeypatch.setattr("tyro.cli", only_parse)

    def check(line: str) -> None:
        with pytest.raises(Parsed):
            assert main(shlex.split(line, comments=True)[1:]) == 0, line

    return check


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_does_not_run_is_understood(page, blocks_of, understand):
    for block in blocks_of(page):
        if block.language == "python":
            compile(block.text, page.name, "exec")
        for line in block.commands if block.language == "bash" else []:
            if not line.startswith("ssrl-ecg "):
                check_other_tool(shlex.split(line))
            elif block.is_exempt:
                understand(line)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_running_text_are_understood(page, understand, capsys):
    """Whole ones as they stand; of those that leave something open, the command and its flags."""
    text = text_outside_blocks(page)
    assert not re.findall(r"^\s*(?:\$ )?ssrl-ecg .*", text, re.MULTILINE)
    for line in re.findall(r"`(ssrl-ecg [^`]+)`", text):
        words = line.split()[1:]
        flags = {word for word in words if word.startswith("--")}
        if flags - {"--help"} and not PLACEHOLDER.search(line):
            understand(line)
            continue
        command = next(name for name in (" ".join(words[:2]), words[0], "") if name in {*COMMANDS, ""})
        method = ["simclr"] if command == "pretrain" else []
        with suppress(SystemExit):
            assert main([*command.split(), *method, "--help"]) == 0
        said = capsys.readouterr().out
        assert all(flag in said for flag in {"usage", *flags}), line


def check_other_tool(words: list[str]) -> None:
    """What a line asks of pip, make or Python is there."""
    if words[0] == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        named = re.findall(r"\[([\w,]+)\]", " ".join(words))
        assert all(extra in extras for group in named for extra in group.split(",")), words
    elif words[0] == "make":
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(), words
    else:
        assert words[0] in ("python", "pytest"), words
        assert (ROOT / words[1]).is_file(), words


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """What pages assume to be there: PTB-XL, recordings of several formats, checkpoints, results."""
    folder = tmp_path_factory.mktemp("prepared")
    data = write_synthetic_ptbxl(folder / "data" / "PTB-XL", 120, seed=1)
    shutil.copytree(data, folder / "ptbxl")
    write_recordings(folder, sorted(data.rglob("*.hea"))[:2])
    flags = ["--data", str(data), "--store", str(folder / "store"), "--accelerator", "cpu"]
    encoder, classifier = str(folder / "encoder.safetensors"), str(folder / "my.safetensors")
    tiny = ["--encoder", "cnn", "--encoder-width", "4", "--epochs", "1", "--batch-size", "32"]
    assert main(["pretrain", "simclr", *flags, *tiny, "--out", encoder]) == 0
    short = ["--steps", "2", "--evaluate-every", "2"]
    assert main(["finetune", *flags, *short, "--checkpoint", encoder, "--out", classifier]) == 0
    for name in ("classifier", "other"):
        shutil.copy(classifier, folder / f"{name}.safetensors")
    (folder / "checkpoints").mkdir()
    shutil.copy(encoder, folder / "checkpoints" / "ssl_simclr.safetensors")
    (folder / "runs" / "ptbxl").mkdir(parents=True)
    shutil.copy(ROOT / "results" / "ssrl-ecg-table" / "results.json", folder / "runs" / "ptbxl")
    return folder


def write_recordings(folder: Path, headers: list[Path]) -> None:
    """Two WFDB records in a folder, the first again beside it, and as files of other formats."""
    (folder / "recordings").mkdir()
    for path in (path for header in headers for path in (header, header.with_suffix(".dat"))):
        shutil.copy(path, folder / "recordings")
    shutil.copy(headers[0].with_suffix(".dat"), folder / "recording.dat")
    (folder / "recording.hea").write_text(re.sub(r"\b\d{5}_lr", "recording", headers[0].read_text()))
    recording = FileReader().read(headers[0])
    writers = runpy.run_path(str(ROOT / "tests" / "data" / "readers" / "writers.py"))
    for name, write in {"a.edf": "write_edf", "b.dcm": "write_dicom", "c.xml": "write_aecg"}.items():
        writers[write](folder / name, recording.signal_mv, recording.sampling_rate_hz)
    np.save(folder / "d.npy", recording.signal_mv[[0, 1, *range(6, 12)]] * 1000)


@pytest.fixture
def no_server(monkeypatch) -> None:
    """Servers are built and not started."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")  # set by the command, and put back afterwards
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: None)


@pytest.mark.slow
@pytest.mark.usefixtures("no_server")
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_a_page_runs(page, prepared, tmp_path, monkeypatch, blocks_of, run_line: Callable):
    """On a copy of what is prepared, in the order of the page; all but the blocks that say that they do not run."""
    blocks = [block for block in blocks_of(page) if block.language in RAN and not block.is_exempt]
    if not blocks:
        return
    shutil.copytree(prepared, tmp_path / "here", ignore=shutil.ignore_patterns("store", "*.run"))
    monkeypatch.chdir(tmp_path / "here")
    names: dict[str, object] = {"__name__": page.stem}
    for block in blocks:
        if block.language == "python":
            exec(compile(block.text, page.name, "exec", dont_inherit=True), names)
        for line in block.commands if block.language == "bash" else []:
            if line.startswith("ssrl-ecg "):
                run_line(line)
