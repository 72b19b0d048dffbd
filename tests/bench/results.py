"""The results as JSON and as Markdown. Fed by run; owns the files in the build directory.

results.json holds each row with its lines of Markdown, so that a row measured again takes the place of its forerunner
and the others stay.
"""

import json

HEAD = "| {} | unit | without | with | median of the pairs | spread | goal |"
RULE = "|---|---|--:|--:|--:|--:|--:|"
EXPLAINED = """\
Each with and without the preload in turns. A ratio is with/without of a pair, a difference with − without; the median
is that of the pairs, the spread goes from the least to the greatest (of /bin/true: the middle half of the pairs)."""


def _line(name, figure):
    return f"| {name} | " + " | ".join(figure.cells()) + " |"


def row_text(f):
    """A row's part of the Markdown."""
    lines = [f"{f.setup}.", "", HEAD.format(""), RULE, *(_line(figure.name, figure) for figure in f.figures), ""]
    lines += [f"- {note}" for note in f.notes] + [f"- **wrong**: {wrong}" for wrong in f.wrong]
    lines.append(f"- other programs kept {f.foreign[0]:.2f} cores busy before and {f.foreign[1]:.2f} after")
    return "\n".join(lines)


def _record(about, f):
    return {
        "about": about, "setup": f.setup, "load": f.load, "foreign": f.foreign, "notes": f.notes, "wrong": f.wrong,
        "figures": [figure.record() for figure in f.figures],
        "summary": [_line(figure.short, figure) for figure in f.figures if figure.short], "text": row_text(f),
    }  # fmt: skip


def _markdown(rows):
    newest = max((row["about"] for row in rows.values()), key=lambda about: about["date"])
    lines = ["# What it costs", "", "Measured by `make bench` on: " + ", ".join(f"{k} {v}" for k, v in newest.items())]
    lines[-1] += "."
    lines += [EXPLAINED, "", "<!-- summary:begin -->", HEAD.format("In short"), RULE]
    lines += [line for row in rows.values() for line in row["summary"]]
    lines += ["<!-- summary:end -->"]
    for name, row in rows.items():
        lines += ["", f"## {name}", "", row["text"]]
        if row["about"] != newest:
            lines.append("- measured with: " + ", ".join(f"{k} {v}" for k, v in row["about"].items()))
    return "\n".join(lines) + "\n"


def write(where, name, order, about, found):
    """Puts what was found into NAME.json and NAME.md of a directory, beside older results of other rows."""
    where.mkdir(exist_ok=True)
    kept = where / f"{name}.json"
    rows = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    rows.update({row: _record(about, f) for row, f in found.items()})
    rows = {row: rows[row] for row in order if row in rows}
    kept.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if rows:
        (where / f"{name}.md").write_text(_markdown(rows), encoding="utf-8")
