"""What must hold in every row. Fed by run with a finished trial; the bounds are stated in README.md."""

import re

from trial import EXIT_MS

MEMORY_KIB = 8 << 10  # more than the untroubled server, or than before
GROWTH_KIB = 1 << 10  # in the last third of the trouble
THREADS = 2  # the program's and the exporter's; one more while a name is looked up
START_MS = 150  # what starting under the preload and a busy machine may add to a command
NOISE_PART, NOISE_US = 0.25, 100


def stood_still(trial):
    """The machine, for so long that answers came too late that were given in time: then they count twice."""
    return trial.memory.gap > trial.settings.env["OTEL_EXPORTER_OTLP_TIMEOUT"] / 2000


def latency(trial):
    """The program's typical p99 is no higher than its untroubled twins' by more than noise."""
    if not trial.settings.timed:
        return []
    p99 = {name: figures["typical p99"] for name, figures in trial.latency.items()}
    bound = max(p99["calm"], p99["twin"]) * (1 + NOISE_PART) + NOISE_US
    holds = p99["trouble"] <= bound
    return [] if holds else [f"typical p99 in trouble {p99['trouble']:.0f} µs, at most {bound:.0f} µs allowed"]


def memory(trial):
    compared = trial.rss_calm or trial.rss_before or 0
    wrong = []
    if compared and trial.rss_peak - compared > MEMORY_KIB:
        wrong.append(f"RSS {trial.rss_peak} KiB, {compared} KiB without trouble")
    if trial.rss_growth > GROWTH_KIB:
        wrong.append(f"RSS still grew by {trial.rss_growth} KiB")
    if trial.threads > THREADS + (trial.row.resolver is not None):
        wrong.append(f"{trial.threads} threads")
    return wrong


def lines(trial):
    """One warning for each change of state to a bad one, one line for the change back, and the last line."""
    says = trial.row.says
    wanted = [*says, *([r"accepts spans again after \d+ failures?$"] if says else [])]
    fits = len(wanted) == len(trial.lines) and all(re.search(w, t) for w, t in zip(wanted, trial.lines))
    return [] if fits else [f"said {trial.lines}, wanted {wanted}"]


def causes(trial):
    odd = trial.account.odd_causes()
    return [f"lost by {', '.join(odd)}: {trial.account.causes}"] if odd else []


def comes_back(trial):
    if trial.resumed is None:
        return [f"nothing was delivered within {trial.row.resumes} s after the return"]
    return []


def commands(trial):
    slow = [1000 * s for s, _ in trial.commands if 1000 * s > trial.bare_ms + EXIT_MS + START_MS]
    return [f"a command took {ms:.0f} ms, {trial.bare_ms:.0f} ms without the preload" for ms in slow]


def away(trial):
    return ["the redirect was followed"] if trial.witness and trial.witness.connections else []


RULES = (latency, memory, lines, causes, comes_back, commands, away)


def faults(trial):
    """All that is wrong beside the account: a machine that stands still for a while can be the reason."""
    return [*trial.wrong, *(text for rule in RULES for text in rule(trial))]
