// SPDX-License-Identifier: Apache-2.0
// adam_update, momentum_update: one optimizer step over 200 float variables of 500,000 elements,
// and
// (..._small) of 1,000. sparse_update: one step over 4,096 rows of a table [1000000, 128].
//
// GB/s count what a step must read and write: every variable and slot twice, the gradient once.
#include <cmath>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "bench/weft_bench/config.h"
#include "bench/weft_bench/data.h"
#include "bench/weft_bench/measure.h"
#include "weft/graph/attr_value.h"
#include "weft/graph/op_builder.h"
#include "weft/runtime/session.h"

namespace weft::bench {
namespace {

constexpr int kVariables = 200;
constexpr int64_t kRows = 1000000, kColumns = 128, kTouched = 4096;
constexpr int kIndexSets = 16;

// Variables by handle and the runs that give them their values, one after the other.
class Variables {
 public:
  Tensor Add(const PartialShape& shape, const Tensor& initial) {
    const Tensor handle = OpBuilder("VarHandleOp", NameOptions())
                              .Attr("dtype", kFloat32)
                              .Attr("shape", shape)
                              .Attr("shared_name", "v" + std::to_string(assignments_.size()))
                              .Output();
    assignments_.push_back(
        OpBuilder("AssignVariableOp", NameOptions()).In(handle).In(initial).Build());
    return handle;
  }
  void Initialize(Session& session) const {
    for (const Operation& assignment : assignments_) session.Run(assignment);
  }

 private:
  std::vector<Operation> assignments_;
};

Tensor Filled(const Shape& shape, float value) {
  std::vector<int32_t> dims;
  for (const int64_t d : shape.dims()) dims.push_back(static_cast<int32_t>(d));
  return OpBuilder("Fill", NameOptions()).In(Array::FromVector(dims)).In(value).Output();
}

Tensor Read(const Tensor& handle) {
  return OpBuilder("ReadVariableOp", NameOptions()).In(handle).Attr("dtype", kFloat32).Output();
}

void EmitStep(const std::string& workload, const std::vector<double>& seconds, double bytes,
              const std::vector<double>& check) {
  EmitTime(workload, "per_step", "ms", seconds, 1e3);
  Result rate{workload, "bandwidth", "GB/s", true, {}, check};
  for (const double s : seconds) rate.reps.push_back(bytes / s * 1e-9);
  Emit(rate);
}

// The op of one step: given the variable, its slots and the gradient.
using Step = std::function<Operation(const std::vector<Tensor>& variables, const Tensor& gradient)>;

Operation AdamStep(const std::vector<Tensor>& v, const Tensor& gradient) {
  return OpBuilder("ResourceApplyAdam", NameOptions())
      .In(v[0])
      .In(v[1])
      .In(v[2])
      .In(0.9f)
      .In(0.999f)
      .In(0.001f)
      .In(0.9f)
      .In(0.999f)
      .In(1e-8f)
      .In(gradient)
      .Build();
}

Operation MomentumStep(const std::vector<Tensor>& v, const Tensor& gradient) {
  return OpBuilder("ResourceApplyMomentum", NameOptions())
      .In(v[0])
      .In(v[1])
      .In(0.001f)
      .In(gradient)
      .In(0.9f)
      .Build();
}

void RunDense(const std::string& workload, int slots, int64_t elements, const Step& step) {
  Graph graph;
  GraphScope scope(graph);
  Variables all;
  const Shape shape({elements});
  std::vector<Operation> updates;
  Tensor first;
  for (int i = 0; i < kVariables; ++i) {
    std::vector<Tensor> v;
    for (int k = 0; k <= slots; ++k)
      v.push_back(all.Add(PartialShape(shape), Filled(shape, k == 0 ? 1.0f : 0.0f)));
    if (i == 0) first = v[0];
    const Tensor gradient = all.Add(PartialShape(shape), Filled(shape, 0.01f));
    updates.push_back(step(v, Read(gradient)));
  }
  const Tensor after = Read(first);
  Session session(graph, BenchConfig());
  all.Initialize(session);
  const Callable run = session.MakeCallable(std::vector<Fetch>(), {}, updates);
  run({});
  const double check = session.Run(after).data<float>()[0];
  const double bytes = 4.0 * kVariables * static_cast<double>(elements * (2 * (slots + 1) + 1));
  EmitStep(workload, Measure([&] { run({}); }), bytes, {check});
}

// Of a table and its slot, if it has one.
using SparseStep =
    std::function<Operation(const std::vector<Tensor>& v, Tensor gradient, Tensor indices)>;

void RunSparse(const std::string& workload, int slots, const SparseStep& step) {
  Graph graph;
  GraphScope scope(graph);
  Variables all;
  const Shape table({kRows, kColumns}), rows({kTouched, kColumns});
  std::vector<Tensor> v;
  for (int k = 0; k <= slots; ++k)
    v.push_back(all.Add(PartialShape(table), Filled(table, k == 0 ? 1.0f : 0.1f)));
  const Tensor gradient = all.Add(PartialShape(rows), Filled(rows, 0.01f));
  const Tensor indices = OpBuilder("Placeholder", "indices")
                             .Attr("dtype", kInt64)
                             .Attr("shape", PartialShape({kTouched}))
                             .Output();
  const Operation update = step(v, Read(gradient), indices);
  Session session(graph, BenchConfig());
  all.Initialize(session);
  const Callable run = session.MakeCallable(std::vector<Fetch>(), {indices}, {update});
  std::vector<Array> sets;
  for (int s = 0; s < kIndexSets; ++s) {
    std::vector<int64_t> numbers;
    for (int64_t i = 0; i < kTouched; ++i) {
      const double u = Uniform01(static_cast<uint64_t>(9000 + s), static_cast<uint64_t>(i));
      numbers.push_back(static_cast<int64_t>(u * static_cast<double>(kRows)));
    }
    sets.push_back(Array::FromVector(numbers));
  }
  size_t next = 0;
  const std::vector<double> seconds = Measure([&] { run({sets[next++ % sets.size()]}); });
  const double bytes = 4.0 * static_cast<double>(kTouched * kColumns * (2 * (slots + 1) + 1));
  EmitStep(workload, seconds, bytes, {});
}

}  // namespace

void RunAdamUpdate() {
  RunDense("adam_update", 2, 500000, AdamStep);
  RunDense("adam_update_small", 2, 1000, AdamStep);
}

void RunMomentumUpdate() {
  RunDense("momentum_update", 1, 500000, MomentumStep);
  RunDense("momentum_update_small", 1, 1000, MomentumStep);
}

void RunSparseUpdate() {
  RunSparse("sparse_update_momentum", 1,
            [](const std::vector<Tensor>& v, const Tensor& gradient, const Tensor& indices) {
              return OpBuilder("ResourceSparseApplyMomentum", NameOptions())
                  .In(v[0])
                  .In(v[1])
                  .In(0.001f)
                  .In(gradient)
                  .In(indices)
                  .In(0.9f)
                  .Build();
            });
  RunSparse("sparse_update_adagrad", 1,
            [](const std::vector<Tensor>& v, const Tensor& gradient, const Tensor& indices) {
              return OpBuilder("ResourceSparseApplyAdagrad", NameOptions())
                  .In(v[0])
                  .In(v[1])
                  .In(0.001f)
                  .In(gradient)
                  .In(indices)
                  .Build();
            });
  RunSparse("sparse_update_sgd", 0,
            [](const std::vector<Tensor>& v, const Tensor& gradient, const Tensor& indices) {
              const Tensor scaled =
                  OpBuilder("Mul", NameOptions()).In(gradient).In(0.001f).Output();
              return OpBuilder("ResourceScatterSub", NameOptions())
                  .In(v[0])
                  .In(indices)
                  .In(scaled)
                  .Build();
            });
}

}  // namespace weft::bench
