from __future__ import annotations

from pathlib import Path

import pytest

from ssrl_ecg.cli.ablation import AblationOptions, ablation_experiment, main
from ssrl_ecg.cli.data_options import LabelledDataOptions
from ssrl_ecg.errors import InputError


def test_every_row_is_pretrained_alike_but_for_one_augmentation():
    options = AblationOptions(data=LabelledDataOptions(data="x"), recipe="full", epochs=3, n_pretrainings=2)
    experiment = ablation_experiment(options)
    assert len(experiment.methods) == 8
    assert {len(method.recipe.augmentations) for method in experiment.methods[1:]} == {6}
    assert {(method.pretrain.epochs, method.n_pretrainings) for method in experiment.methods} == {(3, 2)}
    assert (experiment.supervised, experiment.finetune, experiment.floors) == ({}, None, ())


def test_what_cannot_work_is_refused_before_anything_is_read(tmp_path: Path):
    with pytest.raises(InputError, match="two augmentations or more"):
        main(["--data", str(tmp_path / "missing"), "--recipe", "none"])
    with pytest.raises(InputError, match="too few bootstrap replicates"):
        main(["--data", str(tmp_path / "missing"), "--replicates", "100"])
