"""``ssrl-ecg pretrain METHOD``: learn an encoder from recordings without labels."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.fold_options import FoldOptions
from ssrl_ecg.cli.noise_options import NoiseOptions
from ssrl_ecg.cli.parsing import REQUIRED, one_of, parse
from ssrl_ecg.cli.presets import preset
from ssrl_ecg.cli.pretrained import initial_encoder
from ssrl_ecg.cli.pretraining_data import PretrainingDataOptions
from ssrl_ecg.cli.processes import first_process_speaks
from ssrl_ecg.cli.signal_options import EncoderOptions, SignalOptions
from ssrl_ecg.cli.training_run import WatchOptions, training_run
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.record_facts import record_facts
from ssrl_ecg.files import remove
from ssrl_ecg.methods import METHODS, Method
from ssrl_ecg.models import ModuleConfig
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, save_checkpoint
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain
from ssrl_ecg.training.provenance import describe_weights
from ssrl_ecg.training.run import as_config
from ssrl_ecg.training.state import STATE_NAME

C = TypeVar("C", bound=ModuleConfig)


@dataclass(frozen=True, kw_only=True)
class PretrainOptions(Generic[C]):
    """Learn an encoder from the recordings of the training folds; nothing is learnt from validation and test patients.

    Beside the checkpoint OUT lies OUT.run with run.json, history.csv and, while it runs, the state from which the same
    command goes on after an interruption. Labels serve only the kNN probe that is shown to watch for collapse.
    """

    out: Path
    """Checkpoint to write, OUT.safetensors."""
    data: PretrainingDataOptions
    folds: FoldOptions = field(default_factory=FoldOptions)
    signal: SignalOptions = field(default_factory=SignalOptions)
    encoder: EncoderOptions = field(default_factory=EncoderOptions)
    init: Path | None = None
    """Checkpoint whose encoder is trained on, in place of random weights; encoder and signal flags must be its own."""
    recipe: Annotated[str, one_of(RECIPES)] = "crop-timeout-leads"
    """Augmentations of a view; full is the seven of SSRL-ECG, no-NAME leaves one of them out."""
    noise: NoiseOptions = field(default_factory=NoiseOptions)
    method: C
    schedule: PretrainConfig = field(default_factory=PretrainConfig)
    compute: Compute = field(default_factory=Compute)
    watch: WatchOptions = field(default_factory=WatchOptions)


def main(argv: list[str]) -> int:
    """Run the command; the first word is the method."""
    if not argv or argv[0] in ("-h", "--help"):
        print(f"usage: ssrl-ecg pretrain {{{','.join(METHODS)}}} [OPTIONS]\n\nEach method's --help shows its options.")
        return DONE
    if argv[0] not in METHODS:
        near = difflib.get_close_matches(argv[0], METHODS, n=1)
        raise InputError(
            "unknown method", expected=f"perhaps {near[0]}" if near else " or ".join(METHODS), found=argv[0]
        )
    kind = METHODS[argv[0]]
    typed = PretrainOptions[kind.Config]  # type: ignore[name-defined]
    options = parse(typed, argv[1:], f"ssrl-ecg pretrain {argv[0]}", _defaults(argv[0]))
    with first_process_speaks(options.compute):
        run_pretraining(kind, options, ["ssrl-ecg", "pretrain", *argv])
    return DONE


def _defaults(method: str) -> PretrainOptions[Any]:
    """The method's preset as options, without what only the user knows."""
    chosen = preset(method)
    given: dict[str, Any] = {"recipe": chosen.recipe, "schedule": chosen.schedule, "method": METHODS[method].Config()}
    return PretrainOptions(
        out=REQUIRED, data=PretrainingDataOptions(data=REQUIRED), encoder=chosen.encoder_options(), **given
    )


def run_pretraining(kind: type[Method], options: PretrainOptions[ModuleConfig], command: list[str]) -> None:
    """Pretrain and write the checkpoint.

    Args:
        kind: the method.
        options: everything else.
        command: the words that started the run.
    """
    data = options.data.open(options.signal.sampling_rate_hz, options.folds)
    store, rows, about = data.store, data.audit.train, {"leakage": data.audit.to_dict()}
    preprocessing = options.signal.fitted(store, rows)
    make_encoder, earlier = initial_encoder(options.init, options.encoder, preprocessing)
    recipe, seed = options.noise.added_to(RECIPES[options.recipe]()), options.schedule.seed
    with training_run(
        options.out, command=command, options=options, seed=seed, store=store, watch=options.watch, more=about
    ) as run:
        data.audit.write(run.folder)
        result = pretrain(
            lambda: kind(make_encoder(), options.method),
            store,
            rows,
            preprocessing=preprocessing,
            recipe=recipe,
            config=options.schedule,
            compute=options.compute,
            facts=record_facts(store, kind.needs, rows),
            passes=data.passes,
            watch_labels=data.labels,
            folder=run.folder,
            log=run.log,
        )
        settings = {
            "method": kind.__name__,
            "config": as_config(options.method),
            "pretrain": as_config(options.schedule),
            "recipe": recipe.to_dict(),
        }
        provenance = describe_weights(command, settings, store, rows, earlier=earlier)
        save_checkpoint(options.out, EncoderCheckpoint(result.encoder, preprocessing, provenance))
        remove(run.folder / STATE_NAME)
