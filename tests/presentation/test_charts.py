"""Bar charts: where their axes end."""

import pytest

from egoactgen_bench.presentation import charts

NAN = float("nan")


@pytest.mark.parametrize(
    ("largest", "last_tick", "end"),
    [(100.0, 100, 100), (81.3, 80, 81.3), (4.16, 5, 5), (1.0, 1, 1)],
)
def test_an_axis_has_no_ticks_where_no_value_can_be(largest, last_tick, end):
    axes = charts.new_figure(5.2, 2).add_subplot()
    charts.horizontal_bars(axes, [charts.Bar("lego", largest, NAN, NAN, "")])
    assert (axes.get_xticks()[0], axes.get_xticks()[-1]) == pytest.approx((0, last_tick))
    assert axes.spines["bottom"].get_bounds() == pytest.approx((0, end))
    assert axes.get_xlim()[1] > 1.2 * largest  # space for the texts


def test_the_axis_of_negative_values_ends_at_zero():
    axes = charts.new_figure(5.2, 2).add_subplot()
    charts.horizontal_bars(axes, [charts.Bar("lego", -83.0, NAN, NAN, "")])
    assert axes.get_xticks()[-1] == pytest.approx(0)
