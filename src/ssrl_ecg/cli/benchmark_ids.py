"""``ssrl-ecg benchmark ids``: which records the benchmark trains and tests on, to be cited and checked by anybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.cli.protocol_options import ProtocolOptions
from ssrl_ecg.evaluation.benchmark import benchmark_ids
from ssrl_ecg.files import write_json


@dataclass(frozen=True, kw_only=True)
class BenchmarkIdsOptions:
    """Write the record ids of the training part, the test folds and all label subsets, with their hash."""

    data: LabelledDataOptions
    protocol: ProtocolOptions = field(default_factory=ProtocolOptions)
    out: Path = Path("runs/benchmark/ids.json")
    """JSON file to write."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(BenchmarkIdsOptions, argv, "ssrl-ecg benchmark ids")
    store = options.data.open_store(100.0)
    ids = benchmark_ids(store, options.data.labels(store), options.protocol.splits(store, "none"))
    write_json(options.out, ids)
    print(f"{options.out}: {len(ids['subsets'])} subsets, sha256 {ids['sha256']}")
    return DONE
