"""A training that is killed and resumed ends in the same bits as one that is not; children are forked: quicker."""

from __future__ import annotations

import os
import signal
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations.recipes import full
from ssrl_ecg.errors import InputError
from ssrl_ecg.methods import BYOL, BYOLConfig, SimCLR, SimCLRConfig
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.training import classify as classify_module
from ssrl_ecg.training import state as state_module
from ssrl_ecg.training.classify import ClassifyConfig, train_classifier
from ssrl_ecg.training.embed import module_hash, predict_logits
from ssrl_ecg.training.history import HISTORY_NAME
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain
from ssrl_ecg.training.state import STATE_NAME

METHODS = {
    "simclr": lambda encoder: SimCLR(encoder, SimCLRConfig(hidden_dim=8, projection_dim=4)),
    "byol": lambda encoder: BYOL(encoder, BYOLConfig(hidden_dim=8, projection_dim=4)),
}
TICKS_PER_STEP, STEPS_PER_EPOCH, EPOCHS = 4, 3, 24
CPU = Compute(accelerator="cpu")


def kill_oneself():
    os.kill(os.getpid(), signal.SIGKILL)


def never():
    pass


def after(ticks, act):
    """A function that does nothing until it is called for the n-th time."""
    left = [ticks]

    def tick():
        left[0] -= 1
        if left[0] == 0:
            act()

    return tick


def ticking(method, tick):
    """The same method, with a tick before and after the loss, and before and after what follows the optimiser step."""

    def surrounded(function):
        def call(*arguments):
            tick()
            result = function(*arguments)
            tick()
            return result

        return call

    method.loss, method.after_step = surrounded(method.loss), surrounded(method.after_step)
    return method


@pytest.fixture
def train(store, preprocessing):
    """(method's name, folder, tick=never, **config) -> the result of a pretraining in that folder."""

    def run(name, folder, tick=never, *, epochs=EPOCHS, rows=60, recipe=None, width=2, **config):
        return pretrain(
            lambda: ticking(METHODS[name](ECGEncoder1DCNN(CNNConfig(width=width))), tick),
            store,
            np.arange(rows),
            preprocessing=preprocessing,
            recipe=recipe or full(),
            config=PretrainConfig(epochs=epochs, batch_size=16, learning_rate=1e-2, **config),
            compute=CPU,
            watch_labels=store.labels("both"),
            folder=folder,
            progress=False,
        )

    return run


def in_child(work) -> int:
    """Run ``work`` in a forked copy of this process: its exit code, negative for the signal that killed it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            torch.set_num_threads(1)  # OpenMP's other threads did not come along, and would be waited for
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def assert_same(found, expected, where="state"):
    """Equal in every bit, through dictionaries and lists."""
    assert type(found) is type(expected), where
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key in expected:
            assert_same(found[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), where
        for position, pair in enumerate(zip(found, expected, strict=True)):
            assert_same(*pair, f"{where}[{position}]")
    elif isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected), where
    else:
        assert found == expected or (found != found and expected != expected), where


def assert_same_run(found: Path, expected: Path):
    states = [torch.load(folder / STATE_NAME, weights_only=True) for folder in (found, expected)]
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "callbacks", "global_step", "epoch"):
        assert_same(states[0][key], states[1][key], key)
    assert (found / HISTORY_NAME).read_bytes() == (expected / HISTORY_NAME).read_bytes()
    assert sorted(path.name for path in found.iterdir()) == sorted([HISTORY_NAME, STATE_NAME])


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_twenty_kills_at_random_moments_leave_no_trace(name, train, tmp_path):
    uninterrupted = train(name, tmp_path / "whole")
    folder = tmp_path / "killed"
    random = np.random.default_rng(0)
    finished_epochs = set()
    for _ in range(20):
        tick = after(random.integers(1, 2.4 * STEPS_PER_EPOCH * TICKS_PER_STEP), kill_oneself)
        assert in_child(lambda tick=tick: train(name, folder, tick)) == -signal.SIGKILL
        if (folder / STATE_NAME).exists():
            finished_epochs.add(torch.load(folder / STATE_NAME, weights_only=True)["epoch"])
    assert len(finished_epochs) > 5
    assert max(finished_epochs) < EPOCHS - 1

    resumed = train(name, folder)
    assert module_hash(resumed.encoder) == module_hash(uninterrupted.encoder)
    assert resumed.history == uninterrupted.history
    assert_same_run(folder, tmp_path / "whole")


def save_half_and_die(content, path):
    torch.serialization.save(content, path)
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)
    kill_oneself()


def die_before_the_rename(source, target):
    if Path(target).name == STATE_NAME:
        kill_oneself()
    os.replace(source, target)


@pytest.mark.parametrize("moment", ["half written", "not renamed"])
def test_a_kill_while_the_state_is_written_costs_one_epoch(moment, train, tmp_path, monkeypatch):
    train("byol", tmp_path / "whole", epochs=4)
    folder = tmp_path / "killed"
    third_epoch = 2 * STEPS_PER_EPOCH * TICKS_PER_STEP + 1

    def arm():
        if moment == "half written":
            monkeypatch.setattr(state_module.torch, "save", save_half_and_die)
        else:
            monkeypatch.setattr(Path, "replace", die_before_the_rename)

    assert in_child(lambda: train("byol", folder, after(third_epoch, arm), epochs=4)) == -signal.SIGKILL
    assert torch.load(folder / STATE_NAME, weights_only=True)["epoch"] == 1
    assert len(list(folder.glob("*.part")) + list(folder.glob(".*.part"))) >= 1

    assert [row["epoch"] for row in train("byol", folder, epochs=4).history] == [0, 1, 2, 3]
    assert_same_run(folder, tmp_path / "whole")


def test_ctrl_c_reaches_the_caller_and_the_run_goes_on_later(train, tmp_path, ctrl_c_handler):
    uninterrupted = train("byol", tmp_path / "whole", epochs=4)
    folder = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        train("byol", folder, after(30, lambda: signal.raise_signal(signal.SIGINT)), epochs=4)
    assert signal.getsignal(signal.SIGINT) is ctrl_c_handler
    assert torch.load(folder / STATE_NAME, weights_only=True)["epoch"] == 1

    assert module_hash(train("byol", folder, epochs=4).encoder) == module_hash(uninterrupted.encoder)
    assert_same_run(folder, tmp_path / "whole")


def test_a_finished_run_is_not_trained_again(train, tmp_path):
    first = train("simclr", tmp_path, epochs=2)
    steps = []
    again = train("simclr", tmp_path, lambda: steps.append(1), epochs=2)
    assert steps == []
    assert module_hash(again.encoder) == module_hash(first.encoder)
    assert again.history == first.history


@pytest.mark.parametrize(
    "other", [{"epochs": 3}, {"seed": 1}, {"rows": 50}, {"width": 3}, {"weight_decay": 0.5}, {"name": "byol"}]
)
def test_other_settings_are_refused_not_mixed(other, train, tmp_path):
    train("simclr", tmp_path, epochs=2)
    before = (tmp_path / STATE_NAME).read_bytes()
    settings = {"name": "simclr", "epochs": 2} | other
    with pytest.raises(InputError, match="other settings") as caught:
        train(settings.pop("name"), tmp_path, **settings)
    assert "\n" not in str(caught.value)
    assert (tmp_path / STATE_NAME).read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"not a state", b"PK\x03\x04" + bytes(50), None])
def test_a_damaged_state_is_one_line(content, train, tmp_path):
    train("simclr", tmp_path, epochs=2)
    path = tmp_path / STATE_NAME
    path.write_bytes(path.read_bytes()[:-200] if content is None else content)
    with pytest.raises(InputError, match="cannot resume") as caught:
        train("simclr", tmp_path, epochs=2)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_full_disk_keeps_the_state_of_the_epoch_before(train, tmp_path, monkeypatch):
    def no_space(content, path):
        raise OSError(28, "No space left on device")

    def fill_the_disk():
        monkeypatch.setattr(state_module.torch, "save", no_space)

    second_epoch = STEPS_PER_EPOCH * TICKS_PER_STEP + 1
    with pytest.raises(InputError, match="No space left"):
        train("simclr", tmp_path, after(second_epoch, fill_the_disk), epochs=3)
    assert torch.load(tmp_path / STATE_NAME, weights_only=True)["epoch"] == 0
    assert list(tmp_path.glob(".*.part")) == []


CLASSIFICATIONS = {
    "cosine": {"oversample": True},
    "plateau": {"schedule": "plateau", "plateau_patience": 1},
    "stopped early": {"patience": 5},
    "head": {"trainable": "head"},
}
"""How a classifier is trained, beside what all four have in common."""


@pytest.fixture
def classify(store, preprocessing, make_classifier, monkeypatch):
    """(name of a classification, folder, tick=never, **config) -> the result; ticks around steps and looks."""

    def run(name, folder, tick=never, *, steps=38, rows=36, width=4, label_set="both", **config):
        labels = store.labels(label_set)

        def build():
            classifier = make_classifier(len(labels.classes), width)
            classifier.register_forward_pre_hook(lambda *_: tick())
            return classifier

        def looking(*arguments, **options):
            tick()
            logits = predict_logits(*arguments, **options)
            tick()
            return logits

        with monkeypatch.context() as patch:
            patch.setattr(classify_module, "predict_logits", looking)
            return train_classifier(
                build,
                store,
                np.arange(1, rows),
                labels,
                preprocessing=preprocessing,
                recipe=full(),
                config=ClassifyConfig(
                    steps=steps,
                    passes=0,
                    evaluate_every=3,
                    batch_size=8,
                    **{"learning_rate": 0.05} | CLASSIFICATIONS[name] | config,
                ),
                validations={"fold": np.arange(36, 50), "other": np.arange(40, 60)},
                compute=CPU,
                folder=folder,
                progress=False,
            )

    return run


def assert_same_classifier(found, expected):
    assert module_hash(found.classifier) == module_hash(expected.classifier)
    assert found.history == expected.history
    for name, best in expected.best.items():
        assert (found.best[name].auroc, found.best[name].step) == (best.auroc, best.step)
        assert_same(dict(found.best[name].state), dict(best.state))


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSIFICATIONS)
def test_kills_of_a_classifier_leave_no_trace(name, classify, tmp_path):
    uninterrupted = classify(name, tmp_path / "whole")
    assert (len(uninterrupted.history) < 13) == (name == "stopped early")
    folder, random = tmp_path / "killed", np.random.default_rng(0)
    n_killed = 0
    for _ in range(6):
        tick = after(random.integers(4, 26), kill_oneself)
        code = in_child(lambda tick=tick: classify(name, folder, tick))
        assert code in (-signal.SIGKILL, 0)
        n_killed += code != 0
    assert n_killed > 2
    assert_same_classifier(classify(name, folder), uninterrupted)
    assert_same_run(folder, tmp_path / "whole")


def test_a_finished_classifier_is_not_trained_again(classify, tmp_path):
    first = classify("stopped early", tmp_path)
    steps = []
    assert_same_classifier(classify("stopped early", tmp_path, lambda: steps.append(1)), first)
    assert steps == []


@pytest.mark.parametrize(
    "other", [{"steps": 20}, {"seed": 1}, {"rows": 30}, {"width": 3}, {"label_set": "rare"}, {"loss": "focal"}]
)
def test_a_classifier_of_other_settings_is_refused_not_mixed(other, classify, tmp_path):
    classify("cosine", tmp_path, steps=6)
    before = (tmp_path / STATE_NAME).read_bytes()
    with pytest.raises(InputError, match="other settings"):
        classify("cosine", tmp_path, **{"steps": 6} | other)
    assert (tmp_path / STATE_NAME).read_bytes() == before
