"""Row million: 1,000,000 requests at a traced nginx, all accounted for, and what its worker weighs afterwards."""

import accounting
from figure import Found
from process import Trouble


def million(settings, place):
    """Every one of 1,000,000 requests is a span or counted; memory of the worker afterwards."""
    wanted = settings.requests()
    found = Found(f"nginx, one worker, access log on; {wanted:,} requests by `wrk -t1 -c32`, with and without")
    account, traced = accounting.run(place, wanted)
    _, plain = accounting.run(place, wanted, traced=False)
    for name, key, goal in (("RSS", "rss", ("<=", 6)), ("PSS", "pss", None), ("private memory", "private", None)):
        with_, without = traced[key] / 1024, plain[key] / 1024
        short = "nginx's worker after a million requests: RSS" if goal else None
        found.add(f"{name} of the worker", "MiB", "difference", [with_], [without], goal=goal, short=short)
    found.notes.append(str(account))
    found.wrong += account.faults()
    if account.log < wanted:
        raise Trouble(f"{account.log} requests instead of {wanted}")
    return found
