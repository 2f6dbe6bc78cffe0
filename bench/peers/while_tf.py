# SPDX-License-Identifier: Apache-2.0
"""TensorFlow on the workload while_100k of weft_bench: a loop that counts to 100,000.

    python while_tf.py --reps 3 --min-time 0.3 [--v2]    (--v2: a While op in the place of frames)
"""
import argparse
import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow.compat.v1 as tf  # noqa: E402

p = argparse.ArgumentParser()
p.add_argument("--workloads", default="while_100k")
p.add_argument("--reps", type=int, default=3)
p.add_argument("--min-time", type=float, default=0.3)
p.add_argument("--v2", action="store_true")
args = p.parse_args()
tf.disable_v2_behavior()
if args.v2:
    tf.enable_control_flow_v2()
IMPL = "tensorflow-" + ".".join(tf.__version__.split(".")[:2]) + ("-v2" if args.v2 else "")
ITERATIONS = 100000


def main():
    with tf.Graph().as_default():
        limit = tf.placeholder(tf.int32, [])
        count = tf.while_loop(lambda i: i < limit, lambda i: i + 1, [tf.constant(0)])
        config = tf.ConfigProto(intra_op_parallelism_threads=2, inter_op_parallelism_threads=2)
        with tf.Session(config=config) as session:
            assert session.run(count, {limit: ITERATIONS}) == ITERATIONS
            reps = []
            for _ in range(args.reps):
                runs, start = 0, time.perf_counter()
                while runs == 0 or time.perf_counter() - start < args.min_time:
                    session.run(count, {limit: ITERATIONS})
                    runs += 1
                reps.append((time.perf_counter() - start) / runs * 1e6 / ITERATIONS)
    print(json.dumps(dict(workload="while_100k", impl=IMPL, metric="per_iteration",
                          value=statistics.median(reps), unit="us", higher_is_better=False, reps=reps,
                          threads=2)), flush=True)


if __name__ == "__main__":
    main()
