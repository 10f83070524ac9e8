"""The page is one file that loads nothing, holds what it was given, and draws every record where the map has it."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from ssrl_ecg.evaluation.ecg_miniature import miniature
from ssrl_ecg.evaluation.embedding_map import EmbeddingMap
from ssrl_ecg.evaluation.explore_page import MAX_RECORDS, Explored, draw_rows, write_explore_page
from ssrl_ecg.evaluation.map_colours import Colouring, fold_colouring

N_RECORDS = 24
POINTED, KEPT = 3, 9
"""Records that the driver points at, and that it clicks on."""
DRIVER = (
    f"""<script>
const kept = {KEPT}, pointed = {POINTED};
</script>"""
    + """<script>
function meet(kind, row) {
  const to = places[row] ?? [0, 0], at = new DOMPoint(...to).matrixTransform(points.getScreenCTM());
  points.dispatchEvent(new MouseEvent(kind, { clientX: at.x, clientY: at.y }));
}
function seen(name) {
  document.body.dataset[name] = `${record.querySelector("dd")?.innerText} ${ecgOf.indexOf(canvas.toDataURL())}`;
}
const ecgOf = data.ids.map((_, row) => (drawSheet(row), canvas.toDataURL()));
meet("pointermove", pointed + 1); meet("pointermove", pointed); seen("pointed");
meet("click", kept); meet("pointermove", pointed); seen("kept");
meet("click", -1); meet("pointermove", pointed); seen("freed");
const box = document.getElementById("search");
box.value = "r007"; box.dispatchEvent(new Event("input"));
const ink = document.getElementById("ecg").getContext("2d").getImageData(0, 0, 1100, 760).data;
let n_dark = 0;
for (let at = 0; at < ink.length; at += 4) n_dark += ink[at + 3] > 200 && ink[at] < 80;
document.body.dataset.dark = n_dark;
document.querySelector("#legend button").click();
document.body.dataset.away = document.querySelectorAll("#points .away").length;
</script></body>"""
)


@pytest.fixture(scope="module")
def explored():
    rng = np.random.default_rng(0)
    ids = tuple(f"r{number:03d}" for number in range(N_RECORDS))
    positions = rng.uniform(size=(N_RECORDS, 2)).round(4)
    words = ("</script><b>bold</b>", *["plain"] * (N_RECORDS - 1))
    label = Colouring("label", (("one", "#123456"), ("<i>two</i>", "#abcdef")), tuple([0, 1] * (N_RECORDS // 2)), words)
    wave = np.sin(np.arange(12000).reshape(12, -1) / 9)
    ecgs = np.stack([miniature(wave / (1 + number), 100.0) for number in range(N_RECORDS)])
    laid_out = EmbeddingMap(positions, "t-SNE", 0.93, 7)
    folds = fold_colouring([1 + number % 3 for number in range(N_RECORDS)])
    return Explored("A map", ids, laid_out, [label, folds], ecgs, {"encoder": "CNN"})


@pytest.fixture(scope="module")
def page(explored, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "map.html"
    write_explore_page(path, explored)
    return path


def data_of(path):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text())[1])


def test_the_page_loads_nothing(page):
    text = re.sub(r'<script type="application/json".*?</script>', "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert set(re.findall(r"https?://[^\"'\s]+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(?:script|img|iframe)[^>]*\bsrc=|<link|@import|url\(", text)
    assert "default-src 'none'" in text


def test_the_page_holds_what_it_was_given_and_escapes_it(page, explored):
    data = data_of(page)
    assert data["ids"] == list(explored.record_ids)
    np.testing.assert_array_equal(data["positions"], explored.map.positions)
    assert [one["name"] for one in data["colourings"]] == ["label", "fold"]
    assert data["colourings"][0]["of"] == list(explored.colourings[0].of)
    np.testing.assert_array_equal(
        np.frombuffer(base64.b64decode(data["ecgs"]), np.int8).reshape(explored.ecgs.shape), explored.ecgs
    )
    assert "<b>bold" not in page.read_text(encoding="utf-8")
    assert "0.93 at 7 neighbours" in page.read_text(encoding="utf-8")


def test_two_thousand_records_stay_below_fifteen_megabytes(page, explored):
    per_record = len(json.dumps(data_of(page))) / len(explored.record_ids)
    assert 2000 * per_record < MAX_RECORDS * per_record < 15e6


def test_rows_are_all_or_so_many_at_random():
    assert draw_rows(5, 10, seed=0).tolist() == [0, 1, 2, 3, 4]
    drawn = draw_rows(1000, 10, seed=0)
    assert len(set(drawn.tolist())) == 10
    assert (np.diff(drawn) > 0).all()
    assert drawn.tolist() == draw_rows(1000, 10, seed=0).tolist() != draw_rows(1000, 10, seed=1).tolist()


def in_browser(path):
    """The page as Chromium leaves it."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={path.parent / 'profile'}", "--dump-dom"]
    done = subprocess.run(
        [shutil.which("chromium"), *flags, path.as_uri()], capture_output=True, text=True, timeout=300
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.program("chromium")
def test_a_browser_draws_every_record_where_the_map_has_it_and_shows_the_one_that_is_met(page, explored, tmp_path):
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    driven = tmp_path / "driven.html"
    driven.write_text(policy.sub("", page.read_text(encoding="utf-8")).replace("</body>", DRIVER), encoding="utf-8")
    seen = in_browser(driven)
    circles = [dict(re.findall(r'(\w+)="([^"]*)"', circle)) for circle in re.findall(r"<circle[^>]*>", seen)]
    drawn = np.array([[float(circle["cx"]), float(circle["cy"])] for circle in circles])
    np.testing.assert_allclose(drawn, [20, 980] + explored.map.positions * [960, -960], atol=1e-6)
    assert [circle["fill"] for circle in circles] == ["#123456", "#abcdef"] * (N_RECORDS // 2)
    assert re.findall(r"(one|two)[^(]*\((\d+)\)</button>", seen) == [("one", "12"), ("two", "12")]
    met = dict(re.findall(r'data-(pointed|kept|freed)="([^"]*)"', seen))
    under_pointer, clicked = (f"r{row:03d} {row}" for row in (POINTED, KEPT))  # its id, and whose ECG is drawn
    assert met == {"pointed": under_pointer, "kept": clicked, "freed": under_pointer}
    assert "1 found" in seen
    assert re.search(r"<dt>record</dt><dd>r007</dd><dt>label</dt><dd>plain</dd><dt>fold</dt><dd>2</dd>", seen)
    assert int(re.search(r'data-dark="(\d+)"', seen)[1]) > 2000  # four rows of trace
    assert int(re.search(r'data-away="(\d+)"', seen)[1]) == N_RECORDS - 1  # all but the one that was found


@pytest.mark.slow
@pytest.mark.program("chromium")
def test_the_security_policy_lets_the_page_s_own_script_run(page):
    assert in_browser(page).count("<circle") == N_RECORDS
