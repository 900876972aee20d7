import matplotlib.pyplot as plt
import pytest

from bakeoff.vision.chart_code.chart import Series, read_chart
from bakeoff.vision.chart_code.drawn import chart_record


@pytest.fixture
def axes():
    plt.switch_backend("Agg")
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def drawn(axes):
    axes.figure.canvas.draw()
    return read_chart(chart_record(axes))


def test_bars_named_by_their_category(axes):
    axes.bar(["a", "b"], [4, 5], label="2024")
    axes.set(title="Costs", xlabel="Kind", ylabel="EUR")
    chart = drawn(axes)
    assert (chart.kind, chart.title, chart.x_label, chart.y_label) == ("bar", "Costs", "Kind", "EUR")
    assert chart.series == (Series("2024", ("a", "b"), (4, 5)),)


def test_bars_at_numbers(axes):
    axes.bar([2020, 2021], [4, 5])
    assert drawn(axes).series == (Series("", (2020, 2021), (4, 5)),)


def test_grouped_and_stacked_bars_are_series(axes):
    axes.bar([-0.2, 0.8], [1, 2], width=0.4, label="A")
    axes.bar([0.2, 1.2], [3, 4], width=0.4, bottom=[1, 2], label="B")
    axes.set_xticks([0, 1], ["Mon", "Tue"])
    assert drawn(axes).series == (Series("A", ("Mon", "Tue"), (1, 2)), Series("B", ("Mon", "Tue"), (3, 4)))


def test_lying_bars_are_told_as_upright_ones(axes):
    axes.barh(["a", "b"], [4, 5])
    axes.set_xlabel("EUR")
    chart = drawn(axes)
    assert (chart.x_label, chart.y_label) == ("", "EUR")
    assert chart.series == (Series("", ("a", "b"), (4, 5)),)


def test_lines_without_reference_lines_and_named_by_the_legend(axes):
    axes.plot([2020, 2021], [1, 2])
    axes.plot([2020, 2021], [3, float("nan")])
    axes.axhline(1.5)
    axes.axvline(2020)
    axes.legend(["A", "B"])
    chart = drawn(axes)
    assert chart.kind == "line"
    assert chart.series == (Series("A", (2020, 2021), (1, 2)), Series("B", (2020,), (3,)))


def test_lines_over_categories(axes):
    axes.plot(["Jan", "Feb", "Mar"], [1, 2, 3], marker="o", label="Rain")
    assert drawn(axes).series == (Series("Rain", ("Jan", "Feb", "Mar"), (1, 2, 3)),)


def test_empty_axes_have_no_series(axes):
    assert drawn(axes).series == ()
