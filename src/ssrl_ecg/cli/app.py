"""``ssrl-ecg app``: a page that shows what a classifier says of a recording, and why."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.deployment.hub import checkpoint_file
from ssrl_ecg.errors import InputError
from ssrl_ecg.extras import extra_package
from ssrl_ecg.predict.embedder import read_embeddings
from ssrl_ecg.predict.neighbours import EmbeddingIndex
from ssrl_ecg.predict.predictor import COVERAGE, Predictor
from ssrl_ecg.weights import file_hash, packaged_classifier

_LOOPBACK = ("127.0.0.1", "localhost")
_PACKAGED = "packaged classifier"


@dataclass(frozen=True, kw_only=True)
class AppOptions:
    """Serve a web page: open a recording, see what a classifier says of it and why, take a report away.

    Nothing is loaded from elsewhere and nothing is sent anywhere; uploaded files are removed as soon as they are read.
    There is no authentication: beyond this machine, put a proxy in front. Research use, not a medical device. Needs
    ssrl-ecg[app].
    """

    checkpoint: Path | None = None
    """Checkpoint of the classifier that answers: a file, a folder in the Hub's layout, or ORGANISATION/NAME on the Hub;
    without it the one that comes with the package."""
    compare: tuple[Path, ...] = ()
    """Further classifiers, to be compared with it."""
    index: Path | None = None
    """Feature vectors among which similar recordings are looked for: an .npz that embed wrote with this checkpoint."""
    coverage: float = COVERAGE
    """Share of right answers that label sets keep, for each class, in (0, 1)."""
    host: str = "127.0.0.1"
    """Address to listen on; the default is reached from this machine only."""
    port: int = 7860
    """Port to listen on; 0 for any that is free."""
    max_upload_mb: float = 20.0
    """Largest file, in MB."""
    timeout_s: float = 30.0
    """Longest time for an upload, and again for its answer."""
    longest_s: float = 60.0
    """Seconds at the beginning of a recording that are used."""


def main(argv: list[str]) -> int:
    """Run the command, until Ctrl-C."""
    options = parse(AppOptions, argv, "ssrl-ecg app")
    if not 0 <= options.port <= 65535:
        raise InputError("no such port", field="--port", expected="0 to 65535", found=options.port)
    extra_package("gradio", "app", "web pages")
    server: Any = extra_package("uvicorn", "app", "web pages")
    with TemporaryDirectory(prefix="ssrl-ecg-app-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # what is uploaded lies here until it is read, and is gone afterwards
        site = build_site(options)
        server.run(site, host=options.host, port=options.port, log_level="info", access_log=False)
    return DONE


def build_site(options: AppOptions) -> Any:
    """Build the site that the options describe.

    Raises:
        InputError: a checkpoint or the index cannot be used, they do not fit, or a limit is out of range.
    """
    from ssrl_ecg.app.desk import Desk, PageLimits  # with matplotlib
    from ssrl_ecg.app.site import create_site  # imports Gradio, which is an extra

    limits = PageLimits(max_upload_mb=options.max_upload_mb, timeout_s=options.timeout_s, longest_s=options.longest_s)
    path = packaged_classifier() if options.checkpoint is None else checkpoint_file(options.checkpoint)
    first = _PACKAGED if options.checkpoint is None else options.checkpoint.stem
    predictors = {first: Predictor.load(path, coverage=options.coverage)}
    for other in options.compare:
        if other.stem in predictors:
            raise InputError("classifiers to compare need different names", field="--compare", found=other.stem)
        predictors[other.stem] = Predictor.load(checkpoint_file(other), coverage=options.coverage)
    index = None if options.index is None else _index(options.index, path)
    is_local = options.host in _LOOPBACK
    if not is_local:
        warnings.warn(f"everybody who reaches {options.host} may ask; there is no authentication", stacklevel=2)
    return create_site(Desk(predictors, index, limits), hosts=_LOOPBACK if is_local else None)


def _index(path: Path, checkpoint: Path) -> EmbeddingIndex:
    embeddings, expected = read_embeddings(path), file_hash(checkpoint)
    found = embeddings.facts.get("checkpoint_sha256")
    if found != expected:
        what = f"the index was made with another checkpoint than {checkpoint.name}: run ssrl-ecg embed with this one"
        raise InputError(what, file=path, field="checkpoint_sha256", expected=expected, found=found)
    return EmbeddingIndex(embeddings)
