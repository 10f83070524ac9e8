"""Pages of docs/ that are written by a program say what the code says."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from ssrl_ecg.augmentations import AUGMENTATIONS
from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.methods import METHODS
from ssrl_ecg.models import ENCODERS, KUCNNLSTM, CNNConfig, ECGEncoder1DCNN, KULayersConfig
from ssrl_ecg.signals.criteria import CRITERIA
from ssrl_ecg.signals.measurement_names import PER_LEAD, RECORD

DOCS = Path(__file__).parents[1] / "docs"


def test_page_of_the_measurements_is_current_and_complete():
    check = [sys.executable, str(DOCS / "make_measurements.py"), "--check"]
    assert subprocess.run(check).returncode == 0, "docs/measurements.md is stale: python docs/make_measurements.py"
    page = (DOCS / "measurements.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in (*RECORD, *CRITERIA))
    assert all(f"`{name}_LEAD`" in page for name in PER_LEAD)


@pytest.fixture(scope="module")
def encoder_page():
    """The program that writes docs/encoders.md, imported as its command does: its folder is on the path."""
    sys.path.insert(0, str(DOCS))
    yield importlib.import_module("make_encoders")
    sys.path.remove(str(DOCS))


def test_page_of_the_encoders_is_current_and_complete(encoder_page):
    page = encoder_page.TARGET.read_text(encoding="utf-8")
    assert page == encoder_page.document(), "docs/encoders.md is stale: python docs/make_encoders.py"
    assert all(f"`{name}`" in page for name in ENCODERS)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("cnn", [(11, 2), (7, 1), (7, 2), (5, 1), (5, 2), (3, 1)]),
        ("inception1d", [(39, 1)] * 6),
        ("resnet1d-wang", [(7, 1), (5, 1), (3, 1), (5, 2), (3, 1), (5, 2), (3, 1)]),
        ("resnet18", [(7, 2), (3, 2), *[(3, 1)] * 4, *[(3, 2), *[(3, 1)] * 3] * 3]),
        ("multiscale-resnet18", [(31, 2), (3, 2), *[(3, 1)] * 4, *[(3, 2), *[(3, 1)] * 3] * 3]),
        ("ku-cnn", [(15, 2)] * 7),
    ],
)
def test_reach_follows_from_kernels_and_strides(encoder_page, name, layers):
    """Each layer adds kernel - 1 samples times the strides before it."""
    reach, step = 1, 1
    for kernel, stride in layers:
        reach, step = reach + (kernel - 1) * step, step * stride
    first, last = encoder_page.reach(ENCODERS[name])
    assert last - first + 1 == reach


def test_reach_of_recurrence_and_attention_is_everything(encoder_page):
    assert encoder_page.reach_in_words(*encoder_page.reach(ENCODERS["ku-cnn-lstm"])) == ("whole record", "")
    assert encoder_page.reach_in_words(0, 2050) == ("all before", "")
    assert encoder_page.reach_in_words(2007, 2089) == ("83", "830")


def test_multiplications_equal_those_counted_by_hand(encoder_page):
    """Steps x in x out x kernel of each convolution; at every step of the LSTM each weight once."""
    steps = (500, 500, 250, 250, 125, 125)
    channels = [(12, 64, 11), (64, 64, 7), (64, 128, 7), (128, 128, 5), (128, 256, 5), (256, 256, 3)]
    cnn = sum(n * i * o * k for n, (i, o, k) in zip(steps, channels, strict=True))
    assert encoder_page.mega_macs(ECGEncoder1DCNN(CNNConfig())) == pytest.approx(cnn / 1e6)
    steps, channels = (500, 250, 63, 16, 8), [(12, 32), (32, 32), (32, 64), (64, 64), (64, 64)]
    trunk = sum(n * i * o * 15 for n, (i, o) in zip(steps, channels, strict=True))
    lstm = 8 * 2 * 4 * 128 * ((64 + 128) + (256 + 128))
    by_hand = (trunk + lstm + 256 * 256) / 1e6
    assert encoder_page.mega_macs(KUCNNLSTM(KULayersConfig()).eval()) == pytest.approx(by_hand)


def test_page_of_the_augmentations_is_current_complete_and_light():
    check = [sys.executable, str(DOCS / "make_augmentations.py"), "--check"]
    assert subprocess.run(check).returncode == 0, "docs/augmentations.md is stale: python docs/make_augmentations.py"
    page = (DOCS / "augmentations.md").read_text(encoding="utf-8")
    pictures = sorted((DOCS / "augmentations").iterdir())
    assert [picture.name for picture in pictures] == [f"{name}.png" for name in sorted(AUGMENTATIONS)]
    assert all(f"(augmentations/{picture.name})" in page for picture in pictures)
    assert all(f"`{name}`" in page for name in RECIPES)
    assert sum(picture.stat().st_size for picture in pictures) < 2_500_000


def test_page_of_the_methods_is_current_and_explains_every_setting():
    check = [sys.executable, str(DOCS / "make_methods.py"), "--check"]
    assert subprocess.run(check).returncode == 0, "docs/methods.md is stale: python docs/make_methods.py"
    page = (DOCS / "methods.md").read_text(encoding="utf-8")
    for name, kind in METHODS.items():
        assert f'<a id="{name}"></a>' in page
        assert all(f"`--{field.name.replace('_', '-')}`" in page for field in fields(kind.Config))
