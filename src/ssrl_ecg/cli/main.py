"""``ssrl-ecg``: one table of commands; only the chosen one's module is imported, so that help is instant."""

from __future__ import annotations

import difflib
import importlib
import sys

from ssrl_ecg import __version__
from ssrl_ecg.cli.exits import DONE, run_guarded
from ssrl_ecg.errors import InputError

COMMANDS: dict[str, tuple[str, str]] = {
    "data download": ("ssrl_ecg.cli.data_download", "fetch an open ECG database and verify it"),
    "data inspect": ("ssrl_ecg.cli.data_inspect", "what is in a dataset: patients, classes, faults, a picture"),
    "data store": ("ssrl_ecg.cli.data_store", "read a dataset once into the form everything trains from"),
    "data synthetic": ("ssrl_ecg.cli.data_synthetic", "write a simulated cohort in PTB-XL's layout"),
    "convert": ("ssrl_ecg.cli.convert", "write recordings of any format as WFDB"),
    "measure": ("ssrl_ecg.cli.measure", "intervals, amplitudes and axes of recordings, with a picture"),
    "pretrain": ("ssrl_ecg.cli.pretrain", "learn an encoder without labels: pretrain simclr | pretrain byol"),
    "finetune": ("ssrl_ecg.cli.finetune", "train a classifier from a pretrained encoder"),
    "probe": ("ssrl_ecg.cli.probe", "fit a classifier on a pretrained encoder that stays frozen"),
    "supervised": ("ssrl_ecg.cli.supervised", "train a classifier from scratch"),
    "evaluate": ("ssrl_ecg.cli.evaluate", "judge a classifier on test records, with intervals"),
    "calibrate": ("ssrl_ecg.cli.calibrate", "learn what a classifier's answers are worth: calibration, label sets"),
    "embed": ("ssrl_ecg.cli.embed", "write an encoder's feature vectors of recordings"),
    "explore": ("ssrl_ecg.cli.explore", "an embedding as a map in one HTML file, with the ECGs"),
    "predict": ("ssrl_ecg.cli.predict", "what a classifier says of recordings, and how far to believe it"),
    "segment train": ("ssrl_ecg.cli.segment_train", "train a segmenter of P, QRS and T from marked recordings"),
    "segment apply": ("ssrl_ecg.cli.segment_apply", "onset and offset of every wave of recordings, with a picture"),
    "benchmark": ("ssrl_ecg.cli.benchmark", "score frozen embeddings of any framework on published subsets and folds"),
    "benchmark ablation": ("ssrl_ecg.cli.ablation", "what each augmentation of a recipe is worth: leave one out"),
    "benchmark ids": ("ssrl_ecg.cli.benchmark_ids", "write the record ids of the benchmark's subsets and folds"),
    "benchmark label-scarcity": ("ssrl_ecg.cli.label_scarcity", "what pretraining buys at every share of the labels"),
    "benchmark status": ("ssrl_ecg.cli.benchmark_status", "how far a run is: cells done, failed, open; who runs"),
    "benchmark leaderboard": ("ssrl_ecg.cli.leaderboard", "pretrain and compare every method at one cost"),
    "benchmark mitbih": ("ssrl_ecg.cli.mitbih", "transfer to beats of two-lead recordings of other patients"),
    "benchmark robustness": ("ssrl_ecg.cli.robustness", "train on clean recordings, score corrupted ones"),
    "benchmark segmentation": ("ssrl_ecg.cli.segmentation", "P, QRS and T on LUDB, few marks to all, with floors"),
    "export": ("ssrl_ecg.cli.export", "write a checkpoint as ONNX, TorchScript or torch.export"),
    "serve": ("ssrl_ecg.cli.serve", "a classifier or an encoder over HTTP"),
    "app": ("ssrl_ecg.cli.app", "a web page: open a recording, see what a classifier says of it, and why"),
    "share": ("ssrl_ecg.cli.share", "write a checkpoint as the Hugging Face Hub keeps models, there or in a folder"),
    "runs": ("ssrl_ecg.cli.runs", "what was run in a folder, and what came out"),
    "doctor": ("ssrl_ecg.cli.doctor", "check the installation, the machine and your data"),
    "report": ("ssrl_ecg.cli.report", "make the page and figures of finished results again, as for a journal"),
    "demo": ("ssrl_ecg.cli.demo", "the whole comparison on simulated recordings, in minutes"),
    "run": ("ssrl_ecg.cli.run", "the whole comparison: pretrain, fine-tune, floors, report"),
}
"""Command, of one or two words -> (module with ``main(argv: list[str]) -> int``, what it does)."""

_HELP_FLAGS = ("-h", "--help")


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after ``ssrl-ecg``; None takes them from the process.

    Returns:
        The exit code (see ``ssrl_ecg.cli.exits``).
    """
    words = sys.argv[1:] if argv is None else argv
    return run_guarded(lambda: _dispatch(words))


def _dispatch(words: list[str]) -> int:
    if words == ["--version"]:
        print(f"ssrl-ecg {__version__}")
        return DONE
    for n_words in (2, 1):
        name = " ".join(words[:n_words])
        if name in COMMANDS:
            code: int = importlib.import_module(COMMANDS[name][0]).main(words[n_words:])
            return code
    asked = [word for word in words[:2] if word not in _HELP_FLAGS]
    below = [name for name in COMMANDS if name.split()[: len(asked)] == asked]
    if not below:
        raise _unknown(asked)
    print(_help(below))
    return DONE


def _unknown(asked: list[str]) -> InputError:
    """What to say of words that start no command; a second word belongs to the name only after a group's first."""
    groups = {name.split()[0] for name in COMMANDS if " " in name}
    name = " ".join(asked if asked[0] in groups else asked[:1])
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    expected = f"perhaps {near[0]}" if near else ", ".join(COMMANDS)
    return InputError(f"unknown command {name!r}", expected=expected)


def _help(names: list[str]) -> str:
    width = max(map(len, names))
    return "\n".join(
        [
            "usage: ssrl-ecg COMMAND [OPTIONS]",
            "",
            "Learn ECG representations from unlabelled recordings, and measure what they buy when labels are scarce.",
            "",
            *(f"  {name:<{width}}  {COMMANDS[name][1]}" for name in names),
            "",
            "ssrl-ecg COMMAND --help shows the options of a command; ssrl-ecg --version the version.",
            "Exit codes: 0 done, 2 something given cannot be used, 3 done in part (see output), 130 interrupted.",
        ]
    )
