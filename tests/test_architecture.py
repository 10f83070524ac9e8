"""The habits that keep the house readable, measured on the source itself."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ssrl_ecg.data import DATASETS

SRC = Path(__file__).parents[1] / "src"
PATHS = sorted((SRC / "ssrl_ecg").rglob("*.py"))
LONGEST_MODULE = {"methods": 199, "cli": 140}
"""Most lines of a module by its room; 399 elsewhere."""

IMPORT_EACH_ALONE = """
import importlib, sys
for name in sys.argv[1:]:
    for loaded in [loaded for loaded in sys.modules if loaded.split(".")[0] == "ssrl_ecg"]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except Exception as error:
        print(f"{name}: {error!r}")
"""


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every function of a file with its lines, decorators and docstring not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = node.body[0] if ast.get_docstring(node) is not None else None
            lines = node.end_lineno - node.lineno + 1
            if docstring is not None:
                lines -= docstring.end_lineno - docstring.lineno + 1
            yield f"{module_name(path)}.{node.name}, line {node.lineno}", lines


@pytest.mark.slow
def test_every_module_can_be_imported_first():
    """A module that only imports after another one hides a circle; third-party packages are loaded once."""
    names = [module_name(path) for path in PATHS]
    done = subprocess.run([sys.executable, "-c", IMPORT_EACH_ALONE, *names], capture_output=True, text=True, check=True)
    assert not done.stdout


def test_functions_fit_on_a_screen():
    lines = dict(function for path in PATHS for function in functions(path))
    assert not {name: count for name, count in lines.items() if count > 60}
    assert statistics.median(lines.values()) < 15


@pytest.mark.parametrize("path", PATHS, ids=module_name)
def test_modules_tell_one_story(path: Path):
    room = path.relative_to(SRC / "ssrl_ecg").parts[0]
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE.get(room, 399)


def test_the_datasets_are_sorted():
    """The other tables are checked where their entries are; recipes are in the order of the chain."""
    assert list(DATASETS) == sorted(DATASETS)
