"""One small simulated cohort, its store, and a pretrained encoder, shared by all tests of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ssrl_ecg.cli.main import main
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl


@dataclass(frozen=True)
class Outcome:
    """What a command left in the terminal."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The last line on stderr."""
        return self.err.strip().splitlines()[-1] if self.err.strip() else ""


@pytest.fixture
def ssrl_ecg(capsys) -> Callable[..., Outcome]:
    """Run a command in this process."""

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def refused(ssrl_ecg) -> Callable[..., str]:
    """Run a command that must end in exit code 2 and one line, and return the line without its prefix."""

    def run(*words: object) -> str:
        outcome = ssrl_ecg(*words)
        assert outcome.code == 2, outcome
        assert "Traceback" not in outcome.err
        prefix, _, reason = outcome.error.partition("ssrl-ecg: error: ")
        assert not prefix
        assert reason
        return reason

    return run


@pytest.fixture(scope="session")
def cohort(tmp_path_factory) -> Path:
    return write_synthetic_ptbxl(tmp_path_factory.mktemp("cohort") / "synthetic", 120, seed=1)


@pytest.fixture(scope="session")
def store_path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("store") / "synthetic"


@pytest.fixture(scope="session")
def data_flags(cohort, store_path) -> list[str]:
    return ["--data", str(cohort), "--store", str(store_path)]


SMALL = ["--encoder", "cnn", "--encoder-width", "4"]
SHORT = ["--steps", "4", "--evaluate-every", "2", "--batch-size", "32"]


@pytest.fixture(scope="session")
def encoder_path(tmp_path_factory, data_flags) -> Path:
    out = tmp_path_factory.mktemp("encoder") / "simclr.safetensors"
    words = ["pretrain", "simclr", *data_flags, *SMALL, "--epochs", "2", "--batch-size", "32", "--out", str(out)]
    assert main(words) == 0
    return out


@pytest.fixture(scope="session")
def classifier_path(tmp_path_factory, data_flags, encoder_path) -> Path:
    out = tmp_path_factory.mktemp("classifier") / "finetuned.safetensors"
    assert main(["finetune", *data_flags, *SHORT, "--checkpoint", str(encoder_path), "--out", str(out)]) == 0
    return out
