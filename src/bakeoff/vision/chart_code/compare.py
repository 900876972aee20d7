"""How near a drawn chart is to the true one: its data, its texts and its picture."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import uniform_filter
from scipy.optimize import linear_sum_assignment

from bakeoff.errors import InputError
from bakeoff.metrics.vision import anls
from bakeoff.vision.chart_code.chart import ChartData

_SIDE = 256
_WINDOW = 7


@dataclass(frozen=True)
class DataScore:
    """How much of the drawn data is right (precision), how much of the true data was drawn (recall), 0 to 1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 where both are."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def compare_data(drawn: ChartData, truth: ChartData, *, tolerance: float = 0.1) -> DataScore:
    """Relative mapping similarity (RMS) of the points and the title.

    Points are matched one to one so that their names ("x-label series-name") are as similar as can be; a matched pair
    counts the similarity of the names times that of the values, 1 - |drawn - true| / |true|, or 0 from a tolerance
    of 10 % on. Names count by `anls`. Source: Liu et al. 2023, "DePlot", arXiv:2212.10505, section 3.2, as computed
    by `table_datapoints_precision_recall` of google-research/deplot/metrics.py, where the title is one more entry. Two
    differences: where both charts have one series, its name is left out, because a chart without a legend does not
    show it; and the table is not tried transposed. Two charts without entries score 1.
    """
    single = len(drawn.series) == len(truth.series) == 1
    given, wanted = _entries(drawn, single), _entries(truth, single)
    if not given or not wanted:
        return DataScore(float(not given), float(not wanted)) if given or wanted else DataScore(1.0, 1.0)
    names = np.array([[anls(name, [true_name]) for name, _ in given] for true_name, _ in wanted])
    pairs = zip(*linear_sum_assignment(names, maximize=True), strict=True)
    total = sum(names[t, g] * _value_similarity(given[g][1], wanted[t][1], tolerance) for t, g in pairs)
    return DataScore(float(total / len(given)), float(total / len(wanted)))


def _entries(chart: ChartData, single: bool) -> list[tuple[str, float | str]]:
    title: list[tuple[str, float | str]] = [("title", chart.title)] if chart.title else []
    return title + [
        (_label(x) if single else f"{_label(x)} {series.name}", y)
        for series in chart.series
        for x, y in zip(series.x, series.y, strict=True)
    ]


def _label(x: str | float) -> str:
    return x if isinstance(x, str) else f"{x:.6g}"


def _value_similarity(drawn: float | str, true: float | str, tolerance: float) -> float:
    if isinstance(drawn, str) or isinstance(true, str):
        return anls(str(drawn), [str(true)])
    if not true:
        return float(drawn == 0)
    error = abs((drawn - true) / true)
    return 1 - error if error < tolerance else 0.0


def compare_labels(drawn: ChartData, truth: ChartData) -> float:
    """Mean ANLS of the title and the two axis labels, over those that the true chart has; 1 where it has none."""
    pairs = [(drawn.title, truth.title), (drawn.x_label, truth.x_label), (drawn.y_label, truth.y_label)]
    scores = [anls(text, [true]) for text, true in pairs if true]
    return sum(scores) / len(scores) if scores else 1.0


def compare_pictures(first: bytes, second: bytes) -> float:
    """Structural similarity (SSIM) of two encoded pictures, -1 to 1; 1 for the same picture.

    Both are made grey and 256 x 256 first, so size and shape do not matter but the layout does: a figure to look at
    beside the data, not a score of its own. Source: Wang et al. 2004, "Image quality assessment: from error visibility
    to structural similarity", with uniform 7 x 7 windows (as scikit-image by default). Raises InputError for bytes
    that are no PNG or JPEG picture.
    """
    x, y = _grey(first), _grey(second)
    mean_x, mean_y = _blur(x), _blur(y)
    sample = _WINDOW**2 / (_WINDOW**2 - 1)
    var_x, var_y = sample * (_blur(x * x) - mean_x**2), sample * (_blur(y * y) - mean_y**2)
    covariance = sample * (_blur(x * y) - mean_x * mean_y)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    likeness /= (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    edge = _WINDOW // 2
    return float(likeness[edge:-edge, edge:-edge].mean())


def _grey(data: bytes) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
            return np.asarray(picture.convert("L").resize((_SIDE, _SIDE)), dtype=float)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"a picture to compare cannot be read: {error}") from error


def _blur(values: np.ndarray) -> np.ndarray:
    return np.asarray(uniform_filter(values, _WINDOW))
