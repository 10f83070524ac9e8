from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest

from ssrl_ecg.cli.parsing import one_line, one_of, parse
from ssrl_ecg.errors import InputError
from ssrl_ecg.training.pretrain import PretrainConfig


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is done."""

    name: Annotated[str, one_of({"alpha": 1, "beta": 2})]
    """A name."""
    rate: Literal[100, 500] = 100
    """A rate."""
    cut_off_hz: float | None = None
    """A cut-off."""
    schedule: PretrainConfig = field(default_factory=PretrainConfig)


def _refusal(*words: str) -> str:
    with pytest.raises(InputError) as caught:
        parse(Options, list(words), "tool work")
    text = str(caught.value)
    assert "\n" not in text
    assert not set("│─╭╰").intersection(text)
    return text.removesuffix(" (see tool work --help)")


def test_nested_dataclasses_give_flags_without_prefix():
    options = parse(Options, ["--name", "beta", "--epochs", "3", "--cut-off-hz", "0.5"], "tool work")
    assert (options.name, options.schedule.epochs, options.cut_off_hz, options.rate) == ("beta", 3, 0.5, 100)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["--name {alpha,beta}"]),
        (["--name"], ["'--name'"]),
        (["--name", "gamma"], ["'gamma'", "'--name'", "'alpha'", "'beta'"]),
        (["--name", "alpha", "--rate", "250"], ["'250'", "'--rate'", "'100'", "'500'"]),
        (["--name", "alpha", "--cut-off-hz", "low"], ["--cut-off-hz", "'low'", "float"]),
        (["--name", "alpha", "--cut-off-hz", "None"], ["--cut-off-hz", "'None'"]),
        (["--name", "alpha", "--epochs", "x"], ["--epochs", "'x'", "int"]),
        (["--name", "alpha", "--nonsense", "3"], ["--nonsense"]),
        (["--name", "alpha", "--epoch", "3"], ["--epoch", "Perhaps you meant: --epochs INT"]),
        (["--name", "alpha", "stray"], ["stray"]),
    ],
)
@pytest.mark.parametrize("columns", ["40", "200"])
def test_every_refusal_is_one_line_with_what_was_expected(monkeypatch, columns, words, expected):
    monkeypatch.setenv("COLUMNS", columns)
    text = _refusal(*words)
    assert all(part in text for part in expected), text


def test_help_texts_are_not_part_of_a_refusal():
    assert "Passes over" not in _refusal("--name", "alpha", "--epochs", "x")
    assert "A name" not in _refusal()


def test_values_out_of_range_say_what_is_allowed():
    assert "epochs, expected a whole number >= 1, found 0" in _refusal("--name", "alpha", "--epochs", "0")


def test_help_leaves_with_exit_code_0(capsys):
    with pytest.raises(SystemExit) as leaving:
        parse(Options, ["--help"], "tool work")
    assert not leaving.value.code
    assert "--cut-off-hz FLOAT" in capsys.readouterr().out


def test_frames_in_plain_characters_are_flattened_too():
    rows = [
        "+- Invalid choice ---+",
        "| invalid choice 'x'. |",
        "| ------------------- |",
        "| For full helptext, run |",
        "+--+",
    ]
    box = "\n".join(rows)
    assert one_line(box) == "invalid choice 'x'"
