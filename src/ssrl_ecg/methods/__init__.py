"""Self-supervised methods, one per file."""

from __future__ import annotations

from ssrl_ecg.methods.byol import BYOL, BYOLConfig
from ssrl_ecg.methods.jepa import JEPA, JEPAConfig
from ssrl_ecg.methods.mae import MAE, MAEConfig
from ssrl_ecg.methods.masked_reconstruction import MaskedReconstruction, MaskedReconstructionConfig
from ssrl_ecg.methods.measurements import MeasurementRegression, MeasurementRegressionConfig
from ssrl_ecg.methods.method import Loss, Method, ViewBatch, ViewPlan
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.methods.simulation import Simulation, SimulationConfig

METHODS: dict[str, type[Method]] = {
    "byol": BYOL,
    "jepa": JEPA,
    "mae": MAE,
    "masked": MaskedReconstruction,
    "measurements": MeasurementRegression,
    "simclr": SimCLR,
    "simulation": Simulation,
}
"""Every method by the name that the command line and checkpoints use."""

__all__ = [
    "BYOL",
    "JEPA",
    "MAE",
    "METHODS",
    "BYOLConfig",
    "JEPAConfig",
    "Loss",
    "MAEConfig",
    "MaskedReconstruction",
    "MaskedReconstructionConfig",
    "MeasurementRegression",
    "MeasurementRegressionConfig",
    "Method",
    "SimCLR",
    "SimCLRConfig",
    "Simulation",
    "SimulationConfig",
    "ViewBatch",
    "ViewPlan",
]
