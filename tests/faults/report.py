"""The table of faults, as text and as JSON. Fed by run; owns the files in the build directory.

results.json holds each row with its line of Markdown, so that a row measured again takes the place of its forerunner.
"""

import json
import statistics

SERVERS = ("bare", "calm", "twin", "trouble")
HEAD = (
    "| the collector | p50 µs: bare, calm, in trouble | p99 µs: bare, calm, twin, in trouble "
    "| typical p99 µs: bare, calm, twin, in trouble | RSS MiB: calm, in trouble "
    "| requests = delivered + dropped | dropped because | copies | unthanked | warnings "
    "| back after | command ms: bare, traced |\n"
    "|---|---|---|---|---|---|---|--:|--:|--:|--:|---|"
)


def _latency(trial, name, servers):
    return " ".join(f"{trial.latency[s][name]:.0f}" if s in trial.latency else "–" for s in servers)


def record(trial, faults, attempts):
    """A finished trial for a program."""
    a = trial.account
    return {
        "row": trial.row.name, "latency_us": trial.latency, "requests_measured": trial.samples,
        "rss_kib": {
            "before": trial.rss_before, "peak": trial.rss_peak, "growth": trial.rss_growth, "calm": trial.rss_calm,
        },
        "threads": trial.threads, "requests": a.requests, "delivered": a.delivered, "dropped": a.dropped,
        "causes": a.causes, "copies": a.copies, "unthanked": a.unthanked, "bodies": a.bodies, "lines": trial.lines,
        "end": trial.end, "resumed_s": trial.resumed,
        "commands_ms": [round(1000 * s, 1) for s, _ in trial.commands], "command_bare_ms": round(trial.bare_ms, 1),
        "commands": {"delivered": trial.commands_delivered, "lost": trial.commands_lost},
        "faults": faults, "attempts": attempts, "text": line(trial, faults, attempts),
    }  # fmt: skip


def line(trial, faults, attempts):
    """A finished trial for people."""
    a = trial.account
    calm = f"{trial.rss_calm / 1024:.1f}" if trial.rss_calm else "–"
    causes = ", ".join(f"{n:,} {cause}" for cause, n in a.causes.items()) or "–"
    cells = (
        trial.row.name + (f" (attempt {attempts})" if attempts > 1 else ""),
        _latency(trial, "p50", ("bare", "calm", "trouble")),
        _latency(trial, "p99", SERVERS),
        _latency(trial, "typical p99", SERVERS),
        f"{calm} {trial.rss_peak / 1024:.1f}",
        f"{a.requests:,} = {a.delivered:,} + {a.dropped:,}",
        causes,
        f"{a.copies:,}",
        f"{a.unthanked:,}",
        str(len(trial.row.says) if not faults else len(trial.lines)),
        f"{trial.resumed:.1f} s" if trial.resumed is not None else "never",
        f"{trial.bare_ms:.0f}, {max(1000 * s for s, _ in trial.commands):.0f}",
    )
    text = "| " + " | ".join(cells) + " |"
    return text if not faults else text + "\n" + "\n".join(f"| **wrong**: {fault} |" for fault in faults)


def _in_all(rows):
    """The latencies of all rows together, as a line each; none where they were not measured."""
    timed = [row["latency_us"] for row in rows.values() if "calm" in row["latency_us"]]
    if not timed:
        return []
    text = "; ".join(
        f"{name} " + ", ".join(f"{statistics.median(t[s][name] for t in timed):.0f} {s}" for s in SERVERS)
        for name in ("p50", "p99", "typical p99")
    )
    of = "typical p99"
    worst = sum(t["trouble"][of] > max(t["calm"][of], t["twin"][of]) for t in timed)
    return [
        f"Latency, median of the rows, µs: {text}. The one in trouble has the highest typical p99 of the three "
        f"under the preload in {worst} of {len(timed)} rows; chance alone gives a third of them, "
        f"{len(timed) / 3:.0f}.", "",
    ]  # fmt: skip


def _markdown(kept, preface):
    about, rows = kept["about"], kept["rows"]
    wrong = sum(1 for row in rows.values() if row["faults"])
    return "\n".join((
        "# What happens while the collector misbehaves", "",
        f"Measured by `make faults` on: {', '.join(f'{k} {v}' for k, v in about.items())}.", "", preface, "",
        f"{len(rows)} rows, {wrong} of them with something wrong; "
        f"{sum(r['requests'] for r in rows.values()):,} requests = "
        f"{sum(r['delivered'] for r in rows.values()):,} delivered + "
        f"{sum(r['dropped'] for r in rows.values()):,} dropped and counted.", "",
        *_in_all(rows), HEAD, *(row["text"] for row in rows.values()), "",
    ))  # fmt: skip


def write(where, name, order, about, found, preface):
    """Puts what was found into NAME.json and NAME.md of a directory, beside older results of other rows."""
    where.mkdir(exist_ok=True, parents=True)
    path = where / f"{name}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"rows": {}}
    rows = {**kept["rows"], **{r["row"]: r for r in found}}
    kept = {"about": about, "rows": {n: rows[n] for n in order if n in rows}}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (where / f"{name}.md").write_text(_markdown(kept, preface), encoding="utf-8")
