"""From lines of text and where they stand to text in reading order, with rows and columns kept."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from bakeoff.vision.ocr import OcrLine

SEPARATOR = " | "
WORD_GAP = 0.6  # of a line's height: a wider gap parts two cells
SAME_ROW = 0.5  # of a line's height between the middles of two cells of a row
GUTTER = 1.0  # of a line's height, between columns of running text
MOST = 0.75  # of the lines must lie beside the gutter
PROSE_LINES = 3
PROSE_CHARACTERS = 18.0


@dataclass(frozen=True)
class Cell:
    """A run of text on one row and its bounds on the upright page, in pixels (y grows downwards)."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


Row = tuple[Cell, ...]


def to_text(lines: Sequence[OcrLine], separator: str = SEPARATOR) -> str:
    """The lines in reading order, one row a line, cells of a row joined by the separator. Pure; see `rows`."""
    return "\n".join(separator.join(cell.text for cell in row) for row in rows(lines))


def rows(lines: Sequence[OcrLine]) -> list[Row]:
    """Rows of cells from top to bottom, cells from left to right, however the page is turned or skewed.

    The page is turned by the direction that most text reads in. Lines on one baseline share a row; those closer than
    WORD_GAP share a cell. Columns of running text are read one after the other: at least PROSE_LINES lines with
    a median of PROSE_CHARACTERS characters on both sides of a gutter; shorter ones are a table and stay in rows. Lines
    that cross the gutter keep their place. Text across the main direction, such as an axis label, comes last;
    without a letter or figure it is a ruled line and left out.
    """
    lines = [line for line in lines if line.text.strip()]
    if not lines:
        return []
    turn = _direction(lines)
    upright = [line for line in lines if math.cos(_angle(line) - turn) > math.sqrt(0.5)]
    across = [line for line in lines if line not in upright and re.search(r"\w", line.text.replace("_", ""))]
    cells = [_cell(line, turn) for line in upright]
    found = [row for block in _blocks(cells) for row in _rows(block)]
    return found + rows(across)


def _angle(line: OcrLine) -> float:
    """Direction of reading in radians, clockwise from left-to-right."""
    (x0, y0), (x1, y1) = line.box[0], line.box[1]
    return math.atan2(y1 - y0, x1 - x0)


def _direction(lines: Sequence[OcrLine]) -> float:
    """The angle that most text reads in: the length-weighted median within the quarter that holds most of it."""
    lengths = [math.dist(line.box[0], line.box[1]) for line in lines]
    angles = [_angle(line) for line in lines]
    quarters = [round(angle / (math.pi / 2)) % 4 for angle in angles]
    main = max(range(4), key=lambda q: sum(n for n, quarter in zip(lengths, quarters, strict=True) if quarter == q))
    base = main * math.pi / 2
    near = sorted(
        (math.remainder(angle - base, 2 * math.pi), length)
        for angle, length, quarter in zip(angles, lengths, quarters, strict=True)
        if quarter == main
    )
    half = sum(length for _, length in near) / 2
    passed = 0.0
    for angle, length in near:
        passed += length
        if passed >= half:
            return base + angle
    return base


def _cell(line: OcrLine, turn: float) -> Cell:
    """The line on the page turned back; its height is that of the text, not of the slanted box around it."""
    cos, sin = math.cos(-turn), math.sin(-turn)
    corners = [(x * cos - y * sin, x * sin + y * cos) for x, y in line.box]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    half = (math.dist(line.box[0], line.box[3]) + math.dist(line.box[1], line.box[2])) / 4
    return Cell(line.text.strip(), min(xs), fmean(ys) - half, max(xs), fmean(ys) + half)


def _blocks(cells: list[Cell]) -> list[list[Cell]]:
    """Groups of cells in reading order: the page as it is, or its columns of running text."""
    gutter = _gutter(cells)
    if gutter is None:
        return [cells]
    blocks: list[list[Cell]] = []
    crossing = sorted((c for c in cells if c.left < gutter < c.right), key=lambda cell: cell.middle)
    above = -math.inf
    for end in [*(cell.middle for cell in crossing), math.inf]:
        band = [c for c in cells if above < c.middle < end and not c.left < gutter < c.right]
        if _is_prose(band):
            blocks += _blocks([c for c in band if c.right <= gutter]) + _blocks([c for c in band if c.left >= gutter])
        elif band:
            blocks.append(band)
        blocks.append([c for c in crossing if c.middle == end])
        above = end
    return [block for block in blocks if block]


def _gutter(cells: list[Cell]) -> float | None:
    """The x of the widest empty strip that has running text on both sides; few lines may cross it."""
    if len(cells) < 2 * PROSE_LINES:
        return None
    least = GUTTER * median(cell.height for cell in cells)
    best, best_width = None, least
    for edge in {cell.right for cell in cells}:
        left = [cell for cell in cells if cell.right <= edge]
        right = [cell for cell in cells if cell.left > edge]
        width = min((cell.left for cell in right), default=edge) - edge
        few_cross = len(left) + len(right) >= MOST * len(cells)
        if width >= best_width and few_cross and _is_prose(left) and _is_prose(right):
            best, best_width = edge + width / 2, width
    return best


def _is_prose(cells: list[Cell]) -> bool:
    return len(cells) >= PROSE_LINES and median(len(cell.text) for cell in cells) >= PROSE_CHARACTERS


def _rows(cells: list[Cell]) -> list[Row]:
    found: list[list[Cell]] = []
    for cell in sorted(cells, key=lambda cell: cell.middle):
        row = found[-1] if found else []
        if row and cell.middle - fmean(c.middle for c in row) < SAME_ROW * min(
            cell.height, median(c.height for c in row)
        ):
            row.append(cell)
        else:
            found.append([cell])
    return [_merged(sorted(row, key=lambda cell: cell.left)) for row in found]


def _merged(row: list[Cell]) -> Row:
    """The row's cells with those joined that are a word's space apart."""
    merged = row[:1]
    for cell in row[1:]:
        last = merged[-1]
        if cell.left - last.right < WORD_GAP * min(cell.height, last.height):
            top, bottom = min(last.top, cell.top), max(last.bottom, cell.bottom)
            merged[-1] = Cell(f"{last.text} {cell.text}", last.left, top, max(last.right, cell.right), bottom)
        else:
            merged.append(cell)
    return tuple(merged)
