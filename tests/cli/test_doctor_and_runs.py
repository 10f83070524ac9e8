from __future__ import annotations


def test_doctor_finds_a_sound_installation_and_readable_data(ssrl_ecg, cohort, tmp_path):
    outcome = ssrl_ecg("doctor", "--data", cohort, "--out", tmp_path)
    assert outcome.code == 0, outcome
    assert "120 records" in outcome.out
    assert outcome.out.endswith("nothing is wrong\n")
    assert not any(tmp_path.iterdir())


def test_doctor_says_what_is_wrong_and_ends_in_2(ssrl_ecg, refused, tmp_path):
    outcome = ssrl_ecg("doctor", "--out", tmp_path / "missing")
    assert outcome.code == 2
    assert "BAD   results:" in outcome.out
    assert "folder of PTB-XL is missing" in refused("doctor", "--data", tmp_path / "nowhere")


def test_runs_lists_a_training_with_its_best_number(ssrl_ecg, classifier_path):
    outcome = ssrl_ecg("runs", classifier_path.parent)
    header, line = outcome.out.splitlines()
    assert header.split() == ["started", "(UTC)", "took", "command", "status", "best", "number", "folder"]
    assert "finetune" in line
    assert "validation AUROC 0." in line
    assert line.endswith(f"{classifier_path.name}.run")


def test_runs_of_a_folder_without_any(ssrl_ecg, refused, tmp_path):
    assert "no run.json" in ssrl_ecg("runs", tmp_path).out
    assert "no such folder" in refused("runs", tmp_path / "x")


def test_a_training_leaves_learning_curves_and_prints_them(classifier_path):
    folder = classifier_path.with_name(f"{classifier_path.name}.run")
    assert (folder / "learning_curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(ssrl_ecg, refused, data_flags, encoder_path, tmp_path):
    for words in (["pretrain", "simclr"], ["supervised"], ["finetune", "--checkpoint", encoder_path]):
        outcome = ssrl_ecg(*words, *data_flags, "--out", tmp_path / "x.safetensors", "--batch-size", "16", "--dry-run")
        assert outcome.code == 0, outcome
        assert "measured over 6 steps" in outcome.out
        assert "about " in outcome.out
    probe = ["probe", "--checkpoint", encoder_path, *data_flags, "--out", tmp_path / "x.safetensors", "--dry-run"]
    assert "a linear probe has no steps" in refused(*probe)
    assert not any(tmp_path.iterdir())


def test_an_unknown_logger_is_refused_before_the_training(refused, data_flags, tmp_path):
    words = ["pretrain", "simclr", *data_flags, "--out", tmp_path / "x.safetensors", "--logger", "wandb"]
    assert "tensorboard" in refused(*words)
    assert not any(tmp_path.iterdir())


def test_a_dry_run_of_a_comparison_lists_its_trainings(ssrl_ecg, data_flags, tmp_path):
    words = ["--protocol", "rotation", "--encoder", "cnn", "--encoder-width", "2", "--replicates", "2000"]
    outcome = ssrl_ecg("run", *data_flags, *words, "--out", tmp_path / "run", "--dry-run")
    assert outcome.code == 0, outcome
    assert "SimCLR pretraining: 3 trainings" in outcome.out
    assert "supervised: 18 trainings" in outcome.out
    assert "no result was written" in outcome.out
    assert not any(tmp_path.iterdir())
