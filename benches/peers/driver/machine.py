"""The machine that a record is of."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# What decides which kernels run.
FLAGS = "avx2 fma avx_vnni avx512f avx512bw avx512vl avx512_vnni avx512_bf16 avx512_fp16 amx_tile amx_int8 amx_bf16"


def describe() -> dict[str, Any]:
    fields = _cpuinfo()
    present = fields.get("flags", fields.get("Features", "")).split()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": fields.get("model name", platform.processor() or platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "flags": [flag for flag in FLAGS.split() if flag in present],
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def load() -> float:
    """Processes that wanted to run, mean of the last minute."""
    return os.getloadavg()[0]


def _cpuinfo() -> dict[str, str]:
    first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}
