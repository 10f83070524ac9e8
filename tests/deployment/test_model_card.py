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
    text = (save_pretrained(encoder_checkpoint, tmp_path / "m") / CARD).read_text()
    assert "The checkpoint does not say how it came about." in text
    assert "{" not in text.split("## Network")[0]
