from __future__ import annotations

import re
import shutil
import subprocess
import textwrap
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ssrl_ecg.evaluation.figures import curve_with_intervals
from ssrl_ecg.evaluation.protocol_report import ReportFigure, ReportSection, ReportTable, write_protocol_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)

FRAME = pd.DataFrame(
    {
        "series": ["a", "a", "b", "b"],
        "snr_db": [0, 24, 0, 24],
        "value": [0.81234, 0.9, 0.7, np.nan],
        "low": [0.8, 0.88, 0.65, np.nan],
        "high": [0.83, 0.92, 0.75, np.nan],
        "cell": ["cells/a/00.npz", "cells/a/01.npz", "cells/b/00.npz;cells/b/01.npz", ""],
    }
)
CURVE = ReportFigure("noise", "AUROC by noise <b>", FRAME, partial(curve_with_intervals, x="snr_db"))
SECTION = ReportSection("Noise", "First.\n\nSecond & last.", (ReportTable("noise", "By noise", FRAME),), (CURVE,))
PROVENANCE = {"command": ["ssrl-ecg", "x y"], "seed": 42, "versions": {"numpy": "2.0"}, "config": {"a": {"b": [1]}}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_protocol_report(tmp_path_factory.mktemp("report"), "Robustness", [SECTION], PROVENANCE).parent


def test_every_figure_and_table_is_a_file_of_its_own(folder):
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {"report.html", "tables/noise.csv", *(f"figures/noise.{kind}" for kind in ("png", "svg", "csv"))}
    for name in ("tables/noise.csv", "figures/noise.csv"):
        pd.testing.assert_frame_equal(pd.read_csv(folder / name, keep_default_na=True).fillna({"cell": ""}), FRAME)


def test_page_needs_nothing_from_elsewhere(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert not re.findall(r"(?:src|href|action)=.(?!data:|figures/|tables/)", page)
    assert "url(" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_page_says_everything_and_escapes_it(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    for expected in (
        "<p>First.</p>", "<p>Second &amp; last.</p>", "AUROC by noise &lt;b&gt;", "cells/b/01.npz",
        "ssrl-ecg &#39;x y&#39;", "numpy 2.0", "<summary>Config</summary>", 'data-value="0.81234"',
    ):  # fmt: skip
        assert expected in page, expected


def test_publication_figures_have_300_dots_per_inch(tmp_path):
    write_protocol_report(tmp_path, "Robustness", [SECTION], {}, style="publication")
    picture = Image.open(BytesIO((tmp_path / "figures/noise.png").read_bytes()))
    assert picture.width == pytest.approx(183 / 25.4 * 300, abs=2)


def test_nothing_to_draw_is_said(tmp_path):
    empty = ReportSection("Noise", "", figures=(ReportFigure("noise", "None", FRAME[:0], curve_with_intervals),))
    page = write_protocol_report(tmp_path, "Robustness", [empty], {})
    assert "Nothing to draw." in page.read_text(encoding="utf-8")
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["noise.csv"]


@pytest.mark.parametrize("name", ["a/b", "Ä", "", "../x", "noise"])
def test_names_that_cannot_be_files_and_names_given_twice_are_refused_before_anything_is_written(tmp_path, name):
    sections = [SECTION, ReportSection("Again", "", figures=(ReportFigure(name, "", FRAME[:0], CURVE.draw),))]
    with pytest.raises(ValueError, match="cannot name a file"):
        write_protocol_report(tmp_path / "out", "Robustness", sections, {})
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    """What a browser makes of a page, after an own script has run in it."""

    def run(page, script=""):
        if script:  # the page's security policy would refuse it
            page = re.sub(r"<meta http-equiv[^>]*>", "", page).replace("</body>", f"<script>{script}</script></body>")
        path = tmp_path_factory.mktemp("page") / "page.html"
        path.write_text(page, encoding="utf-8")
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", path.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    return run


@pytest.mark.slow
@pytest.mark.program(*BROWSERS)
def test_headers_sort_their_column_by_value_with_missing_numbers_last(folder, browse):
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert browse(page).count('aria-sort="none"') == 4  # the policy lets the page's own script run
    script = """
    const orders = [], table = document.querySelector("table"), headers = table.tHead.rows[0].cells;
    const press = (column) => {
      headers[column].querySelector("button").click();
      const rows = [...table.tBodies[0].rows].map((row) => `${row.cells[0].textContent}${row.cells[1].textContent}`);
      orders.push(`${headers[column].getAttribute("aria-sort")} ${rows.join(" ")}`);
    };
    [2, 2, 2, 0, 1].forEach(press);
    document.title = orders.join("; ");
    """
    title = re.search(r"<title>(.*?)</title>", browse(page, script)).group(1)
    assert title.split("; ") == [
        "descending a24 a0 b0 b24",
        "ascending b0 a0 a24 b24",
        "none a0 a24 b0 b24",
        "ascending a0 a24 b0 b24",
        "descending a24 b24 a0 b0",
    ]


def test_the_example_of_the_documentation_runs(tmp_path, monkeypatch):
    page = Path(__file__).parents[2] / "docs" / "reports.md"
    block = re.search(r"\n\n((?:    .*\n|\n)*    write_protocol_report\(.*\n)", page.read_text(encoding="utf-8")).group(
        1
    )
    monkeypatch.chdir(tmp_path)
    exec(textwrap.dedent(block), {})
    assert (tmp_path / "report/figures/differences.svg").is_file()
