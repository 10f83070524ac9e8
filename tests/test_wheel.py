"""What pip installs: the wheel holds all that the package reads, asks for little, and answers without the extras."""

from __future__ import annotations

import email
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from ssrl_ecg.data.synthetic import write_synthetic_ptbxl

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
EXTRAS = (
    *("aeon", "defusedxml", "fastapi", "gradio", "h5py", "huggingface_hub", "mlflow", "neurokit2", "onnx"),
    *("onnxruntime", "onnxscript", "pyarrow", "pydicom", "pyedflib", "ray", "tensorboard", "umap", "uvicorn"),
)
"""Modules of packages that a fresh installation has not."""
PREDICT = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[2:]))  # cannot be imported
import ssrl_ecg
from ssrl_ecg.cli.main import main
print(ssrl_ecg.__file__)
raise SystemExit(main(["predict", sys.argv[1]]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    with ZipFile(path) as archive:
        yield archive


def test_every_file_of_the_package_is_in_it(wheel):
    source = ROOT / "src"
    files = {path for path in (source / "ssrl_ecg").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert {path.relative_to(source).as_posix() for path in files} <= set(wheel.namelist())
    assert {path.suffix for path in files} >= {".py", ".css", ".js", ".j2", ".safetensors", ".json"}
    assert "ssrl_ecg/py.typed" in wheel.namelist()


def test_a_plain_installation_asks_for_none_of_the_extras_packages(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    asked = [Requirement(line) for line in email.message_from_bytes(wheel.read(name)).get_all("Requires-Dist")]
    always = {one.name for one in asked if one.marker is None}
    extra = {one.name for one in asked if one.marker is not None}
    assert {"numpy", "torch", "wfdb"} <= always
    assert {"gradio", "fastapi", "mlflow-skinny", "onnx", "ray"} <= extra
    assert not always & extra


def test_predict_answers_outside_the_repository_and_without_the_extras(wheel, tmp_path):
    wheel.extractall(tmp_path / "installed")
    header = min(write_synthetic_ptbxl(tmp_path / "cohort", 10, seed=1).rglob("*.hea"))
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, str(header), *EXTRAS],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    place, *answer = done.stdout.splitlines()
    assert place.startswith(str(tmp_path / "installed"))
    assert all(any(name in line for line in answer) for name in ("NORM", "MI", "STTC", "CD", "HYP"))
