# SPDX-License-Identifier: MIT
"""Charts as SVG: groups of horizontal bars, or lines over a number; all axes are logarithmic."""
import itertools
import math
from xml.sax.saxutils import escape

COLOURS = ["#d1495b", "#2e6f95", "#9aa5b1", "#edae49", "#66a182", "#6d597a"]
WIDTH, LEFT, RIGHT, TOP, BOTTOM = 860, 150, 70, 96, 56
BAR, GAP = 13, 12


def text(x, y, content, size=12, anchor="start", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" {more}>{escape(content)}</text>'


def rectangle(x, y, width, height, colour):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def marks_between(low, high, digits=(1, 2, 5)):
    """These digits of each decade, from the last mark that is not above `low` to the first one not below `high`."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks = [digit * 10.0 ** decade for decade in decades for digit in digits]
    first = max(mark for mark in marks if mark <= low)
    last = min(mark for mark in marks if mark >= high)
    return [mark for mark in marks if first <= mark <= last]


class Axis:
    """Logarithmic, from one mark to another."""

    def __init__(self, values):
        self.marks = marks_between(0.99 * min(values), 1.01 * max(values))

    def x(self, value):
        first, last = self.marks[0], self.marks[-1]
        return LEFT + math.log(value / first) / math.log(last / first) * (WIDTH - LEFT - RIGHT)

    def draw(self, bottom, label):
        """A line at each mark, its value, and what the values are."""
        for mark in self.marks:
            yield (f'<line x1="{self.x(mark):.1f}" y1="{TOP - 6}" x2="{self.x(mark):.1f}" y2="{bottom:.1f}" '
                   'stroke="#dde1e5"/>')
            yield text(self.x(mark), bottom + 16, f"{mark:,g}", 11, "middle")
        yield text((LEFT + WIDTH - RIGHT) / 2, bottom + 38, label, 12, "middle")


def draw_legend(names):
    x = LEFT
    for name, colour in zip(names, itertools.cycle(COLOURS)):
        yield rectangle(x, 66, 12, 12, colour)
        yield text(x + 18, 76, name)
        x += 40 + 8 * len(name)


def draw_bars(groups, axis):
    """The bars from top to bottom, each with its value."""
    y = TOP
    for group, bars in groups.items():
        yield text(LEFT - 8, y + len(bars) * BAR / 2 + 4, group, 12, "end")
        for value, colour in zip(bars.values(), itertools.cycle(COLOURS)):
            yield rectangle(LEFT, y, axis.x(value) - LEFT, BAR - 1, colour)
            yield text(axis.x(value) + 4, y + BAR - 3, f"{value:,.0f}", 10)
            y += BAR
        y += GAP


def write_bars(path, title, subtitle, label, groups):
    """`groups` is {group: {series: value}}, the same series in each; a series' colour is explained by the legend."""
    axis = Axis([value for bars in groups.values() for value in bars.values()])
    series = list(next(iter(groups.values())))
    bottom = TOP + len(groups) * (len(series) * BAR + GAP) - GAP + 6
    height = bottom + BOTTOM
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
             f'viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif" fill="#222">',
             rectangle(0, 0, WIDTH, height, "#fff"),
             text(LEFT, 28, title, 18, more='font-weight="bold"'), text(LEFT, 48, subtitle, 12, more='fill="#667"'),
             *draw_legend(series), *axis.draw(bottom, label), *draw_bars(groups, axis), "</svg>"]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(parts) + "\n")


PLOT_WIDTH, PLOT_HEIGHT = 620, 380
PLOT_LEFT, PLOT_TOP = 84, 100


class Plot:
    """Two logarithmic axes, and where values are between them."""

    def __init__(self, xs, ys):
        self.x_marks = marks_between(min(xs), max(xs), (1,))
        few = max(ys) < 10 * min(ys)
        self.y_marks = marks_between(0.99 * min(ys), 1.01 * max(ys), range(1, 10) if few else (1,))

    def x(self, value):
        first, last = self.x_marks[0], self.x_marks[-1]
        return PLOT_LEFT + math.log(value / first) / math.log(last / first) * PLOT_WIDTH

    def y(self, value):
        first, last = self.y_marks[0], self.y_marks[-1]
        return PLOT_TOP + PLOT_HEIGHT * (1 - math.log(value / first) / math.log(last / first))

    def draw(self, x_label, y_label):
        bottom, right = PLOT_TOP + PLOT_HEIGHT, PLOT_LEFT + PLOT_WIDTH
        for mark in self.x_marks:
            yield line(self.x(mark), PLOT_TOP, self.x(mark), bottom, "#dde1e5")
            yield text(self.x(mark), bottom + 17, number(mark), 11, "middle")
        for mark in self.y_marks:
            yield line(PLOT_LEFT, self.y(mark), right, self.y(mark), "#dde1e5")
            yield text(PLOT_LEFT - 8, self.y(mark) + 4, number(mark), 11, "end")
        yield text((PLOT_LEFT + right) / 2, bottom + 40, x_label, 12, "middle")
        yield text(PLOT_LEFT - 60, PLOT_TOP - 14, y_label)

    def draw_series(self, points, colour):
        places = [(self.x(x), self.y(y)) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for x, y in places:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def number(value):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def line(x1, y1, x2, y2, colour):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def write_lines(path, title, subtitle, labels, series):
    """`labels` are those of both axes, `series` is {name: [(x, y)]}; names are explained at the lines' right."""
    points = [point for line_points in series.values() for point in line_points]
    plot = Plot([x for x, _ in points], [y for _, y in points])
    height = PLOT_TOP + PLOT_HEIGHT + BOTTOM
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
             f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" fill="#222">',
             rectangle(0, 0, WIDTH, height, "#fff"), text(24, 28, title, 18, more='font-weight="bold"'),
             text(24, 48, subtitle, 12, more='fill="#667"'), *plot.draw(*labels)]
    for (name, line_points), colour, row in zip(series.items(), itertools.cycle(COLOURS), itertools.count()):
        parts += plot.draw_series(line_points, colour)
        parts += [rectangle(PLOT_LEFT + PLOT_WIDTH + 18, PLOT_TOP + 22 * row, 12, 12, colour),
                  text(PLOT_LEFT + PLOT_WIDTH + 36, PLOT_TOP + 22 * row + 10, name)]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([*parts, "</svg>"]) + "\n")
