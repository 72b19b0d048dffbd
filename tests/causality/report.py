"""The table of cells, as text and as JSON. Fed by run; owns the files in the build directory."""

import json

HEAD = (
    "| stack | clients | requests | calls | right | wrong | unlinked | late | precision | recall | whole | rules |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|"
)


def cell(stack, clients, seed, load, verdicts, whole, faults):
    """A cell for a program."""
    rules, kinds = {}, {}
    for verdict in verdicts:
        for rule, (right, wrong) in verdict.rules.items():
            old = rules.setdefault(rule, {"right": 0, "wrong": 0})
            old["right"] += right
            old["wrong"] += wrong
        for kind, counts in verdict.kinds.items():
            for what, count in counts.items():
                kinds.setdefault(kind, {}).setdefault(what, 0)
                kinds[kind][what] += count
    total = {name: sum(getattr(v, name) for v in verdicts) for name in
             ("right", "wrong", "unlinked", "late", "missing", "ticks", "by_link", "wrong_calls")}  # fmt: skip
    linked, due = total["right"] + total["wrong"], total["right"] + total["unlinked"] + total["wrong_calls"]
    return {
        "stack": stack.name, "clients": clients, "seed": seed, "requests": len(load.answered) + len(load.left),
        "answered": len(load.answered), "left": len(load.left), **total,
        "precision": total["right"] / linked if linked else 1.0, "recall": total["right"] / due if due else 1.0,
        "whole": whole, "threshold": stack.recall, "why": stack.why, "rules": rules, "kinds": kinds,
        "examples": [e for v in verdicts for e in v.examples], "faults": faults,
    }  # fmt: skip


def share(value):
    """Three digits, and never 1.000 for less."""
    return "–" if value is None else f"{int(value * 1000) / 1000:.3f}"


def line(found):
    """A cell for people."""
    rules = ", ".join(
        f"{rule} {n['right']}" + (f" ({n['wrong']} wrong)" if n["wrong"] else "") for rule, n in found["rules"].items()
    )
    calls = found["right"] + found["unlinked"] + found["late"] + found["wrong_calls"]
    whole = share(found["whole"])
    cells = (
        found["stack"], found["clients"], found["requests"], calls, found["right"], found["wrong"],
        found["unlinked"], found["late"], share(found["precision"]), share(found["recall"]), whole, rules or "–",
    )  # fmt: skip
    return "| " + " | ".join(str(c) for c in cells) + " |"


def details(found):
    """What else there is to say of a cell that is not as it must be."""
    out = [f"  {found['stack']}, {found['clients']} clients: {fault}" for fault in found["faults"]]
    if found["faults"]:
        for kind, counts in sorted(found["kinds"].items()):
            out.append(f"    {kind}: " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
        out += [f"    {example}" for example in found["examples"]]
    return out


def write(where, name, facts, found, stacks):
    where.mkdir(parents=True, exist_ok=True)
    (where / f"{name}.json").write_text(json.dumps({"about": facts, "cells": found}, indent=1) + "\n")
    text = ["# Links against the truth", "", "Written by `make causality-record`; README.md beside this file says what "
            "the columns mean.", "", ", ".join(f"{k}: {v}" for k, v in facts.items()) + ".", "", HEAD]  # fmt: skip
    text += [line(cell) for cell in found]
    wrong = [text for cell in found for text in details(cell) if cell["faults"]]
    if wrong:
        text += ["", "Not as it must be:", "", "```", *wrong, "```"]
    reasons = [f"- {stack.name}: {stack.why}." for stack in stacks if stack.why]
    if reasons:
        text += ["", "Below what such a stack should have, and why:", "", *reasons]
    (where / f"{name}.md").write_text("\n".join(text) + "\n")
