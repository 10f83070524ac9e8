"""The web page: how long a visitor waits for the answers to an upload, for the waves, and for what mattered.

The site of ``ssrl-ecg app`` with the packaged classifier is served in this process and asked as a browser asks it: the
upload, Gradio's queue, and the page's updates as they come. The recording is a simulated CSV of 10 s, twelve leads at
500 Hz. What counts is elapsed time, from the upload on; the first upload counts apart, as what a first visitor meets.

    python benchmarks/page.py --data PTBXL

``--data`` is not read.
"""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import uvicorn
from measure import Outcome, Sample, at_most, main

from ssrl_ecg.app.desk import Desk, PageLimits
from ssrl_ecg.app.examples import example
from ssrl_ecg.app.site import create_site
from ssrl_ecg.predict.predictor import Predictor
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.weights import packaged_classifier

EXAMPLE, REPEATS, PATIENCE_S = "normal", 9, 120
STAGES = {"answers": "ecg-answers", "waves": "on ECG paper", "explanation": "Integrated gradients"}
"""What the page shows, in its order, and how an update with it is recognised."""


def csv_file(name: str) -> bytes:
    """Write an example as a table with time and leads."""
    recording = example(name)
    times_s = np.arange(recording.signal_mv.shape[1]) / recording.sampling_rate_hz
    rows = (",".join(f"{value:.3f}" for value in row) for row in np.vstack([times_s, recording.signal_mv]).T)
    return "\n".join([",".join(["time_s", *LEADS]), *rows]).encode()


@contextmanager
def served() -> Iterator[httpx.Client]:
    """Serve the page, and say where once it is ready."""
    desk = Desk({"packaged": Predictor.load(packaged_classifier())}, limits=PageLimits(timeout_s=PATIENCE_S))
    server = uvicorn.Server(uvicorn.Config(create_site(desk), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the page did not start")
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as client:
        yield client
    server.should_exit = True
    thread.join()


def visit(client: httpx.Client, event: int, content: bytes) -> dict[str, float]:
    """Upload a file, and return after how many seconds each of the ``STAGES`` was there."""
    began, session = time.perf_counter(), uuid4().hex
    (path,) = client.post("/gradio_api/upload", files=[("files", ("recording.csv", content))]).json()
    file = {"path": path, "orig_name": "recording.csv", "meta": {"_type": "gradio.FileData"}}
    asked = {"data": [[file], None, "as the file says", "", "nothing"], "fn_index": event, "session_hash": session}
    client.post("/gradio_api/queue/join", json=asked).raise_for_status()
    shown_s: dict[str, float] = {}
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as updates:
        for line in updates.iter_lines():
            if line and json.loads(line.removeprefix("data:"))["msg"] == "process_generating":
                new = next(stage for stage, sign in STAGES.items() if sign in line)
                shown_s[new] = time.perf_counter() - began
    if list(shown_s) != list(STAGES):
        raise RuntimeError(f"the page showed {', '.join(shown_s) or 'nothing'}, not {', '.join(STAGES)}")
    return shown_s


def run(_: Sample, *, repeats: int = REPEATS) -> Outcome:
    """Visit the page once and then ``repeats`` times."""
    content = csv_file(EXAMPLE)
    with served() as client:
        events: list[dict[str, Any]] = client.get("/config").json()["dependencies"]
        event = next(one["id"] for one in events if one["targets"][0][1] == "upload")
        first, *visits = [visit(client, event, content) for _ in range(1 + repeats)]
    median_s = {stage: statistics.median(each[stage] for each in visits) for stage in STAGES}
    return {
        "data": "synthetic, 1 simulated record, no recordings",
        "config": {"example": EXAMPLE, "file_mb": len(content) / 1e6, "repeats": repeats},
        "measured": {"elapsed_s": median_s, "first_visitor_s": first},
        "bars": [at_most("seconds from the upload of 10 s to the answers", median_s["answers"], 1)],
    }


if __name__ == "__main__":
    main("page", __doc__, run)
