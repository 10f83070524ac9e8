"""Train, calibrate, measure and pack the classifier that comes with the package.

    python weights/train_packaged.py --data PTBXL-SAMPLE --work FOLDER

SimCLR on the training folds without labels, fine-tuning with theirs, everything that is chosen or calibrated on the
validation fold, and one measurement on the test folds at the end. Each step is skipped when its file is in the working
folder, so the same command goes on after an interruption. Written are ``classifier.safetensors``, ``weights.json`` and
the model card in ``src/ssrl_ecg/weights`` and the results in ``results/packaged``; nothing is written if the file would
be too large.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

from ssrl_ecg.cli.main import main as ssrl_ecg
from ssrl_ecg.deployment.model_card import model_card
from ssrl_ecg.deployment.reliability_sections import reliability_sections
from ssrl_ecg.files import atomic_path, write_json
from ssrl_ecg.training.checkpoint import read_header
from ssrl_ecg.weights import CARD, CLASSIFIER, FACTS, FOLDER, MAX_BYTES, file_hash

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "packaged" / "results.json"
LICENCE = "cc-by-4.0"
"""The recordings' own licence (PTB-XL, Wagner et al. 2020); the weights are derived from them."""

USE = """\
For research and teaching: to try the toolkit, to look at ECGs in bulk, as a start for a classifier of one's own. It is
not a medical device. Nobody's diagnosis or treatment may depend on it, and a probability it prints is no finding."""

DATA = """\
A tenth of PTB-XL (Wagner et al. 2020, "PTB-XL, a large publicly available electrocardiography dataset"): 10-second
12-lead recordings from one German centre, 1989 to 1996, of adults, on recorders of one maker. Other recorders, filters,
populations, children, paced rhythms and single-lead devices are not covered, and rare diseases hardly."""


def run(words: list[object]) -> str:
    """Run one command of the toolkit and return what it printed."""
    box = io.StringIO()
    print("ssrl-ecg", *words, flush=True)
    with contextlib.redirect_stdout(box):
        code = ssrl_ecg([str(word) for word in words])
    if code:
        raise SystemExit(code)
    return box.getvalue()


def train(options: argparse.Namespace) -> Path:
    """Pretrain, fine-tune and calibrate; return the calibrated checkpoint."""
    work: Path = options.work
    encoder, classifier, calibrated = (work / f"{name}.safetensors" for name in ("encoder", "classifier", "calibrated"))
    data = ["--data", options.data, "--store", options.store or work / "store"]
    folds = ["--train-folds", options.train_folds, "--val-folds", options.val_folds, "--test-folds", options.test_folds]
    size = ["--encoder", "resnet18", "--encoder-width", options.width]
    seed = ["--seed", options.seed]
    steps = {
        encoder: ["pretrain", "simclr", *data, *folds, *size, *seed, "--epochs", options.epochs, "--out", encoder],
        classifier: ["finetune", *data, *folds, *seed, "--checkpoint", encoder, "--out", classifier],
        calibrated: ["calibrate", classifier, *data, *folds, *seed, "--out", calibrated],
    }
    for target, words in steps.items():
        if not target.is_file():
            run(words)
    return calibrated


def measure(options: argparse.Namespace, calibrated: Path) -> dict[str, Any]:
    """Judge the classifier on the test folds."""
    data = ["--data", options.data, "--store", options.store or options.work / "store"]
    words = ["evaluate", "--checkpoint", calibrated, *data, "--test-folds", options.test_folds, "--json"]
    return {
        "evaluation": json.loads(run([*words, "--seed", options.seed])),
        "reliability": read_header(calibrated)["reliability"],
        "sha256": file_hash(calibrated),
        "bytes": calibrated.stat().st_size,
        "folds": {"training": options.train_folds, "validation": options.val_folds, "test": options.test_folds},
        "seed": options.seed,
    }


def pack(calibrated: Path, results: dict[str, Any], folder: Path, results_path: Path) -> None:
    """Put checkpoint, facts and card into the package, and the results beside it."""
    if results["bytes"] > MAX_BYTES:
        raise SystemExit(f"{calibrated}: {results['bytes']} bytes, at most {MAX_BYTES} may be packed")
    write_json(results_path, results)
    with atomic_path(folder / CLASSIFIER) as temporary:
        shutil.copyfile(calibrated, temporary)
    write_json(folder / FACTS, {key: results[key] for key in ("sha256", "bytes", "folds", "seed")})
    with atomic_path(folder / CARD) as temporary:
        temporary.write_text(card(results, read_header(calibrated)), encoding="utf-8")


def card(results: dict[str, Any], header: dict[str, Any]) -> str:
    """Write the model card from a results file and the checkpoint's header."""
    sections = {
        "Intended use": USE,
        "Data and their limits": DATA,
        "Results": "\n".join(_per_class(results)),
        **reliability_sections(results["reliability"]),
    }
    return model_card(header, license_name=LICENCE, sections=sections)


def _per_class(results: dict[str, Any]) -> list[str]:
    report, folds = results["evaluation"]["report"], results["folds"]
    n_patients = results["evaluation"]["n_patients"]
    metrics = ("auroc", "auprc", "f1", "sensitivity", "specificity")
    rows = [
        f"| {name} | {' | '.join(_number(report['per_class'][metric][name]) for metric in metrics)} |"
        for name in report["n_positives"]
    ]
    mean = " | ".join(_number(report["macro"][metric]) for metric in metrics)
    return [
        f"Folds {folds['test']}, {n_patients} patients; trained on folds {folds['training']}, everything chosen on "
        f"fold {folds['validation']}. Thresholds are those of the checkpoint.",
        "",
        f"| class | {' | '.join(metrics)} |",
        f"|---|{'---|' * len(metrics)}",
        *rows,
        f"| mean | {mean} |",
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="PTB-XL or a sample of it")
    parser.add_argument("--work", type=Path, required=True, help="folder of the steps' checkpoints")
    parser.add_argument("--store", type=Path, help="store of the recordings; WORK/store without it")
    parser.add_argument("--train-folds", default="1-6")
    parser.add_argument("--val-folds", default="7")
    parser.add_argument("--test-folds", default="8-9")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--package", type=Path, default=FOLDER, help="where checkpoint, facts and card go")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def main() -> None:
    """Do everything."""
    options = arguments()
    calibrated = train(options)
    pack(calibrated, measure(options, calibrated), options.package, options.results)
    print(f"packed {options.package / CLASSIFIER}; results: {options.results}")


if __name__ == "__main__":
    main()
