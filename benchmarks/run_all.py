"""Every benchmark in turn; each leaves results/benchmarks/NAME.json and prints its bars.

    python benchmarks/run_all.py --data PTBXL [--only NAME ...] [--auroc]

About twelve minutes on an idle machine, at most twenty with ``--auroc``. Simulations of the statistics are apart, as
they measure no speed: ``comparison_errors.py``, twelve minutes. ``delineation`` needs LUDB and MIT-BIH beside
PTB-XL (folders ``ludb`` and ``mitdb``) and the extra ``bench``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import augmentation_chain
import delineation
import duplicates
import encoders
import finetune
import floors
import memory
import page
import pretrain_epoch
import reference_script
import serving
import store
import synthetic
from measure import Outcome, Sample, arguments, at_least, prepare, publish

import augmentations
import methods
import predict


def chain(_: Sample) -> Outcome:
    """Time the augmentation chain, which needs no recordings, and hold it to its bar."""
    measured = augmentation_chain.run()
    set_up = ("batch_size", "n_samples", "sampling_rate_hz", "repeats", "allocator_tuned")
    what = "times faster than per record in NumPy and SciPy"
    return {
        "data": f"{measured['batch_size']} records of smoothed noise, no recordings",
        "seed": 0,
        "config": {name: measured[name] for name in set_up},
        "measured": {name: value for name, value in measured.items() if name not in set_up},
        "bars": [at_least(what, measured["ratio"], 5)],
    }


def benchmarks(*, auroc: bool) -> dict[str, Callable[[Sample], Outcome]]:
    """Return every benchmark by the name of its result."""
    return {
        "store": store.run,
        "augmentation_chain": chain,
        "augmentations": augmentations.run,
        "pretrain_epoch": pretrain_epoch.run,
        "reference_script": partial(reference_script.run, auroc=auroc),
        "memory": memory.run,
        "finetune": finetune.run,
        "synthetic": synthetic.run,
        "delineation": delineation.run,
        "encoders": encoders.run,
        "duplicates": duplicates.run,
        "floors": floors.run,
        "methods": methods.run,
        "serving": serving.run,
        "predict": predict.run,
        "page": page.run,
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--auroc", action="store_true", help="also the time to the reference script's AUROC (minutes)")
    parser.add_argument("--only", nargs="+", choices=tuple(benchmarks(auroc=False)), help="run these alone")
    chosen = parser.parse_args()
    sample = prepare(chosen.data, chosen.store)
    for name, run in benchmarks(auroc=chosen.auroc).items():
        if chosen.only is None or name in chosen.only:
            publish(chosen.results, name, sample, run)


if __name__ == "__main__":
    main()
