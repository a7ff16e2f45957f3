# SPDX-License-Identifier: MIT
"""A bar chart as SVG: groups of horizontal bars on a logarithmic axis."""
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


def marks_between(low, high):
    """1, 2 and 5 of each decade, from the last one that is not above `low` to the first one not below `high`."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks = [digit * 10.0 ** decade for decade in decades for digit in (1, 2, 5)]
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
