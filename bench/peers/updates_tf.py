# SPDX-License-Identifier: Apache-2.0
"""TensorFlow's training ops in a Session on the workloads of updates_common.py: the graphs of
bench/weft_bench/updates.cc.

    python updates_tf.py --workloads adam_update,sparse_update --reps 3 --min-time 0.1
"""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf  # noqa: E402

import updates_common as C  # noqa: E402

args = C.arguments()
v1, raw = tf.compat.v1, tf.raw_ops
v1.disable_v2_behavior()
IMPL = "tensorflow-" + ".".join(tf.__version__.split(".")[:2])


class Variables:
    def __init__(self):
        self.assignments = []

    def add(self, shape, value):
        handle = raw.VarHandleOp(dtype=tf.float32, shape=shape, shared_name="v%d" % len(self.assignments))
        self.assignments.append(raw.AssignVariableOp(resource=handle, value=tf.fill(shape, value)))
        return handle

    def session(self):
        config = v1.ConfigProto(intra_op_parallelism_threads=C.THREADS, inter_op_parallelism_threads=C.THREADS)
        session = v1.Session(config=config)
        session.run(self.assignments)
        return session


def read(handle):
    return raw.ReadVariableOp(resource=handle, dtype=tf.float32)


def adam(v, grad):
    return raw.ResourceApplyAdam(var=v[0], m=v[1], v=v[2], beta1_power=0.9, beta2_power=0.999, lr=1e-3, beta1=0.9,
                                 beta2=0.999, epsilon=1e-8, grad=grad)


def momentum(v, grad):
    return raw.ResourceApplyMomentum(var=v[0], accum=v[1], lr=1e-3, grad=grad, momentum=0.9)


def dense(workload, elements, slots, step):
    with tf.Graph().as_default():
        variables, updates, first = Variables(), [], None
        for _ in range(C.VARIABLES):
            v = [variables.add([elements], 0.0 if k else 1.0) for k in range(slots + 1)]
            first = v[0] if first is None else first
            updates.append(step(v, read(variables.add([elements], 0.01))))
        after, group = read(first), tf.group(*updates)
        with variables.session() as session:
            run = session.make_callable(group)
            run()
            check = float(session.run(after)[0])
            seconds = C.measure(run, args.reps, args.min_time)
    C.emit(workload, IMPL, seconds, C.VARIABLES * elements * (2 * (slots + 1) + 1), check=[check])


def adam_update():
    for workload, elements in C.dense_workloads("adam_update"):
        dense(workload, elements, 2, adam)


def momentum_update():
    for workload, elements in C.dense_workloads("momentum_update"):
        dense(workload, elements, 1, momentum)


def sparse(workload, slots, step):
    with tf.Graph().as_default():
        variables = Variables()
        v = [variables.add([C.ROWS, C.COLUMNS], 0.1 if k else 1.0) for k in range(slots + 1)]
        gradient = read(variables.add([C.TOUCHED, C.COLUMNS], 0.01))
        indices = v1.placeholder(tf.int64, [C.TOUCHED])
        update = step(v, gradient, indices)
        with variables.session() as session:
            run = session.make_callable(update, [indices])
            sets, turn = C.index_sets(), [0]

            def call():
                turn[0] += 1
                run(sets[turn[0] % len(sets)])
            seconds = C.measure(call, args.reps, args.min_time)
    C.emit(workload, IMPL, seconds, C.TOUCHED * C.COLUMNS * (2 * (slots + 1) + 1))


def sparse_update():
    sparse("sparse_update_momentum", 1, lambda v, g, i: raw.ResourceSparseApplyMomentum(
        var=v[0], accum=v[1], lr=1e-3, grad=g, indices=i, momentum=0.9))
    sparse("sparse_update_adagrad", 1, lambda v, g, i: raw.ResourceSparseApplyAdagrad(
        var=v[0], accum=v[1], lr=1e-3, grad=g, indices=i))
    sparse("sparse_update_sgd", 0, lambda v, g, i: raw.ResourceScatterSub(
        resource=v[0], indices=i, updates=g * 1e-3))


for name in args.workloads.split(","):
    globals()[name]()
