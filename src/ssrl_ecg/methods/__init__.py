"""Self-supervised methods, one per file."""

from __future__ import annotations

from ssrl_ecg.methods.barlow_twins import BarlowTwins, BarlowTwinsConfig
from ssrl_ecg.methods.beat_ssl import BeatSSL, BeatSSLConfig
from ssrl_ecg.methods.byol import BYOL, BYOLConfig
from ssrl_ecg.methods.clocs import CLOCS, CLOCSConfig
from ssrl_ecg.methods.cpc import CPC, CPCConfig
from ssrl_ecg.methods.halves import Halves, HalvesConfig
from ssrl_ecg.methods.jepa import JEPA, JEPAConfig
from ssrl_ecg.methods.mae import MAE, MAEConfig
from ssrl_ecg.methods.masked_reconstruction import MaskedReconstruction, MaskedReconstructionConfig
from ssrl_ecg.methods.measurements import MeasurementRegression, MeasurementRegressionConfig
from ssrl_ecg.methods.method import Loss, Method, ViewBatch, ViewPlan
from ssrl_ecg.methods.moco import MoCo, MoCoConfig
from ssrl_ecg.methods.poly_window import PolyWindow, PolyWindowConfig
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.methods.simulation import Simulation, SimulationConfig
from ssrl_ecg.methods.swav import SwAV, SwAVConfig
from ssrl_ecg.methods.vicreg import VICReg, VICRegConfig

METHODS: dict[str, type[Method]] = {
    "barlow-twins": BarlowTwins,
    "beat-ssl": BeatSSL,
    "byol": BYOL,
    "clocs": CLOCS,
    "cpc": CPC,
    "halves": Halves,
    "jepa": JEPA,
    "mae": MAE,
    "masked": MaskedReconstruction,
    "measurements": MeasurementRegression,
    "moco": MoCo,
    "poly-window": PolyWindow,
    "simclr": SimCLR,
    "simulation": Simulation,
    "swav": SwAV,
    "vicreg": VICReg,
}
"""Every method by the name that the command line and checkpoints use."""

__all__ = [
    "BYOL",
    "CLOCS",
    "CPC",
    "JEPA",
    "MAE",
    "METHODS",
    "BYOLConfig",
    "BarlowTwins",
    "BarlowTwinsConfig",
    "BeatSSL",
    "BeatSSLConfig",
    "CLOCSConfig",
    "CPCConfig",
    "Halves",
    "HalvesConfig",
    "JEPAConfig",
    "Loss",
    "MAEConfig",
    "MaskedReconstruction",
    "MaskedReconstructionConfig",
    "MeasurementRegression",
    "MeasurementRegressionConfig",
    "Method",
    "MoCo",
    "MoCoConfig",
    "PolyWindow",
    "PolyWindowConfig",
    "SimCLR",
    "SimCLRConfig",
    "Simulation",
    "SimulationConfig",
    "SwAV",
    "SwAVConfig",
    "VICReg",
    "VICRegConfig",
    "ViewBatch",
    "ViewPlan",
]
