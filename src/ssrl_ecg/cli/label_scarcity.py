"""``ssrl-ecg benchmark label-scarcity``: what pretraining buys at every share of the labels, and who may choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ssrl_ecg.cli.cell_runs import every_core, say_failures
from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.cli.scarcity_options import RepeatedProtocolOptions, ScarcityExperimentOptions
from ssrl_ecg.data.description import describe_data
from ssrl_ecg.data.leakage import audit_splits
from ssrl_ecg.evaluation.cells import Failure
from ssrl_ecg.evaluation.figure_style import FigureStyle
from ssrl_ecg.evaluation.runner import Execution
from ssrl_ecg.evaluation.scarcity.page import ValidationTrack, write_label_scarcity
from ssrl_ecg.evaluation.scarcity.protocol import Protocol, headlines, published, summarise
from ssrl_ecg.evaluation.scarcity.tracks import Tracks
from ssrl_ecg.files import write_json
from ssrl_ecg.training.run import run_record, tune_allocator


@dataclass(frozen=True, kw_only=True)
class LabelScarcityOptions:
    """Pretrain on every training signal and compare at many label fractions with everything that must be beaten.

    Writes report.html, results.json and, of the track with a validation fold, label_scarcity_benchmark.json; an
    interrupted run goes on where it stopped.
    """

    data: LabelledDataOptions
    protocol: RepeatedProtocolOptions = field(default_factory=RepeatedProtocolOptions)
    experiment: ScarcityExperimentOptions = field(default_factory=ScarcityExperimentOptions)
    validations: tuple[ValidationTrack, ...] = ("fold", "scarce")
    """Who may choose. "fold": a validation fold with all its labels; "scarce": as few of its labels, in proportion, as
    training has; "none": only the labelled training records."""
    rate_factors: tuple[float, ...] = (1.0,)
    """Multiples of their learning rate that supervised and fine-tuned rows alike try in every cell; validation records
    choose, and in the track without them nothing is tried."""
    combinations: bool = True
    """Join every method's features with MiniRocket's and with the ensemble of floors."""
    whole_systems: bool = True
    """Self-training: let the ensemble of floors teach students, in every method's features and without them."""
    min_test_positives: int = 1
    """Leave out classes with fewer positive test records, all test parts of a split together."""
    sampling_rate_hz: float = 100.0
    """Rate of the recordings that are used."""
    replicates: int = 4000
    """Bootstrap replicates of every interval."""
    style: FigureStyle = "screen"
    """Of the figures."""
    execution: Execution = field(default_factory=every_core)
    out: Path = Path("runs/label-scarcity")
    """Folder of the results; if they are there in part, the run goes on."""
    encoders: Path | None = None
    """Folder of the pretrained encoders, so that two runs can share them; without it OUT/models."""

    def tracks(self) -> dict[ValidationTrack, Tracks]:
        """Who may choose -> which rows there are."""
        return {
            validation: Tracks(
                combinations=self.combinations,
                rate_factors=(1.0,) if validation == "none" else self.rate_factors,
                scarce_validation=validation == "scarce",
            )
            for validation in self.validations
        }


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(LabelScarcityOptions, argv, "ssrl-ecg benchmark label-scarcity")
    return run_label_scarcity(options, ["ssrl-ecg", "benchmark", "label-scarcity", *argv])


def run_label_scarcity(options: LabelScarcityOptions, command: Sequence[str]) -> int:
    """Run every missing cell of every track, then make the page."""
    tune_allocator()
    experiment = replace(options.experiment.experiment(), whole_systems=options.whole_systems)
    experiment.check(options.replicates)
    store = options.data.open_store(options.sampling_rate_hz)
    labels, seed = options.data.labels(store), options.experiment.seed
    about = describe_data(options.data.source(options.sampling_rate_hz), store)
    facts = {"name": about.name, "fingerprint": store.facts.fingerprint, "label_set": labels.name}
    config = {"protocol": options.protocol, "experiment": options.experiment, "tracks": options.tracks()}
    encoders, protocols, leakage = options.encoders or options.out / "models", {}, {}
    for validation, tracks in options.tracks().items():
        repeats = options.protocol.repeats(store, labels, "none" if validation == "none" else "fold", seed)
        audits = [audit_splits(store, splits) for splits in repeats]
        leakage[validation] = [found.to_dict() for _, found in audits]
        print(*(found.verdict for _, found in audits), sep="\n", flush=True)
        kept = [splits for splits, _ in audits]
        protocol = Protocol(experiment, tracks, store, labels, kept, options.min_test_positives)
        print(protocol.judged(), flush=True)
        protocol.check(options.out / validation, encoders, options.execution)
        protocols[validation] = protocol
    failures: list[Failure] = []
    with run_record(options.out, command=list(command), config=config, seed=seed, data=facts) as run:
        found, run["leakage"] = {}, leakage
        for validation, protocol in protocols.items():
            folders, failed = protocol.run(options.out / validation, encoders, options.execution)
            failures += failed
            print(f"{validation}: computing intervals", flush=True)
            found[validation] = summarise(folders, n_replicates=options.replicates)
            if validation == "fold" and len(folders) == 1:
                write_json(options.out / "label_scarcity_benchmark.json", published(folders[0], experiment))
        page = write_label_scarcity(options.out, found, run, style=options.style)
    print(*headlines(found), f"report: {page}", sep="\n")
    return say_failures(failures)
