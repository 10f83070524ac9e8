from __future__ import annotations

import logging
import re
import warnings

import lightning as L
import pytest
import torch
from torch.utils.data import DataLoader

from ssrl_ecg.errors import InputError
from ssrl_ecg.training.history import History
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.trainer import fit


class Toy(L.LightningModule):
    """One weight, pulled towards zero; eight steps per epoch."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.weight, self.scale, self.n_steps = torch.nn.Parameter(torch.tensor([10.0])), scale, 0

    def train_dataloader(self):
        return DataLoader(torch.zeros(8, 1), batch_size=1)

    def training_step(self, batch, batch_index):
        loss = (self.scale * self.weight).square().sum()
        self.log("loss", loss.detach(), on_step=False, on_epoch=True)
        return loss

    def on_before_optimizer_step(self, optimizer):
        self.n_steps += 1

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def run(module, *callbacks, compute=None, title=None, max_epochs=2, clip_norm=0.0, **options):
    history = History()
    compute = compute or Compute(accelerator="cpu")
    fit(module, history, callbacks, compute=compute, max_epochs=max_epochs, clip_norm=clip_norm, title=title, **options)
    return history.rows


def test_the_history_holds_epoch_means():
    module = Toy()
    rows = run(module)
    weights = [10 * 0.98**k for k in range(16)]
    for epoch, row in enumerate(rows):
        expected = sum(weight**2 for weight in weights[8 * epoch : 8 * epoch + 8]) / 8
        assert row == {"epoch": epoch, "loss": pytest.approx(expected, rel=1e-5)}


def test_gradients_are_clipped_only_if_asked():
    free, clipped = Toy(), Toy()
    run(free, max_epochs=1)
    run(clipped, max_epochs=1, clip_norm=0.5)
    assert free.weight.item() == pytest.approx(10 * 0.98**8)
    assert clipped.weight.item() == pytest.approx(10 - 8 * 0.01 * 0.5)


def test_steps_end_training_within_an_epoch():
    module = Toy()
    assert len(run(module, max_epochs=-1, max_steps=11)) == 2
    assert module.n_steps == 11


def test_it_is_silent_and_leaves_warnings_and_loggers_as_they_were(capfd, recwarn):
    filters, levels = (
        list(warnings.filters),
        [logging.getLogger(n).level for n in ("lightning.pytorch", "lightning.fabric")],
    )
    run(Toy())
    assert capfd.readouterr() == ("", "")
    assert [str(warning.message) for warning in recwarn] == []
    assert warnings.filters == filters
    assert [logging.getLogger(n).level for n in ("lightning.pytorch", "lightning.fabric")] == levels


def test_warnings_of_others_pass():
    class Warns(L.Callback):
        def on_train_start(self, trainer, pl_module):
            warnings.warn("look here", stacklevel=1)

    with pytest.warns(UserWarning, match="look here"):
        run(Toy(), Warns())


def test_one_bar_counts_all_steps_on_stderr(capfd):
    run(Toy(), title="pretraining")
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    last = err.rstrip("\n").split("\r")[-1]
    assert re.match(r"pretraining, epoch 2/2: 100%.*16/16 ", last)
    assert "loss=" in last


def test_the_bar_is_closed_before_an_error_is_told(capfd):
    with pytest.raises(InputError, match=r"the loss is (inf|nan) in epoch 0"):
        run(Toy(scale=1e30), title="training")
    assert capfd.readouterr().err.endswith("\n")


def test_errors_of_callbacks_pass_as_they_are():
    class Fails(L.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(Toy(), Fails())


def test_leaving_the_process_is_no_ctrl_c():
    class Leaves(L.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        run(Toy(), Leaves())
    assert caught.value.code == 3


@pytest.mark.parametrize("other", [{"strategy": "telepathy"}, {"accelerator": "mps"}])
def test_devices_that_are_not_there_are_one_line(other):
    if other.get("accelerator") == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(InputError, match="cannot compute that way") as caught:
        run(Toy(), compute=Compute(**{"accelerator": "cpu"} | other))
    assert "\n" not in str(caught.value)


def test_nothing_is_written_without_a_state(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(Toy())
    assert list(tmp_path.iterdir()) == []
