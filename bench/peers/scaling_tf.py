# SPDX-License-Identifier: Apache-2.0
"""TensorFlow on the scaling_* workloads of weft_bench: chains of n additions, all of which run.

    python scaling_tf.py --reps 3 --min-time 0.3
"""
import argparse
import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow.compat.v1 as tf  # noqa: E402

tf.disable_v2_behavior()
p = argparse.ArgumentParser()
p.add_argument("--workloads", default="scaling")
p.add_argument("--reps", type=int, default=3)
p.add_argument("--min-time", type=float, default=0.3)
args = p.parse_args()
IMPL = "tensorflow-" + ".".join(tf.__version__.split(".")[:2])


def emit(workload, metric, unit, reps):
    print(json.dumps(dict(workload=workload, impl=IMPL, metric=metric, value=statistics.median(reps),
                          unit=unit, higher_is_better=False, reps=reps, threads=2)), flush=True)


def main():
    config = tf.ConfigProto(intra_op_parallelism_threads=2, inter_op_parallelism_threads=2)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = -1
    for n in (1000, 10000, 100000):
        with tf.Graph().as_default():
            start = time.perf_counter()
            x = tf.placeholder(tf.float32, [])
            y = x
            for _ in range(n):
                y = y + x
            built = time.perf_counter()
            with tf.Session(config=config) as session:
                before = time.perf_counter()
                session.run(y, {x: 1.0})
                first = time.perf_counter() - before
                runs = []
                for _ in range(args.reps):
                    count, start_of_rep = 0, time.perf_counter()
                    while count == 0 or time.perf_counter() - start_of_rep < args.min_time:
                        session.run(y, {x: 1.0})
                        count += 1
                    runs.append((time.perf_counter() - start_of_rep) / count)
        emit("scaling_build_%d" % n, "per_node", "us", [(built - start) * 1e6 / n])
        emit("scaling_first_run_%d" % n, "time", "ms", [(first - min(runs)) * 1e3])
        emit("scaling_run_%d" % n, "per_node", "us", [r * 1e6 / n for r in runs])


if __name__ == "__main__":
    main()
