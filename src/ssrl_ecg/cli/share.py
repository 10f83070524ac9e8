"""``ssrl-ecg share``: a checkpoint as the Hugging Face Hub keeps models, in a folder or on the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.deployment.hub import load, push_to_hub, save_pretrained
from ssrl_ecg.errors import InputError


@dataclass(frozen=True, kw_only=True)
class ShareOptions:
    """Write config.json, model.safetensors and a model card into a folder, or push them to the Hugging Face Hub.

    ssrl_ecg.load takes either. The card says what the model must be fed, how it came about and what it is not for.
    """

    checkpoint: tyro.conf.Positional[str]
    """Encoder or classifier: a file, a folder, or a name on the Hub."""
    folder: Path | None = None
    """New or empty folder to write."""
    hub: str | None = None
    """ORGANISATION/NAME to push to; needs ssrl-ecg[hub], and a token in HF_TOKEN."""
    license_name: str
    """The Hub's name of the licence of the weights, such as cc-by-4.0. They are derived from recordings, whose licence
    may bind them; the packaged classifier has that of PTB-XL, cc-by-4.0."""
    public: bool = False
    """Let everybody see the repository, if this makes it."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(ShareOptions, argv, "ssrl-ecg share")
    if (options.folder is None) == (options.hub is None):
        raise InputError("say where to", expected="either --folder or --hub")
    checkpoint = load(options.checkpoint)
    if options.folder is not None:
        print(f"model: {save_pretrained(checkpoint, options.folder, license_name=options.license_name)}")
    if options.hub is not None:
        private, license_name = not options.public, options.license_name
        print(f"pushed: {push_to_hub(checkpoint, options.hub, private=private, license_name=license_name)}")
    return DONE
