# SPDX-License-Identifier: Apache-2.0
"""Runs weft_bench and the installed peers in turn, A B C, then C B A, and prints for each result the
medians, how far Weft is ahead of the best peer (round by round too), and how much of the machine's
limit it reaches.

    PEERS=/some/dir KIT=../shared/bench bench/compare.sh --rounds 9 mlp_train softmax

PEERS is what the kit's peers/make_env.sh made (tf, tf215, torch), KIT the peers' kit. Limits come from
--limits FILE (the lines of the kit's limits/run.sh), by default the kit's own; "" for none.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

# Environment, script of the kit, flags. "here/" is a script beside this one.
TF = ("tf", "tf_bench.py", ["--variant", "session"])
XLA = ("tf", "tf_bench.py", ["--variant", "xla"])
TORCH = ("torch", "torch_bench.py", ["--variant", "eager"])
COMPILED = ("torch", "torch_bench.py", ["--variant", "compile"])
TRACED = ("torch", "torch_bench.py", ["--variant", "jit"])
ORT = ("tf", "ort_bench.py", [])
SCALING = ("tf", "here/scaling_tf.py", [])
KERNEL = [TF, TORCH, ORT]
FUSED = [TF, XLA, TORCH, COMPILED, ORT]
TRAIN = [TF, TORCH, COMPILED]
INFER = [TF, TRACED, COMPILED, ORT]
# weft_bench's name: the peers' name, their flags, the peers.
PLAN = {
    "dispatch": ("dispatch", [], [TF, ORT]),
    "mlp_train": ("mlp_train", [], TRAIN),
    "cnn_train": ("cnn_train", [], TRAIN),
    "lstm_train_sin": ("lstm_train_sin", [], TRAIN),
    "lstm_train_ptb": ("lstm_train_ptb", [], [TF, TORCH]),
    "resnet50_infer_b1": ("resnet50_infer", ["--infer-batches", "1"], INFER),
    "resnet50_infer_b16": ("resnet50_infer", ["--infer-batches", "16"], INFER),
    "inception_v3_infer_b1": ("inception_v3_infer", [], INFER),
    "mobilenet_v1_infer_b1": ("mobilenet_v1_infer", [], INFER),
    "resnet50_train": ("resnet50_train", [], [TF, TORCH]),
    "gemm": ("gemm", [], KERNEL),
    "conv": ("conv", [], KERNEL),
    "elementwise": ("elementwise", [], FUSED),
    "softmax": ("softmax", [], FUSED),
    "reduce": ("reduce", [], FUSED),
    "transpose": ("transpose", [], KERNEL),
    "layernorm": ("layernorm", [], FUSED),
    "embedding": ("embedding", [], [TF, TORCH, ORT]),
    "checkpoint": ("checkpoint", [], [TF, TORCH]),
    "graph_import": ("graph_import", [], [TF]),
    "gradients": ("gradients", [], [TF]),
    "first_run": ("first_run", [], [TF]),
    "scaling": ("scaling", [], [SCALING]),
}
# glibc's malloc keeps freed memory: peers without the page faults of large temporaries.
KEEPS_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000",
                "MALLOC_TOP_PAD_": "268435456", "MALLOC_ARENA_MAX": "1",
                "BENCH_IMPL_SUFFIX": "-keepmem"}
# GFLOP of one image, forward; the gradients of training take twice that again.
GFLOP = {"resnet50_infer_b1": 8.18, "resnet50_infer_b16": 8.18, "resnet50_train_b8": 3 * 8.18,
         "inception_v3_infer_b1": 11.42, "mobilenet_v1_infer_b1": 1.14}
HERE = os.path.dirname(os.path.abspath(__file__))


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("workloads", nargs="*", help="of: " + ", ".join(PLAN) + "; all by default")
    p.add_argument("--peers", default=os.environ.get("PEERS"), help="folder of the environments ($PEERS)")
    p.add_argument("--kit", default=os.environ.get("KIT", os.path.join(HERE, "../../shared/bench")),
                   help="the peers' kit ($KIT)")
    p.add_argument("--weft", default=os.path.join(HERE, "../build/release/bin/weft_bench"))
    p.add_argument("--limits", default=None, help="JSON lines of the machine's limits")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--reps", type=int, default=3)
    p.add_argument("--min-time", type=float, default=0.2)
    p.add_argument("--only", default="", help="parts of the peers' names to run, comma-separated: xla,torch")
    p.add_argument("--keepmem", action="store_true", help="peers keep freed memory")
    p.add_argument("--json", default=None, help="append every line of every program to this file")
    p.add_argument("--mnist-dir", default=None, help="of weft_bench; the kit's beside it by default")
    return p.parse_args()


def commands(o, name):
    """(what, command, environment variables) for each program, Weft first."""
    theirs, flags, peers = PLAN[name]
    timing = ["--reps", str(o.reps), "--min-time", str(o.min_time)]
    mnist = o.mnist_dir or os.path.join(o.kit, "../data/mnist")
    yield ("weft", [o.weft, "--workloads", name, "--mnist_dir", mnist, "--nets_dir",
                    os.path.join(o.kit, "nets")] + timing, {})
    for env, script, more in peers:
        what = " ".join([env, script] + more)
        if o.only and not any(part in what for part in o.only.split(",")):
            continue
        python = os.path.join(o.peers, env, "bin/python")
        path = (os.path.join(HERE, "peers", script[5:]) if script.startswith("here/")
                else os.path.join(o.kit, "peers", script))
        if os.path.exists(python):
            yield (what, [python, path, "--workloads", theirs] + timing + flags + more,
                   KEEPS_MEMORY if o.keepmem else {})


def lines_of(command, variables, timeout=600):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                              env=dict(os.environ, **variables))
    except subprocess.TimeoutExpired:
        return [], "no end after %d s" % timeout
    found = []
    for line in done.stdout.decode(errors="replace").splitlines():
        if line.startswith("{"):
            found.append(json.loads(line))
    return found, "" if found else done.stderr.decode(errors="replace")[-300:]


def read_limits(o):
    """Best of two threads: multiply-adds, and bytes read, or read and written."""
    path = o.limits if o.limits is not None else os.path.join(o.kit, "baseline/limits.jsonl")
    best = {}
    if path:
        with open(path) as f:
            for d in map(json.loads, f):
                if d["threads"] == 2 and d["unit"] != "ns":
                    best[d["workload"]] = max(best.get(d["workload"], 0), d["best"])
    return best


def limit_share(limits, key, value):
    workload, metric, unit = key
    fma = limits.get("limit_fma_f32")
    if unit == "GFLOP/s" and fma:
        return value / fma
    if unit == "GB/s" and workload.startswith("reduce") and limits.get("limit_read"):
        return value / limits["limit_read"]
    if unit == "GB/s" and limits.get("limit_copy"):
        return value / limits["limit_copy"]
    if workload == "embedding_gather" and limits.get("limit_copy"):
        return value * 128 * 4 * 2e-9 / limits["limit_copy"]
    if workload in GFLOP and fma and metric == "throughput":
        return value * GFLOP[workload] / fma
    if workload in GFLOP and fma and metric == "latency_p50":
        return GFLOP[workload] / (value * 1e-3) / fma
    return None


def measure(o, name):
    """{(workload, metric, unit): {impl: [value of each round]}}, and which way is better."""
    values, higher = {}, {}
    programs = list(commands(o, name))
    for round_number in range(o.rounds):
        for what, command, variables in programs if round_number % 2 == 0 else programs[::-1]:
            start = time.time()
            found, problem = lines_of(command, variables)
            for d in found:
                key = (d["workload"], d.get("metric", ""), d["unit"])
                higher[key] = d["higher_is_better"]
                values.setdefault(key, {}).setdefault(d["impl"], []).append(d["value"])
                if o.json:
                    with open(o.json, "a") as f:
                        f.write(json.dumps(d) + "\n")
            sys.stderr.write("# %s, round %d, %s: %.1f s%s\n" %
                             (name, round_number + 1, what, time.time() - start,
                              " " + problem if problem else ""))
    return values, higher


def verdict(rounds):
    """Who won all rounds, but one in eight at the most."""
    slack = len(rounds) // 8
    if len(rounds) < 5:
        return "too few rounds"
    if sum(r <= 1 for r in rounds) <= slack:
        return "ahead"
    return "behind" if sum(r >= 1 for r in rounds) <= slack else "unclear"


def table(values, higher, limits):
    for key, by_impl in values.items():
        if "weft" not in by_impl:
            continue
        up, own = higher[key], by_impl["weft"]
        median = statistics.median(own)
        share = limit_share(limits, key, median)
        peers = {i: v for i, v in by_impl.items() if i != "weft"}
        row = "| %s %s | %s | %.5g |" % (key[0], key[1], key[2], median)
        if peers:
            best = (max if up else min)(peers, key=lambda i: statistics.median(peers[i]))
            ahead = [(a / b if up else b / a) for a, b in zip(own, peers[best]) if a and b]
            other = statistics.median(peers[best])
            row += " %s %.5g | **%.2fx** | %.2f .. %.2f, %s |" % (
                best, other, median / other if up else other / median, min(ahead), max(ahead),
                verdict(ahead))
        else:
            row += " | | |"
        print(row + (" %.0f %% |" % (100 * share) if share else " |"), flush=True)


def main():
    o = options()
    if not o.peers:
        sys.exit("where are the peers? --peers DIR, or PEERS=DIR")
    unknown = [w for w in o.workloads if w not in PLAN]
    if unknown:
        sys.exit("unknown workloads %s; known: %s" % (", ".join(unknown), ", ".join(PLAN)))
    limits = read_limits(o)
    print("| result | unit | Weft | best peer | ahead | rounds | of the limit |\n" + "| --- " * 7 + "|")
    for name in o.workloads or PLAN:
        table(*measure(o, name), limits)


if __name__ == "__main__":
    main()
