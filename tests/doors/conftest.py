"""What tests of documented commands share: blocks of a page, and a command line that runs quickly."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ssrl_ecg.cli.main import main

EXEMPT = "_Not run by the tests: "
"""Begins the line above a block that is only parsed; readers see it too."""

SHORTER = {
    "demo": "--n-records 80",
    "run": "--pretrain-epochs 1 --steps 2 --encoder-width 4 --fractions 0.5 --repeats 2 --n-pretrainings 1 "
    "--replicates 400 --floors --accelerator cpu",
    "pretrain": "--epochs 1 --encoder-width 4 --batch-size 32 --accelerator cpu",
    "finetune": "--steps 4 --evaluate-every 2 --accelerator cpu",
    "supervised": "--steps 4 --evaluate-every 2 --encoder-width 4 --accelerator cpu",
    "explore": "--method tsne",
}
"""Command -> flags that make it quick; the commands that are not here run as they stand."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    is_exempt: bool

    @property
    def commands(self) -> list[str]:
        joined = self.text.replace("\\\n", " ")
        return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


@pytest.fixture(scope="session")
def blocks_of() -> Callable[[Path], list[Block]]:
    """Read the blocks of a page that have a language."""

    def read(page: Path) -> list[Block]:
        found = re.finditer(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        return [
            Block(one[1], one[2], one.string[: one.start()].rstrip().rpartition("\n")[2].startswith(EXEMPT))
            for one in found
        ]

    return read


@pytest.fixture
def run_line(capsys) -> Callable[[str], list[str]]:
    """Run a line that starts with ``ssrl-ecg``, with shorter settings; its words come back."""

    def run(line: str) -> list[str]:
        words = shlex.split(line, comments=True)[1:]
        code = main([*words, *SHORTER.get(words[0], "").split()])
        assert code == 0, (line, capsys.readouterr().err)
        if "--out" in words:
            assert Path(words[words.index("--out") + 1]).exists(), line
        return words

    return run
