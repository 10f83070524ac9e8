"""The published phases as commands: which there are, in which order, and what each leaves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ssrl_ecg.cli.exits import DONE, INCOMPLETE
from ssrl_ecg.cli.fold_options import FoldOptions
from ssrl_ecg.errors import InputError
from ssrl_ecg.files import atomic_path

METHODS = {"masked": "train_ssl", "simclr": "train_ssl_simclr", "byol": "train_ssl_byol"}
"""Pretraining -> the command that runs it."""


@dataclass(frozen=True, kw_only=True)
class ExperimentsOptions:
    """Pretrain (masked, SimCLR, BYOL), train from scratch, fine-tune, run the label-scarcity benchmark, evaluate.

    Each phase is a command of its own, printed before it runs. A phase that an earlier run finished with the same
    command is not repeated, and one that was interrupted goes on where it stopped.
    """

    data_root: Path = Path("data/PTB-XL")
    """Folder of PTB-XL."""
    checkpoint_dir: Path = Path("checkpoints")
    """Folder of all checkpoints."""
    results_dir: Path = Path("label_scarcity_results")
    """Folder of results and of the diary of finished phases."""
    store: Path | None = None
    """Folder of the store that the recordings are read into once; without it ./store/NAME-100hz."""
    folds: FoldOptions = field(default_factory=FoldOptions)
    label_fraction: float = 0.1
    """Share of the labels of the supervised and the fine-tuned classifiers."""
    epochs: int = 20
    """Passes of pretraining, supervised training and fine-tuning."""
    scarcity_epochs: int = 50
    """Passes of the label-scarcity benchmark at most."""
    scarcity_fractions: tuple[float, ...] = (0.01, 0.05, 0.1, 0.25, 1.0)
    """Its shares of the labels."""
    dry_run: bool = False
    """Print the commands and run none."""


@dataclass(frozen=True)
class Phase:
    """One command and the file it leaves.

    Attributes:
        name: what is printed, and what the diary calls it.
        module: of the package.
        words: its flags.
        product: file that is there when it has finished; that of an evaluation is what it prints.
        is_printed: whether the product is what the command prints.
    """

    name: str
    module: str
    words: tuple[str, ...]
    product: Path
    is_printed: bool = False

    @property
    def command(self) -> list[str]:
        """The command as one types it."""
        return ["python", "-m", f"ssrl_ecg.{self.module}", *self.words]

    def run(self) -> None:
        """Run it; what it prints goes to the terminal, or to the product.

        Raises:
            InputError: it failed; its own last line says why. Where single cells failed, it has said so, and the rest
                is there.
        """
        done = subprocess.run([sys.executable, *self.command[1:]], stdout=subprocess.PIPE if self.is_printed else None)
        if done.returncode not in (DONE, INCOMPLETE):
            raise InputError(f"phase {self.name} failed", field="exit code", expected=0, found=done.returncode)
        if self.is_printed:
            with atomic_path(self.product) as temporary:
                temporary.write_bytes(done.stdout)


def phases(options: ExperimentsOptions) -> Iterator[Phase]:
    """Every phase in its order."""
    data = _flags(data_root=options.data_root, **({} if options.store is None else {"store": options.store}))
    folds = _flags(train_folds=options.folds.train_folds, val_folds=options.folds.val_folds,
                   test_folds=options.folds.test_folds)  # fmt: skip
    trained, evaluated = options.checkpoint_dir, options.results_dir / "evaluation"
    epochs = _flags(epochs=options.epochs)
    for name, module in METHODS.items():
        out = trained / f"ssl_{name}.safetensors"
        yield Phase(f"pretrain {name}", module, (*data, *folds, *epochs, *_flags(out=out)), out)
    share = _flags(label_fraction=options.label_fraction)
    out = trained / "supervised.safetensors"
    yield Phase("supervised", "train_supervised", (*data, *folds, *epochs, *share, *_flags(out=out)), out)
    for name in METHODS:
        out, start = trained / f"finetuned_{name}.safetensors", trained / f"ssl_{name}.safetensors"
        words = (*data, *folds, *epochs, *share, *_flags(ssl_checkpoint=start, out=out))
        yield Phase(f"finetune {name}", "train_finetune", words, out)
    scarcity = _flags(checkpoint_dir=trained, results_dir=options.results_dir, epochs=options.scarcity_epochs)
    fractions = ("--label-fractions", *map(str, options.scarcity_fractions))
    product = options.results_dir / "label_scarcity_benchmark.json"
    yield Phase("scarcity", "label_scarcity_benchmark", (*data, *folds, *scarcity, *fractions), product)
    for name in ("supervised", *(f"finetuned_{method}" for method in METHODS)):
        words = (*data, *_flags(checkpoint=trained / f"{name}.safetensors", test_folds=options.folds.test_folds))
        yield Phase(f"evaluation {name}", "evaluate", words, evaluated / f"{name}.txt", is_printed=True)


def _flags(**values: object) -> tuple[str, ...]:
    return tuple(word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", str(value)))
