"""What the benchmarks share: sides timed in turn, bars to meet, and one JSON per benchmark that says how it was made.

Both sides of a ratio run in turn in one process on one torch thread. What is compared is processor time, repeat by
repeat: each ratio is of two measurements that lie next to each other, so that a busy neighbour, a warming processor or
a slower hour falls on both sides. The elapsed times stand beside it; on an idle machine both ratios are the same.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.store import RecordStore, build_store
from ssrl_ecg.files import jsonable, write_json
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.run import as_config, git_commit, tune_allocator, versions, without_folders

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "benchmarks"
SEED = 42
_DATA_NAMES = {"ptbxl-sample": "PTB-XL sample"}

T = TypeVar("T")
Outcome = dict[str, Any]
"""``config``, ``measured`` and ``bars``: what a benchmark's ``run`` returns."""


@dataclass(frozen=True)
class Sample:
    """PTB-XL's files and the store built from them."""

    data: Path
    store: RecordStore

    @property
    def name(self) -> str:
        """Name and size of the data, as every number measured on it must be labelled."""
        root_name = self.store.facts.root_name
        return f"{_DATA_NAMES.get(root_name, root_name)}, {len(self.store):,} records"

    def fitted(self, preprocessing: Preprocessing, rows: np.ndarray) -> Preprocessing:
        """Fit means and SDs on these rows, 256 at a time."""
        return preprocessing.fitted(self.store.read_mv(rows[start : start + 256]) for start in range(0, len(rows), 256))


@dataclass(frozen=True)
class Cost:
    """Processor and elapsed seconds of one piece of work."""

    processor_s: float
    wall_s: float

    def over(self, count: int) -> Cost:
        """Cost of one of ``count`` equal parts."""
        return Cost(self.processor_s / count, self.wall_s / count)


@dataclass(frozen=True)
class Side:
    """One side of a comparison: what is run, and how many records one run of it handles."""

    run: Callable[[], object]
    n_records: int


Costs = dict[str, list[Cost]]
"""Per side, the cost of one record in each repeat."""


def timed(work: Callable[[], T]) -> tuple[T, Cost]:
    """Run once; return what came out and what it cost this process."""
    wall, processor = time.perf_counter(), time.process_time()
    value = work()
    return value, Cost(time.process_time() - processor, time.perf_counter() - wall)


def in_turn(sides: Mapping[str, Side], repeats: int, *, warm_ups: int = 1) -> Costs:
    """Run every side ``repeats`` times, one after the other, after ``warm_ups`` rounds that do not count."""
    costs: Costs = {name: [] for name in sides}
    for repeat in range(warm_ups + repeats):
        for name, side in sides.items():
            cost = timed(side.run)[1].over(side.n_records)
            if repeat >= warm_ups:
                costs[name].append(cost)
    return costs


def median_us(costs: Iterable[Cost]) -> dict[str, float]:
    """Median microseconds of one record."""
    costs = list(costs)
    return {
        "processor": 1e6 * statistics.median(cost.processor_s for cost in costs),
        "elapsed": 1e6 * statistics.median(cost.wall_s for cost in costs),
    }


def ratio(costs: Costs, above: str, below: str) -> dict[str, Any]:
    """Summarise how many times the one side costs the other, from the ratio within each repeat.

    Returns:
        Median, smallest and largest ratio of processor time, the median ratio of elapsed time, and the repeats.
    """
    pairs = list(zip(costs[above], costs[below], strict=True))
    ratios = [one.processor_s / other.processor_s for one, other in pairs]
    return {
        "median": statistics.median(ratios),
        "smallest": min(ratios),
        "largest": max(ratios),
        "elapsed_median": statistics.median(one.wall_s / other.wall_s for one, other in pairs),
        "repeats": len(ratios),
    }


def at_least(what: str, value: float, bar: float) -> dict[str, Any]:
    """State a bar that a value must reach."""
    return {"what": what, "bar": f">= {bar:g}", "value": value, "met": bool(value >= bar)}


def at_most(what: str, value: float, bar: float) -> dict[str, Any]:
    """State a bar that a value must not exceed."""
    return {"what": what, "bar": f"<= {bar:g}", "value": value, "met": bool(value <= bar)}


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread in torch, BLAS and OpenMP; with a core busy, two threads are many times slower than one."""
    threads = torch.get_num_threads()
    try:
        with threadpool_limits(1):
            torch.set_num_threads(1)
            yield
    finally:
        torch.set_num_threads(threads)


def machine() -> dict[str, Any]:
    """Describe where this runs, and how busy it is: a load above 1 means that others compute here as well."""
    model = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = [int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")]
    return {
        "processor": model[0] if model else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory[0] * 1024 / 1e9, 1) if memory else None,
        "system": platform.system(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def publish(folder: Path, name: str, sample: Sample, run: Callable[[Sample], Outcome]) -> Outcome:
    """Run one benchmark on one thread, write ``NAME.json`` into the folder, and print its bars."""
    before, began = machine(), time.perf_counter()
    with one_thread():
        outcome = run(sample)
    record = {
        "name": name,
        "command": without_folders(["python", *sys.argv]),
        "seed": SEED,
        "data": sample.name,
        "commit": git_commit(),
        "versions": versions(),
        "machine": before,
        "torch_threads": 1,
        "date": datetime.now(UTC).date().isoformat(),
        "duration_s": round(time.perf_counter() - began, 1),
        **as_config(outcome),
    }
    write_json(folder / f"{name}.json", rounded(jsonable(record)))
    for bar in outcome["bars"]:
        print(f"{name}: {bar['what']}: {bar['value']:.4g} ({bar['bar']}: {'met' if bar['met'] else 'MISSED'})")
    return record


def rounded(value: Any) -> Any:
    """Round every number in nested plain values to five significant digits: more were never measured."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Build the command line of every benchmark: where PTB-XL, its store and the results are."""
    shelf = os.environ.get("SSRL_ECG_DATA")
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(shelf) / "ptbxl-sample" if shelf else None,
        required=shelf is None,
        help="PTB-XL or a sample of it; by default ptbxl-sample in the folder that SSRL_ECG_DATA names",
    )
    parser.add_argument("--store", type=Path, default=ROOT / "runs" / "benchmarks" / "store", help="where its store is")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where NAME.json goes")
    return parser


def prepare(data: Path, store: Path) -> Sample:
    """Tune the allocator as every training command does, and build or open the store."""
    tune_allocator()
    return Sample(data, build_store(PTBXL(data), store).store)


def main(name: str, description: str | None, run: Callable[[Sample], Outcome]) -> None:
    """Run one benchmark as a command."""
    chosen = arguments(description).parse_args()
    publish(chosen.results, name, prepare(chosen.data, chosen.store), run)
