from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import ssrl_ecg as package
from ssrl_ecg.cli.main import COMMANDS
from ssrl_ecg.methods import METHODS

HEAVY = ("torch", "lightning", "pandas", "numpy", "scipy", "sklearn", "matplotlib", "tyro")


def _loaded_by(code: str) -> tuple[str, set[str]]:
    probe = f"{code}\nimport sys; print(*sorted({{name.split('.')[0] for name in sys.modules}}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return done.stdout, set(done.stderr.split())


def test_help_loads_no_heavy_package():
    text, loaded = _loaded_by("from ssrl_ecg.cli.main import main; assert main(['--help']) == 0")
    assert all(name in text for name in COMMANDS)
    assert not loaded.intersection(HEAVY)


def test_importing_the_package_loads_no_heavy_package_and_names_come_when_asked_for():
    _, loaded = _loaded_by("import ssrl_ecg; assert ssrl_ecg.InputError.__name__ == 'InputError'")
    assert not loaded.intersection(HEAVY)
    assert {getattr(package, name) is not None for name in package.__all__} == {True}
    assert set(package.__all__) == set(dir(package))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = package.nonsense


@pytest.mark.parametrize("module", sorted({module for module, _ in COMMANDS.values()}))
def test_every_command_has_a_main(module):
    assert callable(import_module(module).main)


def test_version(ssrl_ecg):
    outcome = ssrl_ecg("--version")
    assert (outcome.code, outcome.out) == (0, f"ssrl-ecg {package.__version__}\n")


def test_without_words_and_for_a_group_the_commands_are_listed(ssrl_ecg):
    assert ssrl_ecg().out == ssrl_ecg("--help").out == ssrl_ecg("-h").out
    listed = ssrl_ecg("data", "--help").out
    assert "data inspect" in listed
    assert "finetune" not in listed
    assert ssrl_ecg("data").out == listed


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pretran", "--data", "x"], "unknown command 'pretran' (expected perhaps pretrain)"),
        (["data", "inspct"], "unknown command 'data inspct' (expected perhaps data inspect)"),
        (["xyz"], f"unknown command 'xyz' (expected {', '.join(COMMANDS)})"),
        (["--verbose"], f"unknown command '--verbose' (expected {', '.join(COMMANDS)})"),
    ],
)
def test_unknown_command_names_the_nearest(refused, words, expected):
    assert refused(*words) == expected


def test_pretrain_lists_and_checks_its_methods(ssrl_ecg, refused):
    assert f"{{{','.join(METHODS)}}}" in ssrl_ecg("pretrain").out
    assert refused("pretrain", "simclrr", "--data", "x") == "unknown method (expected perhaps simclr, found simclrr)"
    assert refused("pretrain", "x") == f"unknown method (expected {' or '.join(METHODS)}, found x)"


@pytest.mark.parametrize("name", sorted(name for name in COMMANDS if name != "pretrain"))
def test_every_command_explains_itself(ssrl_ecg, name):
    outcome = ssrl_ecg(*name.split(), "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(f"usage: ssrl-ecg {name} ")
