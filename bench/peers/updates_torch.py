# SPDX-License-Identifier: Apache-2.0
"""PyTorch's optimizers (fused where they have it) on the workloads of updates_common.py.

    python updates_torch.py --workloads adam_update,sparse_update --reps 3 --min-time 0.1
"""
import warnings

import torch

import updates_common as C

warnings.filterwarnings("ignore", message="Sparse invariant checks")
args = C.arguments()
torch.set_num_threads(C.THREADS)
VERSION = "torch-" + ".".join(torch.__version__.split(".")[:2])


def dense(workload, elements, slots, make, impl):
    params = [torch.ones(elements, requires_grad=True) for _ in range(C.VARIABLES)]
    for p in params:
        p.grad = torch.full((elements,), 0.01)
    optimizer = make(params)
    optimizer.step()
    check = float(params[0].detach()[0])
    seconds = C.measure(optimizer.step, args.reps, args.min_time)
    C.emit(workload, impl, seconds, C.VARIABLES * elements * (2 * (slots + 1) + 1), check=[check])


def adam_update():
    for workload, elements in C.dense_workloads("adam_update"):
        dense(workload, elements, 2, lambda p: torch.optim.Adam(p, lr=1e-3, fused=True), VERSION + "-fused")


def momentum_update():
    for workload, elements in C.dense_workloads("momentum_update"):
        dense(workload, elements, 1, lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, fused=True),
              VERSION + "-fused")


def sparse_update():
    sets = [torch.from_numpy(s) for s in C.index_sets()]
    rows = torch.full((C.TOUCHED, C.COLUMNS), 0.01)
    touched = C.TOUCHED * C.COLUMNS
    turn = [0]

    def next_set():
        turn[0] += 1
        return sets[turn[0] % len(sets)]

    table = torch.ones(C.ROWS, C.COLUMNS)
    seconds = C.measure(lambda: table.index_add_(0, next_set(), rows, alpha=-1e-3), args.reps, args.min_time)
    C.emit("sparse_update_sgd", VERSION + "-index_add", seconds, 3 * touched)

    table = torch.ones(C.ROWS, C.COLUMNS, requires_grad=True)
    optimizer = torch.optim.Adagrad([table], lr=1e-3, initial_accumulator_value=0.1)

    def step():
        table.grad = torch.sparse_coo_tensor(next_set()[None], rows, table.shape, check_invariants=False)
        optimizer.step()
    C.emit("sparse_update_adagrad", VERSION + "-sparse", C.measure(step, args.reps, args.min_time), 5 * touched)


for name in args.workloads.split(","):
    globals()[name]()
