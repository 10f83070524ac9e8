"""Every benchmark runs in a tiny setting and says all it promises, and its committed result says it too."""

from __future__ import annotations

import importlib
import json
import mmap
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ssrl_ecg.augmentations import AUGMENTATIONS
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.evaluation.label_fractions import LabelFractions
from ssrl_ecg.methods import ViewBatch
from ssrl_ecg.models import ResNet1D, ResNetConfig
from ssrl_ecg.training.classify import ClassifyConfig
from ssrl_ecg.training.pretrain import PretrainConfig

ROOT = Path(__file__).parents[1]
NAMES = (
    "store",
    "augmentation_chain",
    "augmentations",
    "pretrain_epoch",
    "reference_script",
    "memory",
    "finetune",
    "synthetic",
    "delineation",
    "encoders",
    "duplicates",
    "floors",
    "methods",
    "serving",
    "predict",
    "page",
)
FIELDS = (
    *("name", "command", "seed", "data", "commit", "versions", "machine", "torch_threads", "date", "duration_s"),
    *("config", "measured", "bars"),
)


@pytest.fixture(scope="module")
def benchmark():
    """Import a benchmark as its command does: its folder is on the path."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield importlib.import_module
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def sample(benchmark, tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmarks")
    data = write_synthetic_ptbxl(folder / "ptbxl", n_records=120, seed=1)
    return benchmark("measure").prepare(data, folder / "store")


def flat(tree, prefix=""):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else [("", tree)]
    for key, value in items:
        yield from flat(value, f"{prefix}/{key}") if isinstance(value, (dict, list)) else [(f"{prefix}/{key}", value)]


def test_store_reads_what_the_reference_reader_reads(benchmark, sample):
    outcome = benchmark("store").run(sample, read_repeats=2, build_repeats=1)
    assert outcome["measured"]["largest_difference_mv"] < 0.00051
    assert {"wfdb.rdrecord", "store", "wfdb.rdrecord loop", "build_store"} == set(outcome["measured"]["us_per_record"])
    assert [bar["bar"] for bar in outcome["bars"]] == [">= 100", ">= 10"]


def test_pretrain_epoch_compares_the_same_batches(benchmark, sample):
    module = benchmark("pretrain_epoch")
    outcome = module.run(sample, encoders={"tiny": (ResNet1D, ResNetConfig(width=4))}, batch_size=16, repeats=2)
    rows = np.flatnonzero(sample.store.records["fold"] <= 6)
    assert outcome["measured"]["tiny"]["steps_per_epoch"] == len(rows) // 16
    assert outcome["measured"]["tiny"]["epoch_over_bare"]["repeats"] == 2
    assert outcome["bars"][0]["bar"] == "<= 1.25"


def test_bare_steps_go_round_all_held_batches(benchmark, sample, monkeypatch):
    module = benchmark("pretrain_epoch")
    rows = np.arange(48)
    held = module.held_views(sample, rows, sample.fitted(module.PREPROCESSING, rows), 16)
    assert sorted(np.concatenate([batch.rows.numpy() for batch in held])) == rows.tolist()
    method, seen = module.simclr(ResNet1D, ResNetConfig(width=4)), []
    loss = method.loss
    monkeypatch.setattr(method, "loss", lambda batch, generator: (seen.append(batch), loss(batch, generator))[1])
    bare = module.bare_steps(method, held, 2)
    bare()
    bare()
    assert list(map(id, seen)) == [id(held[number]) for number in (0, 1, 2, 0)]
    assert all(parameter.grad is not None for parameter in method.encoder.parameters())


def test_reference_script_counts_whole_batches_and_finds_the_time_to_equal(benchmark, sample, monkeypatch):
    module = benchmark("reference_script")
    monkeypatch.setattr(module, "CNNConfig", lambda: module.ECGEncoder1DCNN.Config(width=4))
    monkeypatch.setattr(module, "N_SUBSETS", 2)
    tiny = {"batch_size": 16, "repeats": 1, "script_epochs": 1}
    measured = module.run(sample, auroc=True, budgets_epochs=(1, 2), **tiny)["measured"]
    assert measured["script_over_ours"]["repeats"] == 1
    auroc = measured["auroc"]
    reached = [run["auroc"] >= auroc["script"]["auroc"] for run in auroc["ours"]]
    assert not any(reached[:-1])
    assert (auroc["seconds_to_equal"] is not None) == reached[-1]
    assert len(auroc["script"]["auroc_of_subsets"]) == 2
    assert "auroc" not in module.run(sample, **tiny)["measured"]


def test_a_record_alone_is_never_mixed(benchmark, sample):
    module = benchmark("reference_script")
    rng = np.random.default_rng(0)
    other = np.full((12, 1000), 1e3, np.float32)
    signal = np.zeros((12, 1000), np.float32)
    alone = [
        module.per_record_view(np.stack([signal, signal]), 0, 100.0, rng, module.bandpass_spectrum) for _ in range(40)
    ]
    mixed = [
        module.per_record_view(np.stack([signal, other]), 0, 100.0, rng, module.bandpass_spectrum) for _ in range(40)
    ]
    assert np.abs(alone).max() < 1 < np.abs(mixed).max()


def test_memory_compares_the_peaks_of_both_stores(benchmark, sample, monkeypatch):
    module = benchmark("memory")
    monkeypatch.setattr(module, "in_own_process", module.peak_of_pretraining)  # spares the start of two interpreters
    measured = module.run(sample, copies=2)["measured"]
    assert measured["replicated"]["n_records"] == 2 * measured["once"]["n_records"] == 2 * len(sample.store)
    assert measured["growth_mb"] == measured["replicated"]["peak_rss_anon_mb"] - measured["once"]["peak_rss_anon_mb"]


@pytest.mark.slow
def test_memory_is_measured_in_a_process_of_its_own(benchmark, sample):
    measured = benchmark("memory").in_own_process(sample.store)
    assert measured["n_records"] == len(sample.store)
    assert measured["peak_rss_anon_mb"] > 50


def test_a_replicated_store_holds_every_record_again(benchmark, sample, tmp_path):
    replicated = benchmark("memory").replicate(sample.store, tmp_path / "store", 3)
    n_records = len(sample.store)
    again = np.arange(n_records) + 2 * n_records
    np.testing.assert_array_equal(replicated.signals_uv[again], sample.store.signals_uv)
    np.testing.assert_array_equal(replicated.labels("super").values[again], sample.store.labels("super").values)
    assert replicated.records["record_id"].is_unique
    assert replicated.records["patient_id"].nunique() == 3 * sample.store.records["patient_id"].nunique()


def test_the_watched_peak_sees_memory_that_is_already_free_again(benchmark):
    module = benchmark("memory")
    with module.watched_peak() as peak:
        before = peak[0]
        with mmap.mmap(-1, 100_000_000, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as block:
            for start in range(0, len(block), mmap.PAGESIZE):
                block[start] = 1
            deadline = time.monotonic() + 30
            while peak[0] < before + 99 and time.monotonic() < deadline:
                time.sleep(0.01)
    assert before + 99 < peak[0] < before + 150


def test_finetune_reports_time_and_auroc_per_subset(benchmark, sample):
    module = benchmark("finetune")
    outcome = module.run(
        sample,
        pretrain_config=PretrainConfig(epochs=1, batch_size=32),
        classify_config=ClassifyConfig(steps=2, passes=0, evaluate_every=2, batch_size=8),
        n_subsets=2,
    )
    assert len(outcome["measured"]["auroc_of_subsets"]) == 2
    assert 0 <= outcome["measured"]["auroc"] <= 1
    assert {"processor_s", "elapsed_s"} < set(outcome["measured"]["finetuning"])


def test_synthetic_times_the_simulator_and_learns_from_a_cohort_of_its_own(benchmark, sample):
    outcome = benchmark("synthetic").run(
        sample,
        n_records=200,
        repeats=2,
        encoder=ResNetConfig(width=4),
        classify_config=ClassifyConfig(steps=2, passes=0, evaluate_every=2, batch_size=8),
        n_subsets=2,
    )
    measured = outcome["measured"]
    assert set(measured["us_per_record"]) == {"simulated", "simulated and written"}
    assert measured["simulated_records_per_s"] * measured["us_per_record"]["simulated"]["processor"] == pytest.approx(
        1e6
    )
    assert len(measured["auroc_of_subsets"]) == len(measured["labelled_records"]) == 2
    assert [bar["bar"] for bar in outcome["bars"]] == [">= 2000", ">= 0.75", "<= 0.92"]
    assert outcome["data"].startswith("synthetic, 200")


def test_comparison_errors_counts_every_figure_and_holds_it_to_its_bars(benchmark):
    module = benchmark("comparison_errors")
    outcome = module.run(None, n_simulations=4)
    shares = outcome["measured"]["share_of_errors"]
    assert set(shares) == set(module.STUDIES)
    assert all(4 * share in range(5) for figures in shares.values() for share in figures.values())
    assert [bar["bar"] for bar in outcome["bars"]].count(">= 0.04") == sum(both for *_, both in module.BARS)
    assert len({bar["what"] for bar in outcome["bars"]}) == len(module.BARS)


def test_simulated_models_and_learners_are_equally_good(benchmark):
    module, rng = benchmark("comparison_errors"), np.random.default_rng(1)
    records, models = module.cohort(rng, n_patients=4000, n_models=2)
    first, second = (module.auroc(records.targets, model.scores[0])[0] for model in models)
    assert first == pytest.approx(second, abs=0.03)
    assert 0.7 < first < 0.9
    gaps = [np.diff(module.split_scores(rng, n_records=200, n_models=2).mean(axis=1))[0] for _ in range(200)]
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / np.sqrt(200)
    assert 0.6 < module.split_scores(rng, n_records=2000, n_models=1).mean() < 0.8


@pytest.mark.real_data
def test_delineation_scores_a_little_of_everything(benchmark, data_root):
    sample = SimpleNamespace(data=data_root / "ptbxl-sample")
    outcome = benchmark("delineation").run(sample, n_records=2, record_ids=["100"], n_simulated=2, repeats=1)
    measured = outcome["measured"]
    ours, reference = measured["ludb"]["500 Hz"]["leads"], measured["ludb"]["neurokit2 dwt"]["leads"]
    for boundary, row in ours["all"].items():
        assert row["n_annotated"] == ours["odd"][boundary]["n_annotated"] + ours["even"][boundary]["n_annotated"]
        assert row["n_annotated"] == sum(lead[boundary]["n_annotated"] for lead in ours["leads"].values())
        assert ours["even"][boundary]["n_annotated"] == reference["even"][boundary]["n_annotated"]
    assert ours["all"]["qrs_onset"]["sensitivity_150ms"] > 0.9
    assert reference["even"]["qrs_onset"]["sensitivity_150ms"] > 0.5
    assert measured["mit_bih"]["all"]["beats"] == 2273
    assert measured["synthetic"]["qrs_onset"]["sensitivity_150ms"] > 0.9
    assert measured["records_per_s"]["500 Hz"] > 0


def test_delineation_merges_leads_without_believing_a_single_one(benchmark):
    module, nothing = benchmark("delineation"), np.zeros((0, 3))
    leads = [
        module.LeadAnnotation({"p": nothing, "qrs": np.array([[1 + k, 5, 9 - k]]) / 10, "t": nothing}, (0.1 + k, 1.0))
        for k in np.arange(6) / 10
    ]
    leads[0].waves_s["t"] = np.array([[2.0, 2.1, 2.2]])
    merged, doubtful_s = module.whole_heart(leads)
    np.testing.assert_allclose(merged.waves_s["qrs"], [[0.11, 0.5, 0.89]])
    assert merged.waves_s["t"].shape == merged.waves_s["p"].shape == (0, 3)
    assert doubtful_s["t"].tolist() == [[2.0, 2.2]]
    assert merged.span_s == (0.1, 1.0)


def test_the_reference_delineator_gives_up_on_a_flat_lead(benchmark):
    leads_s = benchmark("delineation").by_neurokit(np.zeros((2, 5000), np.float32), 500.0)
    assert [times_s.shape for times_s in leads_s] == [(0, 9), (0, 9)]


def test_copies_of_simulated_recordings_are_found_and_others_are_not(benchmark, tmp_path):
    data = write_synthetic_ptbxl(tmp_path / "ptbxl", n_records=12, seed=1, sampling_rate_hz=500)
    outcome = benchmark("duplicates").run(benchmark("measure").prepare(data, tmp_path / "store"), n_records=300)
    copies = outcome["measured"]["copies"]
    assert copies["as it is"]["lowest"] > 0.99
    assert copies["10 ms later"]["lowest"] < copies["1 ms later"]["lowest"]
    assert outcome["measured"]["others"]["n_pairs"] == 12 * 11 // 2
    assert outcome["measured"]["others"]["found"] == []
    assert all(bar["met"] for bar in outcome["bars"])


def test_encoders_are_timed_in_both_directions(benchmark):
    outcome = benchmark("encoders").run(None, names=["cnn", "ku-cnn-lstm"], batch_size=2, repeats=2, n_processes=1)
    rates = outcome["measured"]["records_per_s"]
    assert list(rates) == ["cnn", "ku-cnn-lstm"]
    assert all(rates[name]["inference"]["processor"] > rates[name]["training"]["processor"] > 0 for name in rates)


@pytest.mark.slow
def test_predict_is_timed_for_one_file_and_for_many(benchmark, sample):
    outcome = benchmark("predict").run(sample, n_records=70, repeats=1, encoder=ResNetConfig(width=4), n_processes=1)
    measured = outcome["measured"]
    assert measured["records_per_s"]["processor"] == 70 / measured["folder"]["processor_s"]
    assert 100 < measured["peak_mb"] < 2000
    assert [bar["bar"] for bar in outcome["bars"]] == ["<= 4", ">= 300", "<= 1000"]


@pytest.mark.slow
def test_serving_is_timed_in_both_runtimes_and_through_the_service(benchmark):
    outcome = benchmark("serving").run(None, names=["cnn"], batch_size=2, repeats=2, n_requests=4)
    measured = outcome["measured"]
    for way in measured["per_record"]["cnn"].values():
        assert way["torch"]["processor_ms"] > 0
        assert way["onnx"]["records_per_s"] == pytest.approx(1e3 / way["onnx"]["processor_ms"])
        assert way["torch_over_onnx"]["repeats"] == 2
    assert list(measured["service"]["cnn"]) == ["1 at once", "16 at once"]


@pytest.mark.slow
def test_the_page_is_timed_from_the_upload_to_each_of_its_updates(benchmark):
    outcome = benchmark("page").run(None, repeats=2)
    for waited_s in outcome["measured"].values():
        assert list(waited_s) == ["answers", "waves", "explanation"]
        assert 0 < waited_s["answers"] < waited_s["waves"] < waited_s["explanation"]
    (bar,) = outcome["bars"]
    assert (bar["bar"], bar["value"]) == ("<= 1", outcome["measured"]["elapsed_s"]["answers"])


def test_rates_of_processes_add_up(benchmark):
    cost = benchmark("measure").Cost
    processes = [[cost(1.0, 2.0), cost(3.0, 4.0), cost(9.0, 9.0)], [cost(1.0, 4.0)]]
    assert benchmark("encoders").records_per_s(processes, 12) == {"processor": 4.0 + 12.0, "elapsed": 3.0 + 3.0}


def test_every_augmentation_is_timed(benchmark):
    outcome = benchmark("augmentations").run(None, batch_size=2, repeats=2)
    assert set(outcome["measured"]["us_per_record"]) == set(AUGMENTATIONS)
    assert outcome["bars"][0]["value"] == max(outcome["measured"]["us_per_record"].values()) > 0


def test_width_and_depth_are_tried_with_and_without_pretraining_and_never_twice(
    benchmark, sample, tmp_path, monkeypatch
):
    monkeypatch.setattr(benchmark("choose_recipes"), "RESULTS", tmp_path)
    bench, module = benchmark("choose_recipes").Bench(sample.data, tmp_path / "store"), benchmark("width_depth")
    for _ in range(2):
        bench.run("width-depth", list(module.plans(bench, 1, [42], names=["resnet18"], widths=[2, 3])))
    entries = json.loads((tmp_path / "width-depth.json").read_text())
    assert [entry["name"] for entry in entries] == [
        "resnet18 width 2 untrained, seed 42",
        "resnet18 width 2, seed 42",
        "resnet18 width 3 untrained, seed 42",
        "resnet18 width 3, seed 42",
    ]
    assert [entry["settings"]["encoder"]["width"] for entry in entries] == [2, 2, 3, 3]
    assert entries[0]["settings"]["pretrain"] is None
    assert entries[1]["settings"]["pretrain"]["epochs"] == 1
    assert entries[0]["per_subset"] != entries[1]["per_subset"]


def test_ratios_are_taken_within_each_repeat(benchmark):
    measure = benchmark("measure")
    costs = {
        "slow": [measure.Cost(2.0, 4.0), measure.Cost(30.0, 40.0), measure.Cost(9.0, 9.0)],
        "fast": [measure.Cost(1.0, 1.0), measure.Cost(10.0, 20.0), measure.Cost(1.0, 3.0)],
    }
    assert measure.ratio(costs, "slow", "fast") == {
        "median": 3.0,
        "smallest": 2.0,
        "largest": 9.0,
        "elapsed_median": 3.0,
        "repeats": 3,
    }


def test_sides_alternate_and_warm_ups_do_not_count(benchmark):
    measure, calls = benchmark("measure"), []
    sides = {name: measure.Side(lambda name=name: calls.append(name), 1) for name in "ab"}
    costs = measure.in_turn(sides, 2, warm_ups=1)
    assert "".join(calls) == "ababab"
    assert [len(costs[name]) for name in "ab"] == [2, 2]


@pytest.mark.parametrize(("value", "met"), [(1.99, False), (2.0, True), (float("nan"), False)])
def test_a_bar_is_met_only_by_a_number_that_meets_it(benchmark, value, met):
    measure = benchmark("measure")
    assert measure.at_least("x", value, 2)["met"] is met
    assert measure.at_most("x", -value, -2)["met"] is met


def test_publish_writes_every_field_and_no_folders(benchmark, sample, tmp_path, monkeypatch):
    measure = benchmark("measure")
    monkeypatch.setattr(sys, "argv", ["/home/someone/benchmarks/x.py", "--data", "/home/someone/ptbxl"])
    outcome = {"config": {"a": (1, 2)}, "measured": {"b": 1.23456789}, "bars": [measure.at_least("b", 1.2, 1)]}
    measure.publish(tmp_path, "x", sample, lambda _: outcome)
    record = json.loads((tmp_path / "x.json").read_text())
    assert set(FIELDS) == set(record)
    assert record["measured"]["b"] == 1.2346
    assert record["command"] == ["python", "x.py", "--data", "ptbxl"]
    assert record["data"] == "ptbxl, 120 records"


def test_run_all_runs_every_benchmark(benchmark):
    assert tuple(benchmark("run_all").benchmarks(auroc=False)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_committed_results_say_all_they_promise(name):
    record = json.loads((ROOT / "results" / "benchmarks" / f"{name}.json").read_text(encoding="utf-8"))
    assert set(FIELDS) <= set(record)
    assert record["name"] == name
    assert record["commit"]
    assert record["torch_threads"] == 1
    assert all({"what", "bar", "value", "met"} == set(bar) for bar in record["bars"])
    for bar in record["bars"]:
        sign, bound = bar["bar"].split()
        assert bar["met"] is (bar["value"] >= float(bound) if sign == ">=" else bar["value"] <= float(bound))
    other_data = {
        "augmentation_chain": "128 records of smoothed noise, no recordings",
        "augmentations": "128 records of smoothed noise, no recordings",
        "synthetic": "synthetic, 2,000 simulated records, no recordings",
        "delineation": "LUDB 1.0.1, 200 records; MIT-BIH, 48 records; synthetic, 300 simulated records",
        "encoders": "noise, no recordings",
        "serving": "noise, no recordings",
        "page": "synthetic, 1 simulated record, no recordings",
        "duplicates": "PTB-XL sample, 2,277 records, of them 120 at 500 Hz; 293 records beside it",
    }
    assert record["data"] == other_data.get(name, "PTB-XL sample, 2,277 records")
    assert not [place for place, value in flat(record) if isinstance(value, str) and value.startswith("/")]


def test_methods_are_held_against_their_bare_passes(benchmark, sample, monkeypatch):
    module = benchmark("methods")
    monkeypatch.setattr(module, "REPEATS", 1)
    outcome = module.run(sample, ("byol", "simclr", "simulation"), batch_size=8)
    assert set(outcome["measured"]) == {"byol", "simclr"}
    assert [bar["bar"] for bar in outcome["bars"]] == ["<= 1.6", "<= 1.4"]
    for one in outcome["measured"].values():
        assert one["views_with_gradient"] == 2
        assert one["step_over_bare"]["median"] > 0


def test_evidence_swaps_the_positives_of_every_record_and_nothing_else(benchmark, monkeypatch):
    module = benchmark("method_evidence")
    views = tuple(torch.arange(6.0).view(3, 1, 2) + 10 * k for k in range(2))
    targets = torch.arange(3.0)[:, None]
    batch = ViewBatch(views=views, rows=torch.arange(3), sampling_rate_hz=100.0, targets=targets)
    swapped = module.swapped(batch)
    assert torch.equal(swapped.views[0], views[0])
    assert torch.equal(swapped.views[1], views[1].roll(1, 0))
    assert torch.equal(swapped.targets, targets.roll(1, 0))
    (seen, asked) = module.swapped(ViewBatch(views=views[:1], rows=torch.arange(3), sampling_rate_hz=100.0)).views
    assert torch.equal(seen, views[0])
    assert torch.equal(asked, views[0].roll(1, 0))


def test_evidence_judges_right_and_swapped_positives(benchmark, monkeypatch):
    module = benchmark("method_evidence")
    monkeypatch.setattr(module, "N_LABELS", 24)
    monkeypatch.setattr(module, "N_SUBSETS", 1)
    monkeypatch.setattr(module, "REPLICATES", 200)
    outcome = module.run(None, ("simclr",), n_records=100, epochs=1, earlier={"byol": outcome_of_another()})
    assert list(outcome["measured"]) == ["byol", "simclr"]
    found = outcome["measured"]["simclr"]
    for part in ("gain", "gain_permuted", "right_over_permuted"):
        assert found[part]["low"] <= found[part]["difference"] <= found[part]["high"]
    total = found["gain"]["difference"] - found["gain_permuted"]["difference"]
    assert found["right_over_permuted"]["difference"] == pytest.approx(total, abs=1e-9)
    assert len(outcome["bars"]) == 4


def outcome_of_another():
    part = {"difference": 0.0, "low": 0.0, "high": 0.0}
    return {"gain": part, "gain_permuted": part, "right_over_permuted": part}


def test_floors_are_timed_one_by_one(benchmark, sample):
    module = benchmark("floors")
    design = LabelFractions(fractions=(1.0,), n_repeats=(1,))
    outcome = module.run(sample, design=design, names=("forest", "logistic"))
    assert set(outcome["measured"]["floors"]) == {"forest", "logistic"}
    assert all(bar["value"] > 0 for bar in outcome["bars"])
