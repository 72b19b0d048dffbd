"""A row of the list: a command to compare. Reads the file "list"; feeds the runner."""

import importlib.util
import os
import shlex
import shutil
from pathlib import Path

from parsers import PARSERS

PLACES = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
MARKS = {"quick", "spans", "root", "alone"}


class Row:
    """One command and how it is compared."""

    def __init__(self, name, parser, seconds, command, **more):
        self.name = name
        self.parser = parser
        self.seconds = seconds  # that one run may take
        self.command = command
        self.marks = set(more.get("marks", ()))  # what they mean stands at the top of the list
        self.needs = more.get("needs", ())  # programs, or files when absolute
        self.traced = more.get("traced", ())  # programs in which the library must be seen
        self.settings = dict(pair.split("=", 1) for pair in more.get("settings", ()))  # environment of both runs
        self.reason = more.get("reason", "")  # why the row is not like the others
        self.own = more.get("own", False)  # the user's command: keeps directory and environment

    def words(self, cases):
        """The command, word by word; cases: the directory behind {cases}."""
        return [word.replace("{cases}", str(cases)) for word in self.command]

    def missing(self):
        """What it needs and does not find."""
        lacking = [n for n in self.needs if not (Path(n).exists() if n[0] == "/" else shutil.which(n, path=PLACES))]
        module = PARSERS[self.parser].module
        if module and not importlib.util.find_spec(module):
            lacking.append(f"Python's module {module}")
        if "root" in self.marks and os.geteuid() != 0:
            lacking.append("root")
        return lacking


def names(program):
    """What a process of the program may be called: by the program, or by the file that is found through links."""
    found = shutil.which(program, path=PLACES)
    return {program, os.path.basename(os.path.realpath(found))} if found else {program}


def words(text):
    return [] if text == "-" else text.split()


def read(path):
    """The rows of a list. Its own first lines say what a row has."""
    rows = []
    for number, text in enumerate(path.read_text().splitlines(), 1):
        if not text.strip() or text.startswith("#"):
            continue
        fields = [f.strip() for f in text.split(" | ")]
        where = f"{path.name}:{number}"
        if len(fields) not in (8, 9):
            raise ValueError(f"{where}: {len(fields)} fields")
        name, parser, seconds, marks, needs, traced, settings, command, *reason = fields
        if parser not in PARSERS or not seconds.isdigit() or set(words(marks)) - MARKS:
            raise ValueError(f"{where}: bad parser, seconds or marks")
        if any(row.name == name for row in rows):
            raise ValueError(f"{where}: {name} is there already")
        if words(settings) and not reason:
            raise ValueError(f"{where}: settings without a reason")
        more = {"marks": marks, "needs": needs, "traced": traced, "settings": settings}
        more = {what: words(field) for what, field in more.items()}
        rows.append(Row(name, parser, int(seconds), shlex.split(command), **more, reason="".join(reason)))
    return rows
