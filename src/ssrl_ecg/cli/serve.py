"""``ssrl-ecg serve``: a classifier or an encoder over HTTP."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.deployment.hub import load
from ssrl_ecg.errors import InputError
from ssrl_ecg.extras import extra_package
from ssrl_ecg.predict.predictor import COVERAGE
from ssrl_ecg.weights import packaged_classifier

_LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """Answer POST /predict and /embed over HTTP; GET /health says what is served, /docs shows how to ask.

    A request holds one recording: JSON with samples, or the bytes of a file of any format that convert reads. Requests
    that arrive together share a batch. There is no authentication: beyond this machine, put a proxy in front. Research
    use, not a medical device. Needs ssrl-ecg[serve].
    """

    checkpoint: str | None = None
    """Classifier or encoder: a file, a folder, or a name on the Hub; without it the classifier of the package."""
    coverage: float = COVERAGE
    """Share of right answers that label sets keep, for each class, in (0, 1)."""
    host: str = "127.0.0.1"
    """Address to listen on; the default is reached from this machine only."""
    port: int = 8000
    """Port to listen on; 0 for any that is free."""
    max_request_mb: float = 20.0
    """Largest body of a request, in MB."""
    timeout_s: float = 30.0
    """Longest time for a body to arrive, and again for its answer."""
    longest_s: float = 60.0
    """Seconds at the beginning of a recording that are used."""
    max_concurrent: int = 32
    """Requests at once; further ones are told to come back."""
    max_batch: int = 32
    """Recordings that the network sees at once."""
    batch_wait_ms: float = 5.0
    """How long a request waits for others to share its batch."""


def main(argv: list[str]) -> int:
    """Run the command, until Ctrl-C."""
    options = parse(ServeOptions, argv, "ssrl-ecg serve")
    if not 0 <= options.port <= 65535:
        raise InputError("no such port", field="--port", expected="0 to 65535", found=options.port)
    extra_package("fastapi", "serve", "services")
    server: Any = extra_package("uvicorn", "serve", "services")
    server.run(build_app(options), host=options.host, port=options.port, log_level="info", access_log=False)
    return DONE


def build_app(options: ServeOptions) -> Any:
    """Build the service that the options describe.

    Raises:
        InputError: no such checkpoint, or a limit out of range.
    """
    from ssrl_ecg.app.service import ServiceLimits, create_app  # imports FastAPI, which is an extra

    limits = ServiceLimits(
        max_request_mb=options.max_request_mb,
        timeout_s=options.timeout_s,
        longest_s=options.longest_s,
        max_concurrent=options.max_concurrent,
        max_batch=options.max_batch,
        batch_wait_ms=options.batch_wait_ms,
    )
    is_local = options.host in _LOOPBACK
    if not is_local:
        warnings.warn(f"everybody who reaches {options.host} may ask; there is no authentication", stacklevel=2)
    checkpoint = load(options.checkpoint or packaged_classifier())
    return create_app(checkpoint, limits, coverage=options.coverage, hosts=_LOOPBACK if is_local else None)
