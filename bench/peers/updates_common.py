# SPDX-License-Identifier: Apache-2.0
"""What the peers' programs for optimizer updates share: sizes, timing protocol, result lines.

The workloads are those of bench/weft_bench/updates.cc: adam_update and momentum_update (one step over 200 float
variables of 500,000 elements; ..._small: of 1,000), sparse_update_* (one step over 4,096 rows of a table
[1000000, 128]). GB/s count every variable and slot twice and the gradient once.
"""
import argparse
import gc
import json
import statistics
import time

import numpy as np

THREADS = 2
VARIABLES = 200
ROWS, COLUMNS, TOUCHED, INDEX_SETS = 1000000, 128, 4096, 16


def uniform01(stream, n):
    """The float32 numbers in [0, 1) that weft_bench draws: splitmix64 of a counter."""
    with np.errstate(over="ignore"):
        z = (np.uint64(stream) << np.uint64(40)) + np.arange(n, dtype=np.uint64)
        z += np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0 ** -24)


def index_sets():
    return [(uniform01(9000 + s, TOUCHED).astype(np.float64) * ROWS).astype(np.int64)
            for s in range(INDEX_SETS)]


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("--workloads", default="adam_update,momentum_update,sparse_update")
    p.add_argument("--reps", type=int, default=5)
    p.add_argument("--min-time", type=float, default=0.5, help="seconds a repetition lasts at least")
    return p.parse_args()


def _timed(call, n):
    start = time.perf_counter()
    for _ in range(n):
        call()
    return (time.perf_counter() - start) / n


def measure(call, reps, min_time):
    """Seconds per call, one mean for each repetition."""
    for _ in range(3):
        t = _timed(call, 1)
        if t > 0.3:
            break
    n = 1
    while t < min_time * 0.5:
        t = _timed(call, n)
        if t * n >= min_time * 0.5:
            break
        n = max(n * 2, int(min_time * 0.6 / max(t, 1e-9)))
    n = max(1, round(min_time / max(t, 1e-9)))
    gc.collect()
    gc.disable()
    try:
        return [_timed(call, n) for _ in range(reps)]
    finally:
        gc.enable()


def emit(workload, impl, seconds, count, **extra):
    """`count`: float numbers that a step reads and writes."""
    for metric, unit, higher, reps in (
            ("per_step", "ms", False, [s * 1e3 for s in seconds]),
            ("bandwidth", "GB/s", True, [4e-9 * count / s for s in seconds])):
        reps = [float("%.6g" % r) for r in reps]
        line = dict(workload=workload, impl=impl, metric=metric, value=statistics.median(reps), unit=unit,
                    higher_is_better=higher, reps=reps, threads=THREADS, **extra)
        print(json.dumps(line), flush=True)


def dense_workloads(name):
    """(workload, elements of a variable)"""
    return [(name, 500000), (name + "_small", 1000)]
