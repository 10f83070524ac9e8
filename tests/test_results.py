"""The committed numbers: documents say what the files say, and the files say what the stored scores say."""

import importlib.util
import json
import re
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from ssrl_ecg.evaluation.figure_files import frame_csv
from ssrl_ecg.evaluation.report import read_results
from ssrl_ecg.evaluation.summary import ResultsFolder, default_pairs, make_comparisons, make_rows
from ssrl_ecg.evaluation.transfer.tables import read_entries, score_table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
EXPERIMENTS = ("few-labels", "label-fractions", "ssrl-ecg-table")


@pytest.fixture(scope="module")
def tables():
    return load("make_tables")


def load(name):
    specification = importlib.util.spec_from_file_location(name, RESULTS / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(RESULTS))  # as for a script that is run
        specification.loader.exec_module(module)
    return module


def test_documents_say_what_the_files_say(tables):
    for name in tables.DOCUMENTS:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert tables.render(text, name) == text, f"{name} is stale: python results/make_tables.py"
        assert "<!-- table:" in text


def test_figures_show_what_the_files_say():
    make_figures = load("make_figures")
    for figure in make_figures.every_figure():
        kept = make_figures.FIGURES / f"{figure.name}.csv"
        assert kept.read_bytes() == frame_csv(figure.frame), f"{kept.name} is stale: python results/make_figures.py"
        assert kept.with_suffix(".png").stat().st_size > 10_000


def test_every_relative_link_of_the_documents_leads_somewhere(tables):
    for name in tables.DOCUMENTS:
        links = re.findall(r"\]\(([^)\s#]+)", (ROOT / name).read_text(encoding="utf-8"))
        relative = [link for link in links if "://" not in link and not link.startswith("mailto:")]
        assert relative
        assert [link for link in relative if not (ROOT / name).parent.joinpath(link).exists()] == [], name


@pytest.mark.parametrize(("document", "link"), [("README.md", "(results/x)"), ("docs/results.md", "(../results/x)")])
def test_links_of_a_table_are_relative_to_its_document(tables, monkeypatch, document, link):
    monkeypatch.setitem(tables.TABLES, "folds", lambda: "From [`results/x`](results/x)\n")
    text = "before\n<!-- table: folds -->\nold\n<!-- end -->\nafter [results](results/y)\n"
    assert tables.render(text, document) == text.replace("old\n", f"From [`results/x`]{link}\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_row_and_interval_follows_from_the_stored_scores(name):
    stored = read_results(RESULTS / name / "results.json")
    n_replicates = int(stored.interval_statement.split(":")[1].split()[0])
    results = ResultsFolder(RESULTS / name)
    assert_same(make_rows(results, n_replicates=n_replicates), stored.rows)
    assert_same(
        make_comparisons(results, default_pairs(results.arms.values()), n_replicates=n_replicates), stored.comparisons
    )


def assert_same(again, stored):
    """Words equal, numbers to 1e-6: another processor may add in another order."""
    for one, other in zip(map(leaves, map(asdict, again)), map(leaves, map(asdict, stored)), strict=True):
        assert one.keys() == other.keys()
        for place, value in one.items():
            same = pytest.approx(other[place], abs=1e-6, nan_ok=True) if isinstance(value, float) else other[place]
            assert value == same, place


def test_every_score_of_beats_follows_from_the_stored_counts():
    stored = json.loads((RESULTS / "mitbih" / "results.json").read_text(encoding="utf-8"))
    again = score_table(read_entries(RESULTS / "mitbih"), 100).to_dict("records")
    assert len(again) == len(stored["scores"])
    for one, other in zip(again, stored["scores"], strict=True):
        assert [one[name] for name in ("row", "input", "part")] == [other[name] for name in ("row", "input", "part")]
        for name in (f"{beat}_{score}" for beat in "NSVF" for score in ("f1", "sensitivity", "ppv")):
            expected = float("nan") if other[name] is None else other[name]
            assert one[name] == pytest.approx(expected, abs=1e-9, nan_ok=True), (one["row"], name)


def leaves(tree, place=""):
    """Flatten nested dictionaries and tuples into place -> value."""
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, (list, tuple)):
        items = enumerate(tree)
    else:
        return {place: tree}
    return {name: value for key, item in items for name, value in leaves(item, f"{place}/{key}").items()}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_arm_was_trained_on_the_same_subsets(name):
    results = ResultsFolder(RESULTS / name)
    subsets = json.loads((RESULTS / name / "subsets.json").read_text(encoding="utf-8"))
    for arm, facts in results.arms.items():
        own = [subset for subset in subsets.values() if bool(subset["records"]) == facts.needs_labels]
        assert sum(len(results.cells(arm, fraction)) for fraction in results.fractions(arm)) == len(own)
    tested = set(results.record_ids)
    for subset in subsets.values():
        assert not tested & set(subset["records"])
        assert len(set(subset["records"])) == len(subset["records"])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_run_says_how_it_was_made(name):
    run = read_results(RESULTS / name / "results.json").run
    assert run.commit
    assert run.command.startswith("ssrl-ecg run")
    outside = r"(^|[\s=,])([/\\~]|[A-Za-z]:[/\\])|\.\."
    assert not re.search(outside, run.command), "a folder of somebody's machine"


def test_supervised_rows_had_as_many_trials_as_self_supervised_rows():
    counts = {
        path.stem: len(json.loads(path.read_text(encoding="utf-8"))) for path in (RESULTS / "trials").glob("*.json")
    }
    for a_round in ("", "-again", "-third"):
        assert counts[f"supervised{a_round}"] == counts[f"simclr{a_round}"] + counts[f"finetune{a_round}"]
    others = ("simclr-rotation", "simclr-fourth", "attention", "byol")
    assert counts["supervised-fourth"] == sum(counts[part] for part in others)


def test_results_stay_small():
    if not (ROOT / ".git").exists():
        pytest.skip("only a git checkout knows which files are committed")
    listed = subprocess.run(["git", "ls-files", "-z", "results"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert 0 < sum(path.stat().st_size for path in paths if path.exists()) < 20e6
