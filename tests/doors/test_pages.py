"""Commands of the pages in docs/ run on a simulated cohort, or say that they do not, and are at least understood."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import tyro

from ssrl_ecg.cli.main import main
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl

ROOT = Path(__file__).parents[2]
PAGES = sorted(ROOT.glob("docs/**/*.md"))
RUN = ("explore", "first-ecg", "own-data", "predict")
"""Pages whose commands run; every command of the others is exempt, and says so."""
IN_PYTHON = ("add-a-method", "first-ecg", "own-data")
"""Pages whose Python runs too, in its order among the commands; elsewhere it compiles."""


class Parsed(Exception):
    """The words of a command were understood."""


def name_of(page: Path) -> str:
    return page.relative_to(ROOT / "docs").with_suffix("").as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_stand_in_blocks_and_what_does_not_run_says_so(page, blocks_of):
    text = page.read_text(encoding="utf-8")
    outside = re.sub(r"^```bash\n.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert not re.findall(r"^\s*(?:\$ )?ssrl-ecg .*", outside, re.MULTILINE)
    commands = [block for block in blocks_of(page) if block.language == "bash"]
    if name_of(page) not in RUN:
        assert all(block.is_exempt for block in commands)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_does_not_run_is_understood(page, blocks_of, monkeypatch):
    understand = tyro.cli

    def only_parse(*args, **settings):
        understand(*args, **settings)
        raise Parsed

    monkeypatch.setattr("tyro.cli", only_parse)
    for block in blocks_of(page):
        if block.language == "python":
            compile(block.text, page.name, "exec")
        for line in block.commands if block.language == "bash" else []:
            if not line.startswith("ssrl-ecg "):
                check_other_tool(shlex.split(line))
            elif block.is_exempt:
                with pytest.raises(Parsed):
                    assert main(shlex.split(line, comments=True)[1:]) == 0, line


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
    """What pages assume to be there: PTB-XL, recordings, an encoder and a classifier."""
    folder = tmp_path_factory.mktemp("prepared")
    data = write_synthetic_ptbxl(folder / "data" / "PTB-XL", 120, seed=1)
    shutil.copytree(data, folder / "ptbxl")
    (folder / "recordings").mkdir()
    for number, header in enumerate(sorted(data.rglob("*.hea"))[:2]):
        for path in (header, header.with_suffix(".dat")):
            shutil.copy(path, folder / "recordings")
            if number == 0:
                shutil.copy(path, folder / path.name.replace(header.stem, "recording"))
    header = folder / "recording.hea"
    header.write_text(re.sub(r"\b\d{5}_lr", "recording", header.read_text()))
    flags = ["--data", str(data), "--store", str(folder / "store"), "--accelerator", "cpu"]
    encoder, classifier = str(folder / "encoder.safetensors"), str(folder / "my.safetensors")
    tiny = ["--encoder", "cnn", "--encoder-width", "4", "--epochs", "1", "--batch-size", "32"]
    assert main(["pretrain", "simclr", *flags, *tiny, "--out", encoder]) == 0
    short = ["--steps", "2", "--evaluate-every", "2"]
    assert main(["finetune", *flags, *short, "--checkpoint", encoder, "--out", classifier]) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*RUN, *IN_PYTHON}))
def test_every_command_of_a_page_runs(name, prepared, tmp_path, monkeypatch, blocks_of, run_line: Callable):
    """On a copy of what is prepared, in the order of the page."""
    shutil.copytree(prepared, tmp_path / "here", ignore=shutil.ignore_patterns("store", "*.run"))
    monkeypatch.chdir(tmp_path / "here")
    names: dict[str, object] = {"__name__": name}
    n_run = 0
    for block in blocks_of(ROOT / "docs" / f"{name}.md"):
        if block.language == "python" and name in IN_PYTHON:
            exec(compile(block.text, name, "exec", dont_inherit=True), names)
            n_run += 1
        for line in block.commands if block.language == "bash" and not block.is_exempt else []:
            if line.startswith("ssrl-ecg "):
                run_line(line)
                n_run += 1
    assert n_run
