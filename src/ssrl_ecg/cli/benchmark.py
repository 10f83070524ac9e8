"""``ssrl-ecg benchmark``: what frozen embeddings of any framework are worth with few labels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from ssrl_ecg.cli.cell_runs import every_core, say_failures
from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.parsing import one_of, parse
from ssrl_ecg.cli.protocol_options import ProtocolOptions, Validation
from ssrl_ecg.data.description import describe_data
from ssrl_ecg.evaluation import benchmark
from ssrl_ecg.evaluation.assemble import make_report
from ssrl_ecg.evaluation.feature_files import read_features
from ssrl_ecg.evaluation.figures import FigureStyle
from ssrl_ecg.evaluation.floors import DEFAULT_FLOORS, FLOORS, check_floors, floor_plans, floors_left_out
from ssrl_ecg.evaluation.label_fractions import prepare_design
from ssrl_ecg.evaluation.report import write_report
from ssrl_ecg.evaluation.report_page import findings, headline
from ssrl_ecg.evaluation.runner import Execution
from ssrl_ecg.files import write_json
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.run import run_record


@dataclass(frozen=True, kw_only=True)
class BenchmarkOptions:
    """Score frozen embeddings by a linear probe on fixed subsets of 16 to 512 and all labels, beside the floors.

    No validation label is used unless --validation fold asks for it. Writes report.html, results.json, leaderboard.json
    and ids.json; see docs/benchmark.md.
    """

    features: Path
    """NumPy file (.npy) of a float array (record, feature), from any framework."""
    ids: Path
    """CSV file with a column record_id: the record of each row of the array."""
    data: LabelledDataOptions
    protocol: ProtocolOptions = field(default_factory=ProtocolOptions)
    validation: Validation = "none"
    """"none": penalties by cross-validation within the labelled records. "fold": by a plentiful validation fold."""
    name: str | None = None
    """Name of the embeddings in all tables; without it that of the file."""
    sampling_rate_hz: float = 100.0
    """Rate of the recordings that floors are computed from."""
    floors: tuple[Annotated[str, one_of(FLOORS)], ...] | None = None
    """Floors beside the embeddings; without the flag all that fit the label set (MiniRocket needs ssrl-ecg[floors])."""
    execution: Execution = field(default_factory=every_core)
    replicates: int = 2000
    """Bootstrap replicates of every interval."""
    out: Path = Path("runs/benchmark")
    """Folder of the results; if they are there in part, the run goes on."""
    style: FigureStyle = "screen"
    """"publication" makes figures that can go into a journal."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(BenchmarkOptions, argv, "ssrl-ecg benchmark")
    return run_benchmark(options, ["ssrl-ecg", "benchmark", *argv])


def run_benchmark(options: BenchmarkOptions, command: list[str]) -> int:
    """Check the files, fit, report."""
    name = options.name or options.features.stem
    check_floors(DEFAULT_FLOORS if options.floors is None else options.floors)
    store = options.data.open_store(options.sampling_rate_hz)
    labels, splits = options.data.labels(store), options.protocol.splits(store, options.validation)
    records = store.records["record_id"].to_numpy(dtype=str)
    features = read_features(options.features, options.ids, records, benchmark.needed_rows(labels, splits))
    ids = benchmark.benchmark_ids(store, labels, splits)
    design = benchmark.benchmark_design(len(ids["training"]))
    preprocessing = Preprocessing(sampling_rate_hz=options.sampling_rate_hz, highpass_hz=0.5, normalisation="none")
    floors = floor_plans(store, labels, splits[0].train, preprocessing, options.floors)
    plans = [benchmark.feature_plan(name, features, splits), *floors]
    benchmark.check_plans(plans, design.n_amounts, options.replicates)
    about = describe_data(options.data.source(options.sampling_rate_hz), store)
    facts = {"name": about.name, "fingerprint": store.facts.fingerprint, "label_set": labels.name}
    config = {"protocol": options.protocol, "validation": options.validation, "features": options.features.name}
    checked = prepare_design(options.out, plans, store, labels, splits, design, options.execution)
    with run_record(options.out, command=command, config=config, seed=design.first_seed, data=facts) as run:
        write_json(options.out / "ids.json", ids)
        outcomes = checked.run()
        print("computing intervals and writing the report", flush=True)
        report = make_report(
            options.out, store, labels, splits, title=f"Few-label benchmark: {name}", about=about, run=run,
            notes=floors_left_out(labels, options.floors), n_replicates=options.replicates,
        )  # fmt: skip
        groups = benchmark.patient_group_scores(options.out, name, store, n_replicates=options.replicates)
        report = replace(report, groups=(*report.groups, *groups))
        entry = benchmark.leaderboard_entry(report, name, features.shape[1], ids["sha256"], labels.name)
        write_json(options.out / "leaderboard.json", entry)
        page = write_report(report, options.out, options.style)
    print(headline(report), *findings(report), f"report: {page}", sep="\n")
    return say_failures(outcomes.failures)
