from __future__ import annotations

import base64
import dataclasses
import math
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest

from ssrl_ecg.evaluation import figure_files, report_page
from ssrl_ecg.evaluation.report_page import duration, findings, headline, make_page

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """What a browser would have to cope with: elements, their nesting, and the text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.text = [], [], ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def render_page(data):
    return make_page(data)["report.html"].decode()


def plain(text):
    return " ".join(text.split())


@pytest.fixture(scope="module", autouse=True)
def drawn_once():
    """Figures that are the same in several tests are drawn in the first of them."""
    drawn = {}

    def draw_files(figure, style):
        key = (figure.name, figure_files.frame_csv(figure.frame), style)
        if key not in drawn:
            drawn[key] = figure_files.draw_files(figure, style)
        return drawn[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_page, "draw_files", draw_files)
        yield


@pytest.fixture(scope="module")
def html(report_data):
    return render_page(report_data)


@pytest.fixture
def wordy(report_data):
    """The same report without most of its pictures, which take the time."""
    example = dataclasses.replace(report_data.examples[0], signal_mv=None)
    return dataclasses.replace(report_data, curves=(), training=(), examples=(example,))


@pytest.fixture
def bare(report_data):
    """The least a report can be: one row, no floors, nothing compared, nothing to draw."""
    row = dataclasses.replace(report_data.rows[0], per_fold={})
    return dataclasses.replace(
        report_data, rows=(row,), comparisons=(), curves=(), training=(), examples=(), notes=(), kind="data"
    )


def test_page_is_well_formed_accessible_and_loads_nothing(html):
    page = Page(html)
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("script") == [{}]
    assert not page.all("link")
    images = page.all("img")
    assert len(images) == 1 + 1 + 3 + 1 + 1
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in images)
    assert all(len(image["alt"]) > 20 for image in images)
    assert all(header.get("scope") in {"col", "row", "rowgroup"} for header in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert {"action", "srcset"}.isdisjoint(key for _, attributes in page.elements for key in attributes)
    assert all(link["href"].startswith("figures/") for link in page.all("a"))
    assert "url(" not in html
    assert "@import" not in html
    assert len(html) < 3_000_000


def test_pictures_are_valid_svg(html):
    for image in Page(html).all("img"):
        root = ElementTree.fromstring(base64.b64decode(image["src"].partition(",")[2]))
        assert root.tag.endswith("svg")


def test_every_link_is_a_file_of_the_report(wordy):
    files = make_page(wordy)
    links = {link["href"] for link in Page(files["report.html"].decode()).all("a")}
    assert links == files.keys() - {"report.html"}
    assert all(links >= {f"figures/differences.{kind}"} for kind in ("png", "svg", "csv"))


def test_everything_in_the_data_is_escaped(wordy):
    text = Page(render_page(wordy)).text
    assert "<b>Not</b> a medical device." in text


def test_page_shows_what_was_run(wordy):
    text = plain(Page(render_page(wordy)).text)
    for expected in (
        wordy.run.command,
        wordy.run.commit,
        "41 min 20 s",
        "torch 2.13.0",
        "2,277 records of 2,226 patients, 3 rejected",
        wordy.interval_statement,
        '"temperature": 0.1',
        "CC BY 4.0",
        "floors: MiniRocket + ridge, Random encoder, probe",
    ):
        assert expected in text


def test_synthetic_and_sample_are_called_so(report_data, wordy):
    assert "A sample, not the whole database" in Page(render_page(wordy)).text
    synthetic = dataclasses.replace(wordy, kind="synthetic", examples=report_data.examples)
    text = Page(render_page(synthetic)).text
    assert "Synthetic recordings" in text
    assert "On simulated ECGs" in text
    assert "Example simulated recordings" in text
    assert "10 mm/mV; simulated." in text


def test_missing_parts_do_not_show(bare):
    text = Page(render_page(bare)).text
    for heading in ("Curves", "Training", "Example", "What to keep in mind", "Is one better", "each test fold"):
        assert heading not in text
    assert "none was run" in text


def test_example_without_signal_keeps_its_predictions(wordy):
    page = Page(render_page(wordy))
    assert len(page.all("img")) == 2
    assert "Predicted by SimCLR, fine-tuned" in page.text


def test_example_says_found_missed_and_false_alarm(wordy):
    text = Page(render_page(wordy)).text
    for outcome in ("present, found", "present, missed", "absent, false alarm"):
        assert outcome in text


def test_many_classes_are_cut_to_the_most_telling(report_data, wordy):
    names = [f"C{i:02d}" for i in range(40)]
    x = (0.0, 0.5, 1.0)
    curves = dataclasses.replace(report_data.curves[0], roc={"SimCLR, fine-tuned": dict.fromkeys(names, (x, x))})
    example = dataclasses.replace(
        report_data.examples[0],
        true_labels=("C39",),
        probabilities={name: i / 100 for i, name in enumerate(names)},
        thresholds=dict.fromkeys(names, 0.5),
        signal_mv=None,
    )
    page = Page(render_page(dataclasses.replace(wordy, curves=(curves,), examples=(example,))))
    assert "the 6 most frequent of 40 classes" in page.text
    headers = page.text.partition("Predicted by")[2].partition("Outcome")[0]
    assert "C39" in headers
    assert "C05" not in headers


def test_headline_names_the_best_row_at_each_fraction(report_data):
    assert plain(headline(report_data)) == (
        "On the PTB-XL sample (2,277 records), the highest macro AUROC is "
        "0.769 [0.749, 0.789] with 15 labels (1 %) (SimCLR, fine-tuned), "
        "0.863 [0.843, 0.883] with 149 labels (10 %) (SimCLR, frozen probe) and "
        "0.913 [0.893, 0.933] with 1,488 labels (100 %) (Supervised, augmented)."
    )


def test_headline_calls_a_winning_floor_a_floor_and_survives_nothing_defined(wordy):
    rows = tuple(
        dataclasses.replace(row, macro_auroc=0.95, interval=(0.9, 0.99)) if "ridge" in row.name else row
        for row in wordy.rows
    )
    won = dataclasses.replace(wordy, rows=rows)
    assert headline(won).count("MiniRocket + ridge, a floor") == 3
    assert [line for line in findings(won) if "no row is above the floor MiniRocket + ridge (0.950)" in line]
    nan = math.nan
    rows = tuple(dataclasses.replace(row, macro_auroc=nan, interval=(nan, nan)) for row in wordy.rows)
    undefined = dataclasses.replace(wordy, rows=rows, comparisons=())
    assert "no row has a defined macro AUROC" in headline(undefined)
    assert Page(render_page(undefined))


def test_findings_use_the_comparisons_words_whichever_way_round(report_data):
    expected = (
        "SimCLR, fine-tuned against Supervised, augmented: better with 15 labels (1 %) (+0.041 [+0.029, +0.053]); "
        "no difference with 149 labels (10 %) (+0.011 [−0.002, +0.023]); "
        "no difference with 1,488 labels (100 %) (−0.003 [−0.009, +0.002])."
    )
    assert plain(findings(report_data)[0]) == expected
    turned = tuple(
        dataclasses.replace(
            one,
            a=one.b,
            b=one.a,
            difference=-one.difference,
            lo=-one.hi,
            hi=-one.lo,
            verdict={"better": "worse", "worse": "better"}.get(one.verdict, one.verdict),
        )
        for one in report_data.comparisons
    )
    assert findings(dataclasses.replace(report_data, comparisons=turned)) == findings(report_data)


def test_untested_differences_and_missing_floors_are_said(report_data, bare):
    assert "untested" in findings(dataclasses.replace(report_data, comparisons=()))[0]
    assert findings(bare)[0].startswith("No floor was run")


def test_floors_are_never_compared_rows_in_the_findings(report_data):
    assert len(findings(report_data)) == 2


@pytest.mark.parametrize(
    ("seconds", "words"), [(12.4, "12 s"), (59.6, "1 min 0 s"), (2480, "41 min 20 s"), (7505, "2 h 5 min")]
)
def test_duration_in_words(seconds, words):
    assert duration(seconds) == words
    assert duration(math.nan) == "unknown"
