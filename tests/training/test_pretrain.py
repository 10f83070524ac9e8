from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from ssrl_ecg.augmentations.recipes import full, none
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.errors import InputError
from ssrl_ecg.methods import METHODS, BYOLConfig, SimCLR, SimCLRConfig, ViewPlan
from ssrl_ecg.metrics.representation import effective_rank, embedding_sd, knn_probe
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.training import pretrain as pretrain_module
from ssrl_ecg.training.embed import embed, module_hash
from ssrl_ecg.training.history import HISTORY_NAME
from ssrl_ecg.training.loop import Compute, stream_seed
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain
from ssrl_ecg.training.record_facts import RecordFacts

CONFIGS = {
    "simclr": SimCLRConfig(hidden_dim=8, projection_dim=4),
    "byol": BYOLConfig(hidden_dim=8, projection_dim=4),
}


class Watching(SimCLR):
    """Remembers what it is given."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.batches, self.seeds, self.progress, self.total_steps = [], [], [], 0

    def begin(self, total_steps):
        self.total_steps = total_steps

    def loss(self, batch, generator):
        self.batches.append(batch)
        self.seeds.append((generator.initial_seed(), torch.initial_seed()))
        return super().loss(batch, generator)

    def after_step(self, progress):
        self.progress.append(progress)


@pytest.fixture
def train(store, preprocessing):
    """(method=..., **config) -> (PretrainResult, the method)."""

    def run(
        kind=SimCLR, config=CONFIGS["simclr"], *, rows=60, recipe=None, fed=None, folder=None, labels=None, facts=None,
        **settings
    ):  # fmt: skip
        made = []

        def make_method():
            made.append(kind(ECGEncoder1DCNN(CNNConfig(width=2)), config))
            return made[0]

        compute = Compute(accelerator="cpu", precision=settings.pop("precision", "32"))
        result = pretrain(
            make_method,
            store,
            np.arange(rows),
            preprocessing=fed or preprocessing,
            recipe=recipe or none(),
            config=PretrainConfig(**{"epochs": 2, "batch_size": 16} | settings),
            compute=compute,
            facts=facts,
            watch_labels=labels,
            folder=folder,
            progress=False,
        )
        assert len(made) == 1
        return result, made[0]

    return run


@pytest.mark.parametrize("name", CONFIGS)
def test_a_method_trains_its_encoder(name, train):
    result, method = train(METHODS[name], CONFIGS[name], recipe=full(), epochs=3)
    assert [row["epoch"] for row in result.history] == [0, 1, 2]
    assert all(np.isfinite(list(row.values())).all() for row in result.history)
    assert result.encoder is method.encoder
    assert not result.encoder.training


def test_views_are_normalised_crops_of_the_records(train, store, preprocessing):
    _, method = train(Watching)
    rows = [tuple(batch.rows.tolist()) for batch in method.batches]
    for epoch in (rows[:3], rows[3:]):
        assert len({row for batch in epoch for row in batch}) == 48
    assert rows[:3] != rows[3:]
    batch = method.batches[0]
    assert [view.shape for view in batch.views] == [(16, 12, 100)] * 2
    assert not torch.equal(*batch.views)
    for view in batch.views:
        for row, seen in zip(batch.rows, view, strict=True):
            whole = preprocessing.normalise(torch.from_numpy(store.read_mv([int(row)])[0]))
            windows = whole.unfold(1, 100, 1)  # (lead, start, 100)
            assert ((windows - seen[:, None]).abs().amax(dim=(0, 2)) < 1e-5).any()


class Planned(Watching):
    """Two adjacent windows, two views of each; asks for everything and learns from the first two views."""

    plan = ViewPlan(windows=2, views_per_window=2, adjacent=True)
    needs = frozenset({"rpeaks", "simulation"})

    def loss(self, batch, generator):
        self.batches.append(batch)
        return SimCLR.loss(self, replace(batch, views=batch.views[:2]), generator)


def everything_known(store) -> RecordFacts:
    """Facts that can be told from the signal: a mask where leads I-III are positive, a beat at every such sample."""
    signal = store.read_mv(np.arange(len(store)))
    return RecordFacts(
        targets=signal[:, :2, 0], rpeaks_s=[np.flatnonzero(record[0] > 0) / 100 for record in signal],
        masks=signal[:, :3] > 0,
    )  # fmt: skip


def test_adjacent_windows_follow_one_another_and_facts_follow_the_windows(train, store, preprocessing):
    raw = replace(preprocessing, normalisation="none")
    _, method = train(Planned, facts=everything_known(store), fed=raw, epochs=1)
    for batch in method.batches:
        first_a, first_b, second_a, second_b = batch.views
        assert torch.equal(first_a, first_b)
        assert torch.equal(second_a, second_b)
        pair = torch.cat([first_a, second_a], dim=2)
        for row, seen, mask, peaks in zip(batch.rows, pair, batch.masks[1], batch.rpeaks_s[1], strict=True):
            windows = torch.from_numpy(store.read_mv([int(row)])[0]).unfold(1, 200, 1)
            assert ((windows - seen[:, None]).abs().amax(dim=(0, 2)) < 1e-5).any()
            second = seen[:, 100:]
            assert torch.equal(mask, second[:3] > 0)
            at = (peaks[~peaks.isnan()] * 100).round().long()
            assert at.tolist() == (second[0] > 0).nonzero().squeeze(1).tolist()
        assert np.array_equal(batch.targets, store.read_mv(batch.rows.numpy())[:, :2, 0])


def test_windows_that_do_not_fit_and_warped_time_are_refused(train, preprocessing):
    with pytest.raises(InputError, match=r"field window_s, expected at most 1.28 s for 2 windows, found 2 s"):
        train(Planned, fed=replace(preprocessing, window_s=2.0))
    with pytest.raises(InputError, match=r"field recipe, expected .* keep the time axis, found frequency-warp"):
        train(Planned, recipe=full())


def test_filters_see_whole_records_and_augmentations_millivolt(train, store, preprocessing):
    seen = []

    class Spy:
        def __call__(self, signal_mv, rate_hz, generator):
            seen.append((signal_mv.clone(), rate_hz))
            return signal_mv

        def to_dict(self):
            return {"name": "spy"}

    _, method = train(Watching, recipe=Spy(), fed=replace(preprocessing, window_s=2.56, highpass_hz=0.5), epochs=1)
    batch = method.batches[0]
    signal_mv, rate_hz = seen[0]
    assert rate_hz == 100.0
    fed = replace(preprocessing, highpass_hz=0.5)
    expected = fed.filter(torch.from_numpy(store.read_mv(batch.rows.numpy())))
    torch.testing.assert_close(signal_mv, expected)
    torch.testing.assert_close(batch.views[0], fed.normalise(expected))


def test_the_method_is_told_how_far_training_is(train):
    _, method = train(Watching)
    assert method.total_steps == 6
    assert method.progress == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1.0])


def test_every_step_has_a_seed_of_its_own_for_draws_and_for_dropout(train):
    _, method = train(Watching, seed=8)
    expected = [stream_seed(8, "step", step, 0) for step in range(6)]
    assert method.seeds == [(seed, seed) for seed in expected]


def test_patients_are_passed_on(train, store):
    _, method = train(Watching, epochs=1)
    batch = method.batches[0]
    patients = store.records["patient_id"].to_numpy()[batch.rows.numpy()]
    same = patients[:, None] == patients[None]
    np.testing.assert_array_equal((batch.patients[:, None] == batch.patients[None]).numpy(), same)


def test_the_rate_warms_up_and_falls_to_zero(train):
    rates = []
    handle = register_optimizer_step_pre_hook(
        lambda optimiser, *_: rates.append([group["lr"] for group in optimiser.param_groups])
    )
    train(epochs=4, learning_rate=0.01, warmup_fraction=0.25)
    handle.remove()
    falling = [0.01 * np.cos(np.pi / 2 * k / 9) ** 2 for k in range(9)]
    assert [rate[0] for rate in rates] == pytest.approx([0.01 / 3, 0.02 / 3, 0.01, *falling])


def test_the_watch_is_computed_on_training_records_by_the_metrics(train, store, preprocessing, monkeypatch, tmp_path):
    monkeypatch.setattr(pretrain_module, "_WATCH_RECORDS", 25)
    labels = store.labels("both")
    result, _ = train(rows=50, labels=labels, epochs=1, folder=tmp_path)
    seed = stream_seed(42, "order")
    order = np.random.default_rng(seed).permutation(np.arange(50))
    order = order[order != 0]  # record 0 has no label
    patients = store.records["patient_id"].to_numpy()
    reference = order[:25]
    query = [row for row in order[25:] if patients[row] not in set(patients[reference])]
    known, asked = (
        embed(result.encoder, preprocessing, store, np.array(rows), overlap=0.0) for rows in (reference, query)
    )
    row = result.history[0]
    assert row["embedding_sd"] == pytest.approx(embedding_sd(known))
    assert row["effective_rank"] == pytest.approx(effective_rank(known))
    assert row["knn_auroc"] == pytest.approx(knn_probe(known, labels.values[reference], asked, labels.values[query]))
    with (tmp_path / HISTORY_NAME).open(newline="") as file:
        (written,) = csv.DictReader(file)
    assert {name: float(value) for name, value in written.items()} == pytest.approx(row, rel=1e-5, nan_ok=True)


def test_watching_changes_nothing(train, store):
    unwatched, _ = train(recipe=full())
    everything = store.labels("both")
    known = Labels("both", everything.classes, everything.values, np.ones(60, dtype=bool), "multilabel")
    watched, _ = train(recipe=full(), labels=known)
    assert module_hash(watched.encoder) == module_hash(unwatched.encoder)


def test_the_seed_decides_everything(train):
    def trained(seed):
        return module_hash(train(recipe=full(), seed=seed, epochs=1)[0].encoder)

    torch.manual_seed(5)
    first = trained(1)
    torch.manual_seed(6)
    assert trained(1) == first
    assert trained(2) != first


def test_half_precision_leaves_weights_in_single_precision(train):
    (exact, _), (rough, method) = train(epochs=1), train(epochs=1, precision="bf16")
    assert {value.dtype for value in method.parameters()} == {torch.float32}
    assert rough.history[0]["loss"] != exact.history[0]["loss"]
    assert rough.history[0]["loss"] == pytest.approx(exact.history[0]["loss"], rel=0.1)


def test_views_stay_in_single_precision(train):
    _, method = train(Watching, recipe=full(), epochs=1, precision="bf16")
    assert {view.dtype for batch in method.batches for view in batch.views} == {torch.float32}


def test_a_loss_that_is_not_finite_ends_training_in_one_line(train):
    class Broken(SimCLR):
        def loss(self, batch, generator):
            loss = super().loss(batch, generator)
            object.__setattr__(loss, "value", loss.value * float("nan"))
            return loss

    with pytest.raises(InputError, match="the loss is nan in epoch 0") as caught:
        train(Broken)
    assert "\n" not in str(caught.value)


def test_too_few_records_are_refused(train):
    with pytest.raises(InputError, match="too few records"):
        train(rows=1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("batch_size", 1),
        ("learning_rate", -1),
        ("weight_decay", -1),
        ("warmup_fraction", 1.5),
        ("clip_norm", -1),
    ],
)
def test_settings_out_of_range_are_named(field, value):
    with pytest.raises(InputError, match=field):
        PretrainConfig(**{field: value})
