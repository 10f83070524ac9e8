from __future__ import annotations

import matplotlib as mpl
import pytest

from ssrl_ecg.evaluation.figure_style import (
    COLORS,
    FLOOR_COLORS,
    INK,
    figure_style,
    line_styles,
    set_publication_style,
)

NAMES = ("SimCLR", "BYOL", "Supervised", "MiniRocket", "Random")
FLOORS = ("MiniRocket", "Random")


def luminance(color):
    """Relative luminance as WCAG 2.2 defines it."""
    shares = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("color", [*COLORS, *FLOOR_COLORS, INK])
def test_every_colour_stands_out_from_white(color):
    assert 1.05 / (luminance(color) + 0.05) >= (4.5 if color == INK else 3)


def test_compared_rows_differ_in_colour_and_marker_and_floors_are_grey_dashes():
    styles = line_styles(NAMES, FLOORS)
    compared = [styles[name] for name in NAMES if name not in FLOORS]
    assert len({style.color for style in compared}) == len({style.marker for style in compared}) == 3
    assert all(style.line == "-" for style in compared)
    for name in FLOORS:
        red, green, blue = (int(styles[name].color[i : i + 2], 16) for i in (1, 3, 5))
        assert red == green == blue
        assert styles[name].line != "-"


def test_many_rows_never_share_a_style():
    rows, floors = [f"row {i}" for i in range(18)], [f"floor {i}" for i in range(8)]
    styles = line_styles([*rows, *floors], floors)
    assert len({(style.color, style.line, style.marker) for style in styles.values()}) == 26
    assert [styles[name].line == "-" for name in rows] == [True] * 6 + [False] * 12


def test_style_ends_with_its_context_and_the_published_name_sets_it_for_good():
    with mpl.rc_context():
        before = mpl.rcParams["savefig.dpi"]
        with figure_style("publication"):
            assert mpl.rcParams["savefig.dpi"] == 300
        assert mpl.rcParams["savefig.dpi"] == before
        set_publication_style()
        assert mpl.rcParams["savefig.dpi"] == 300
        assert mpl.rcParams["figure.figsize"][0] * 25.4 == pytest.approx(183)
