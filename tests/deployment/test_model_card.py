from __future__ import annotations

import pytest

from ssrl_ecg.deployment.hub import CARD, save_pretrained


@pytest.fixture
def card(classifier_checkpoint, tmp_path):
    """The card as the Hub's own package reads it."""
    hub = pytest.importorskip("huggingface_hub")
    folder = save_pretrained(
        classifier_checkpoint, tmp_path / "m", license_name="cc-by-4.0", sections={"Results": "AUROC: see `x`."}
    )
    return hub.ModelCard.load(folder / CARD)


def test_the_metadata_are_what_the_hub_reads(card):
    assert card.data.library_name == "ssrl-ecg"
    assert card.data.license == "cc-by-4.0"
    assert {"ecg", "cnn", "SimCLR"} <= set(card.data.tags)


def test_the_text_says_what_to_feed_what_was_seen_and_what_it_is_not_for(card):
    for words in (
        "# ECG classifier (cnn, SimCLR)",
        "NORM, MI (multilabel, label set `super`)",
        "not a medical device",
        "| sampling rate | 100 Hz |",
        "| filter | high-pass 0.5 Hz |",
        "- pretrained with SimCLR; 21837 records in ptbxl; seen so far: folds 1, 2, 3",
        "- trained with labels; 21837 records in ptbxl; seen so far: folds 1, 2",
        "## Results\n\nAUROC: see `x`.\n",
    ):
        assert words in card.text
    assert card.text.index("pretrained with") < card.text.index("trained with labels")


def test_a_checkpoint_without_provenance_has_a_card_too(encoder_checkpoint, tmp_path):
    encoder_checkpoint.provenance.clear()
    text = (save_pretrained(encoder_checkpoint, tmp_path / "m", license_name="mit") / CARD).read_text()
    assert "The checkpoint does not say how it came about." in text
    assert "{" not in text.split("## Network")[0]


def test_what_calibration_measured_is_in_the_card_and_a_further_section_of_that_name_replaces_it(
    calibrated_checkpoint, classifier_checkpoint, tmp_path
):
    def card(checkpoint, name, **sections):
        return (save_pretrained(checkpoint, tmp_path / name, license_name="mit", sections=sections) / CARD).read_text()

    text = card(calibrated_checkpoint, "calibrated")
    for words in (
        "## Calibration and label sets\n\nMeasured on 10 recordings of the test folds.",
        "20 recordings of the validation fold. It did not help MI.",
        "| NORM | 10 | 0.250 | 0.125 |",
        "| 90% | NORM | 0.900 [0.596, 0.982] | - | 0.500 |",
        "| 90% | MI | 0.750 [0.301, 0.954] | 1.000 [0.610, 1.000] | 0.250 |",
        "## Strange recordings\n\nOf sound test recordings 10.0% have",
        "| flat | 1.000 | 50.0% | one lead flat: 0.750 |",
    ):
        assert words in text
    mine = card(calibrated_checkpoint, "mine", **{"Strange recordings": "None."})
    assert mine.count("## Strange recordings\n\nNone.") == mine.count("## Strange") == 1
    assert "## Calibration" not in card(classifier_checkpoint, "plain")
    del calibrated_checkpoint.reliability.facts["test"]
    assert "## Calibration" not in card(calibrated_checkpoint, "not tested")
