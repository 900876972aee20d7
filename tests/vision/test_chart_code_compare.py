import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bakeoff.errors import InputError
from bakeoff.vision.chart_code.chart import ChartData, Series, read_chart, read_truth
from bakeoff.vision.chart_code.compare import compare_data, compare_labels, compare_pictures


def chart(*series, title="", kind="bar", x_label="", y_label=""):
    return ChartData(kind, title, x_label, y_label, tuple(Series(*one) for one in series))


def test_the_example_of_deplot():
    # google-research/deplot/metrics_test.py, test_table_datapoints_precision_recall: 1 from the title, 0.99 from
    # Argentina (202 for 200), 0 from Brazil (0 for 158), over three entries
    truth = chart(("Argentina", ("1999",), (200,)), ("Brazil", ("1999",), (158,)), title="my table")
    drawn = chart(("argentina", (1999,), (202,)), ("brazil", (1999,), (0,)), title="My Table")
    score = compare_data(drawn, truth)
    assert score.precision == score.recall == score.f1 == pytest.approx(1.99 / 3)


def test_series_and_points_in_another_order_are_matched():
    truth = chart(("North", ("Mon", "Tue"), (1, 2)), ("South", ("Mon", "Tue"), (3, 4)))
    drawn = chart(("South", ("Tue", "Mon"), (4, 3)), ("North", ("Tue", "Mon"), (2, 1)))
    assert compare_data(drawn, truth).f1 == 1


def test_missing_and_invented_points():
    truth = chart(("", ("Mon", "Tue", "Wed", "Thu"), (1, 2, 3, 4)))
    score = compare_data(chart(("sales", ("Mon", "Tue"), (1, 2.5))), truth)
    assert (score.precision, score.recall) == (0.5, 0.25)
    assert score.f1 == pytest.approx(1 / 3)
    assert compare_data(truth, chart(("", ("Mon", "Tue"), (1, 2)))).precision == 0.5


def test_charts_without_entries():
    empty, full = chart(), chart(("", ("a",), (0,)))
    assert compare_data(empty, empty).f1 == 1
    assert compare_data(empty, full).f1 == compare_data(full, empty).f1 == 0
    assert compare_data(full, full).f1 == 1


def test_labels():
    truth = chart(title="Rain", x_label="Month", y_label="")
    assert compare_labels(chart(title="rain", x_label="Moth", y_label="mm"), truth) == pytest.approx((1 + 0.8) / 2)
    assert compare_labels(truth, chart()) == 1


def picture(values, size=(256, 256)):
    data = io.BytesIO()
    Image.fromarray(np.broadcast_to(np.asarray(values, dtype=np.uint8), size)).save(data, format="PNG")
    return data.getvalue()


def test_similarity_of_pictures():
    grey, dark = picture(200), picture(100)
    noise = picture(np.random.default_rng(0).integers(0, 256, (256, 256)))
    assert compare_pictures(noise, noise) == pytest.approx(1)
    c1 = (0.01 * 255) ** 2
    # Wang et al. 2004, equation 6: without structure only the luminance term is left
    assert compare_pictures(grey, dark) == pytest.approx((2 * 200 * 100 + c1) / (200**2 + 100**2 + c1))
    assert compare_pictures(noise, grey) < 0.1
    assert compare_pictures(picture(200, (100, 300)), grey) == pytest.approx(1)


def test_bytes_that_are_no_picture():
    with pytest.raises(InputError, match="cannot be read"):
        compare_pictures(b"not a picture", picture(0))


def test_reading_a_chart():
    record = {"kind": "line", "title": "T", "series": [{"name": "A", "x": ["a", 2], "y": [1, 2.5]}]}
    assert read_chart(record) == chart(("A", ("a", 2), (1, 2.5)), title="T", kind="line")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "pie"}, "kind is 'pie'"),
        ({"series": None}, "not a list"),
        ({"series": ["x"]}, "series 1 is a str"),
        ({"series": [{"x": [1], "y": [1, 2]}]}, "same length"),
        ({"series": [{"x": [1], "y": [float("nan")]}]}, "no finite number"),
        ({"series": [{"x": [None], "y": [1]}]}, "neither a text nor"),
        ({"title": 3}, "title is a int"),
    ],
)
def test_records_that_are_no_charts(change, message):
    with pytest.raises(InputError, match=message):
        read_chart({"kind": "bar", "series": []} | change)


def test_the_truth_of_every_chart_in_the_data_set_can_be_read():
    images = Path(__file__).parents[2] / "data" / "vision" / "images.jsonl"
    records = [json.loads(line) for line in images.read_text(encoding="utf-8").splitlines()]
    charts = [read_truth(record["series"]) for record in records if record["series"]]
    assert {one.kind for one in charts} == {"bar", "line"}
    assert all(one.title and one.series and compare_data(one, one).f1 == 1 for one in charts)


def test_a_truth_without_values():
    with pytest.raises(InputError, match="values are a list"):
        read_truth({"chart": "bar", "values": []})
