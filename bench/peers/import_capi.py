# SPDX-License-Identifier: Apache-2.0
"""TensorFlow's C API on the workload graph_import of weft_bench: a serialised ResNet-50 in memory becomes a graph.

    TF_PY import_capi.py --kit ../shared/bench --reps 5

graph_import_resnet50_frozen has the weights in it, graph_import_resnet50 placeholders in their place. The program that calls
TF_GraphImportGraphDef is the kit's peers/tf_c_bench.cc, compiled once into --build.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
p = argparse.ArgumentParser()
p.add_argument("--workloads", default="graph_import")
p.add_argument("--kit", required=True)
p.add_argument("--build", default=os.path.join(tempfile.gettempdir(), "weft_import_capi"))
p.add_argument("--reps", type=int, default=3)
p.add_argument("--min-time", type=float, default=0)
args = p.parse_args()
PEERS = os.path.join(os.path.abspath(args.kit), "peers")
NAMES = ("graph_import_resnet50", "graph_import_resnet50_frozen")


def make(folder):
    sys.path.insert(0, PEERS)
    sys.argv = ["x"]
    import nets
    import tensorflow as tf
    import tf_bench
    v1 = tf.compat.v1
    v1.disable_v2_behavior()
    net = nets.NETS["resnet50"]()
    for name, weight in zip(NAMES, (lambda v: v1.placeholder(tf.float32, v.shape), tf.constant)):
        with tf.Graph().as_default() as graph:
            weights = {k: weight(v) for k, v in nets.params(net).items()}
            tf_bench.run_net(net, v1.placeholder(tf.float32, [1, 224, 224, 3]), weights)
            with open(os.path.join(folder, name + ".pb"), "wb") as f:
                f.write(graph.as_graph_def().SerializeToString())
    lib = os.path.dirname(tf.__file__)
    found = sorted(f for f in os.listdir(lib) if f.startswith(("libtensorflow_cc.so", "libtensorflow_framework.so")))
    subprocess.check_call(["g++", "-O2", "-std=c++17", os.path.join(PEERS, "tf_c_bench.cc"), "-I",
                           os.path.join(lib, "include"), "-L", lib, "-o", os.path.join(folder, "tf_c_bench"),
                           "-Wl,-rpath," + lib] + ["-l:" + f for f in found])
    with open(os.path.join(folder, "impl"), "w") as f:
        f.write("tensorflow-%s-capi" % ".".join(tf.__version__.split(".")[:2]))


def main():
    if not os.path.exists(os.path.join(args.build, "impl")):
        os.makedirs(args.build, exist_ok=True)
        make(args.build)
    with open(os.path.join(args.build, "impl")) as f:
        impl = f.read()
    for name in NAMES:
        graph = os.path.join(args.build, name + ".pb")
        out = subprocess.check_output([os.path.join(args.build, "tf_c_bench"), "import", graph, str(args.reps + 2)])
        reps = [1e3 * float(v) for v in out.split()][2:]  # the first ones warm up
        print(json.dumps(dict(workload=name, impl=impl, metric="time", value=statistics.median(reps), unit="ms",
                              higher_is_better=False, reps=reps, threads=2,
                              bytes=os.path.getsize(graph))), flush=True)


if __name__ == "__main__":
    main()
