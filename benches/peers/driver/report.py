"""The record of a run as Markdown for people; its JSON is the same record as it is."""

from collections.abc import Iterable
from typing import Any

from driver.measure import Spread

PLAINT = "plaint"


def markdown(record: dict[str, Any]) -> str:
    machine, run = record["machine"], record["run"]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, {' '.join(machine['flags'])}",
        f"{machine['date']}, load average {record['load']['before']:.2f} before and {record['load']['after']:.2f} after",
        f"threads {run['threads']}, instruction sets {run['isa']}, {run['alternations']} alternations of {run['repeat']} run(s); "
        "median (least to greatest); ratios are of medians",
    ]
    if run["limit"] is not None:
        lines.append(f"NOT A MEASUREMENT: only the first {run['limit']} sequences of each scenario")
    if unlimited := record["unlimited"]:
        lines.append(f"NOT limited to {run['isa']}, for want of a switch: {', '.join(unlimited)}")
    lines += [f"LEFT OUT: {reason}" for reason in record["left_out"]]
    lines += ["", "## Agreement with plaint's f32 vectors", "", *_agreement(record["peers"])]
    for scenario, series in record["scenarios"].items():
        lines += ["", f"## {scenario}", "", *_table(series)]
    return "\n".join(lines)


def _agreement(peers: dict[str, Any]) -> Iterable[str]:
    yield from _head("peer", "version", "cosine: least", "median", "greatest difference", "greatest difference of a probability", "runs")
    for name, peer in peers.items():
        worst = peer["agreement"]
        cosines = f"{worst['least']:.6f}", f"{worst['median']:.6f}"
        cells = *cosines, f"{worst['difference']:.1e}", f"{worst['probability']:.4f}"
        yield _row(name, peer["version"], *cells, peer["runs"])


def _table(series: dict[str, Any]) -> Iterable[str]:
    one_at_a_time = any(one["p50"] for one in series.values())
    return _latency(series) if one_at_a_time else _throughput(series)


def _throughput(series: dict[str, Any]) -> Iterable[str]:
    ours = _of(series, "tokens_per_second")
    yield from _head("peer", "tokens/s", *(f"{name} is" for name in ours), "setting")
    for name, one in series.items():
        theirs = Spread.of(one["tokens_per_second"])
        ratios = (f"{spread.median / theirs.median:.2f} x" for spread in ours.values())
        yield _row(name, f"{theirs.median:,.0f} ({theirs.least:,.0f} to {theirs.greatest:,.0f})", *ratios, one["setting"])


def _latency(series: dict[str, Any]) -> Iterable[str]:
    ours = _of(series, "p50")
    yield from _head("peer", "p50 ms", "p99 ms", "p99 / p50", *(f"p50 of {name} is" for name in ours), "setting")
    for name, one in series.items():
        p50, p99 = Spread.of(one["p50"]), Spread.of(one["p99"])
        times = (f"{s.median * 1e3:.2f} ({s.least * 1e3:.2f} to {s.greatest * 1e3:.2f})" for s in (p50, p99))
        ratios = (f"{spread.median / p50.median:.2f} x" for spread in ours.values())
        yield _row(name, *times, f"{p99.median / p50.median:.2f}", *ratios, one["setting"])


def _of(series: dict[str, Any], quantity: str) -> dict[str, Spread]:
    """plaint's own entries."""
    return {name: Spread.of(one[quantity]) for name, one in series.items() if name.startswith(PLAINT)}


def _head(*cells: str) -> Iterable[str]:
    yield _row(*cells)
    yield _row(*("---" for _ in cells))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
