"""Latency and throughput of prediction: torch against ONNX Runtime on the same graph, and the service around torch.

A record is ten seconds of twelve leads at 100 Hz; filter, windows of 2.5 s (half overlapping, so seven) and averaging
are part of it. Both runtimes have one thread and run in turn; what counts is processor time. Of the service, requests
as JSON go through the whole application in this process, without a network in between.

    python benchmarks/serving.py --data PTBXL

``--data`` is not read: the networks see noise, and their cost does not depend on what they see.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

import httpx
import torch
from measure import SEED, Cost, Outcome, Sample, Side, in_turn, main, one_thread, ratio, timed

from ssrl_ecg.app.service import ServiceLimits, create_app
from ssrl_ecg.deployment.export import FORMATS, open_onnx
from ssrl_ecg.deployment.graph import RecordGraph
from ssrl_ecg.models import ENCODERS, Classifier, LinearHead, LinearHeadConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import ClassifierCheckpoint

ENCODER_NAMES = ("cnn", "resnet18", "cpc")
CLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
PREPROCESSING = Preprocessing(window_s=2.5, highpass_hz=0.5, clip_mv=5.0, normalisation="record")
N_SAMPLES, REPEATS, BATCH_SIZE = 1000, 7, 16
N_REQUESTS, N_CLIENTS = 64, (1, 16)


def checkpoint(name: str) -> ClassifierCheckpoint:
    """Build a classifier of five classes with random weights on an encoder of default size."""
    torch.manual_seed(SEED)
    encoder = ENCODERS[name](ENCODERS[name].Config())
    head = LinearHead(LinearHeadConfig(), feature_dim=encoder.feature_dim, n_outputs=len(CLASSES))
    return ClassifierCheckpoint(Classifier(encoder, head).eval(), PREPROCESSING, CLASSES, "multilabel", "super")


def runtimes(graph: RecordGraph, batch_size: int, repeats: int) -> dict[str, Any]:
    """Time one record alone and a batch, in both runtimes."""
    onnx = open_onnx(FORMATS["onnx"].write(graph, graph.example(2)), threads=1)

    def in_torch(signal_mv: torch.Tensor) -> None:
        with torch.inference_mode():
            graph(signal_mv)

    measured: dict[str, Any] = {}
    for name, n_records in (("one", 1), ("batch", batch_size)):
        signal_mv = graph.example(n_records)
        sides = {"torch": Side(partial(in_torch, signal_mv), n_records),
                 "onnx": Side(partial(onnx, signal_mv.numpy()), n_records)}  # fmt: skip
        costs = in_turn(sides, repeats)
        measured[name] = {side: per_record(costs[side]) for side in sides} | {
            "torch_over_onnx": ratio(costs, "torch", "onnx")
        }
    return measured


def per_record(costs: Iterable[Cost]) -> dict[str, float]:
    """Median milliseconds of one record, and records in a second of processor time."""
    costs = list(costs)
    processor_s = statistics.median(cost.processor_s for cost in costs)
    elapsed_s = statistics.median(cost.wall_s for cost in costs)
    return {"processor_ms": 1e3 * processor_s, "elapsed_ms": 1e3 * elapsed_s, "records_per_s": 1 / processor_s}


async def _ask(app: Any, body: bytes, n_requests: int, n_clients: int) -> list[float]:
    """Send requests by so many clients at once, and return how long each took in s."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service", timeout=120)
    turn = asyncio.Semaphore(n_clients)

    async def one() -> float:
        async with turn:
            began = time.perf_counter()
            reply = await client.post("/predict", content=body, headers={"content-type": "application/json"})
            assert reply.status_code == 200, reply.text
            return time.perf_counter() - began

    async with app.router.lifespan_context(app), client:
        await one()
        return await asyncio.gather(*(one() for _ in range(n_requests)))


def service(model: ClassifierCheckpoint, n_requests: int) -> dict[str, Any]:
    """Time requests through the service, one after the other and several at once."""
    signal = RecordGraph(model, N_SAMPLES).example(1)[0].tolist()
    body = json.dumps({"signal": signal, "sampling_rate_hz": PREPROCESSING.sampling_rate_hz}).encode()
    measured = {}
    for n_clients in N_CLIENTS:
        app = create_app(model, ServiceLimits(max_concurrent=2 * n_clients, timeout_s=120))
        waits_s, cost = timed(lambda app=app, n=n_clients: asyncio.run(_ask(app, body, n_requests, n)))
        measured[f"{n_clients} at once"] = {
            "median_ms": 1e3 * statistics.median(waits_s),
            "requests_per_processor_s": (n_requests + 1) / cost.processor_s,
        }
    return measured


def run(
    _: Sample,
    *,
    names: Iterable[str] = ENCODER_NAMES,
    batch_size: int = BATCH_SIZE,
    repeats: int = REPEATS,
    n_requests: int = N_REQUESTS,
) -> Outcome:
    """Measure every encoder in both runtimes, and the service around the first."""
    names = tuple(names)
    with one_thread():
        measured: dict[str, Any] = {
            name: runtimes(RecordGraph(checkpoint(name), N_SAMPLES), batch_size, repeats) for name in names
        }
        around = service(checkpoint(names[0]), n_requests)
    return {
        "data": "noise, no recordings",
        "config": {
            "encoders": {name: ENCODERS[name].Config() for name in names},
            "preprocessing": PREPROCESSING,
            "n_samples": N_SAMPLES,
            "batch_size": batch_size,
            "repeats": repeats,
            "n_requests": n_requests,
            "limits": ServiceLimits(),
        },
        "measured": {"per_record": measured, "service": {names[0]: around}},
        "bars": [],
    }


if __name__ == "__main__":
    main("serving", __doc__, run)
