"""What a row of the benchmark found out: figures with their spread. Fed by the rows, read by results.py."""

import statistics


def shown(number):
    """A number with about three digits that count."""
    size = abs(number)
    if size >= 10000:
        return f"{number:,.0f}"
    for least, digits in ((100, 0), (10, 1), (1, 2)):
        if size >= least:
            return f"{number:.{digits}f}"
    return f"{number:.3f}"


class Figure:
    """One measured thing.

    without, with_  values of the rounds, paired by their index; without is empty where nothing is compared
    how             "ratio": with/without of each pair; "difference": with - without; "value": with_ alone
    goal            (comparison, number) that the median is held against, or None
    whole           False: the spread is that of the middle half of the pairs, for rows of hundreds of pairs
    short           what it is called in the summary, where it stands without its row; None: it is not in it
    """

    def __init__(self, name, unit, how, with_, without=(), goal=None, whole=True, short=None):
        self.name, self.unit, self.how, self.goal, self.whole, self.short = name, unit, how, goal, whole, short
        self.with_, self.without = list(with_), list(without)
        if how == "ratio":
            self.values = [b / a for a, b in zip(self.without, self.with_) if a]
        elif how == "difference":
            self.values = [b - a for a, b in zip(self.without, self.with_)]
        else:
            self.values = list(self.with_)

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def spread(self):
        """Least and greatest, or the middle half's."""
        ordered = sorted(self.values)
        edge = 0 if self.whole else len(ordered) // 4
        return ordered[edge], ordered[-1 - edge]

    def met(self):
        """Whether the goal is reached; None without one."""
        if not self.goal:
            return None
        sign, number = self.goal
        return self.median >= number if sign == ">=" else self.median <= number

    def _text(self, number):
        if self.how == "ratio":
            return f"{100 * number:.1f} %"
        sign = "+" if self.how == "difference" and number > 0 else ""
        return sign + shown(number)

    def cells(self):
        """Unit, without, with, result, spread, goal, as text for a table."""
        low, high = self.spread
        goal = ""
        if self.goal:
            sign = {">=": "≥", "<=": "≤"}[self.goal[0]]
            goal = f"{sign} {self._text(self.goal[1])}{'' if self.met() else ' (missed)'}"
        compared = bool(self.without)
        return (
            self.unit,
            shown(statistics.median(self.without)) if compared else "",
            shown(statistics.median(self.with_)) if compared else "",
            f"**{self._text(self.median)}**",
            f"{self._text(low)} … {self._text(high)}" if len(self.values) > 1 else "",
            goal,
        )

    def record(self):
        """The same for a program."""
        low, high = self.spread
        return {
            "name": self.name, "unit": self.unit, "how": self.how, "median": self.median, "low": low, "high": high,
            "spread": "min-max" if self.whole else "middle half", "pairs": len(self.values),
            "without": self.without, "with": self.with_, "goal": self.goal, "met": self.met(),
        }  # fmt: skip


class Found:
    """All that a row found out."""

    def __init__(self, setup):
        self.setup = setup  # one sentence: what ran where
        self.figures = []
        self.notes = []  # sentences: drops, errors, what to know
        self.wrong = []  # sentences: what must not be

    def add(self, *args, **kwargs):
        self.figures.append(Figure(*args, **kwargs))
