// SPDX-License-Identifier: Apache-2.0
// PiecewiseConstant: a chain of conditionals, as tf.case with exclusive = True makes it.
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/cond_nodes.h"
#include "src/framework/nodes.h"
#include "src/ops/op_scope.h"
#include "weft/framework/train/training_util.h"

namespace weft::train {
namespace {

using internal::CondNodes;
using internal::Op;

// A piece: it is taken where `pred` is true.
struct Piece {
  Tensor pred, value;
};

Tensor ToTensor(const Input& x) {
  return AsTensor(x, x.dtype() == kFloat64 ? kFloat32 : kInvalidType, "Const");
}

std::vector<Tensor> ToTensors(const std::vector<Input>& list) {
  std::vector<Tensor> tensors;
  for (const Input& x : list) tensors.push_back(ToTensor(x));
  return tensors;
}

void CheckDtypes(const Tensor& x, std::vector<Tensor>* boundaries,
                 const std::vector<Tensor>& values) {
  const DataType dtype = RemoveRef(x.dtype());
  for (Tensor& b : *boundaries) {
    const DataType of = RemoveRef(b.dtype());
    if (of == dtype) continue;
    if (of != kInt32 || dtype != kInt64) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Boundaries (", DTypeName(of), ") must have the same dtype as x (",
                        DTypeName(dtype), ")."));
    }
    b = internal::CastTo(b, dtype);
  }
  const DataType first = RemoveRef(values[0].dtype());
  for (const Tensor& v : values) {
    if (RemoveRef(v.dtype()) == first) continue;
    ThrowError(Code::kInvalidArgument,
               StrCat("Values must have elements all with the same dtype (", DTypeName(first),
                      " vs ", DTypeName(RemoveRef(v.dtype())), ")."));
  }
}

// A resource variable is read again inside of the scope.
Tensor ReadAgain(const Input& x, const Tensor& read) {
  if (x.source() == read || read.op().type() != "ReadVariableOp") return read;
  const ColocateWith nothing(nullptr, read.graph());
  return Op("ReadVariableOp", {x.source()}, {}, {{"dtype", read.dtype()}});
}

std::vector<Piece> PiecesOf(const Tensor& x, const std::vector<Tensor>& boundaries,
                            const std::vector<Tensor>& values) {
  std::vector<Piece> pieces = {{Op("LessEqual", {x, boundaries.front()}), values.front()},
                               {Op("Greater", {x, boundaries.back()}), values.back()}};
  for (size_t i = 0; i + 1 < boundaries.size(); ++i) {
    const Tensor above = Op("Greater", {x, boundaries[i]});
    const Tensor below = Op("LessEqual", {x, boundaries[i + 1]});
    pieces.push_back({Op("LogicalAnd", {above, below}, "and"), values[i + 1]});
  }
  return pieces;
}

// Fails the run if more than one piece is taken (x is NaN in none).
Tensor AssertOne(const std::vector<Piece>& pieces) {
  std::vector<Input> list;
  std::string names;
  for (const Piece& p : pieces) {
    list.push_back(p.pred);
    names += (names.empty() ? "" : ", ") + p.pred.name();
  }
  const Tensor preds = OpBuilder("Pack", NameOptions("preds_c")).InList(list).Output();
  const Tensor ones = Op("Cast", {preds}, {}, {{"DstT", kInt32}});
  const Tensor axes = AsTensor(Array({0}), kInt32, "Const");
  const Tensor count = Op("Sum", {ones, axes}, "num_true_conds");
  const Tensor one = AsTensor(1, kInt32, "n_true_conds");
  const Tensor at_most_one = Op("LessEqual", {count, one});

  const NameScope outer("Assert");
  const NameScope guard("AssertGuard");
  const CondNodes cond(at_most_one);
  const auto after = [&](bool branch, Operation op) {
    const ControlDependencies done({op});
    const ColocateWith colocate(cond.pivot(branch).op(), /*ignore_existing=*/true);
    return Op("Identity", {cond.pivot(branch)}, "control_dependency");
  };
  const Operation nothing = [&] {
    const ControlDependencies taken({cond.pivot(true).op()});
    return OpBuilder("NoOp", NameOptions()).Build();
  }();
  const Tensor yes = after(true, nothing);
  const Operation failure = [&] {
    const NameScope scope("Assert");
    const Tensor text =
        cond.Constant(StrCat("Input error: exclusive=True: more than 1 conditions (", names,
                             ") evaluated as True:"),
                      kString, "data_0", false);
    const Tensor condition = cond.Enter(at_most_one, false);
    const Tensor data = cond.Enter(preds, false);
    return OpBuilder("Assert", scope.name())
        .In(condition)
        .InList({text, data})
        .Attr("summarize", static_cast<int64_t>(pieces.size()))
        .Build();
  }();
  const Tensor no = after(false, failure);
  return CondNodes::Merge(no, yes);
}

// A tensor from outside of all conditionals, passed through those that are open: through their
// false branches, and `branch` of the last.
Tensor EnterAll(const std::vector<CondNodes>& open, Tensor t, bool branch) {
  for (size_t i = 0; i < open.size(); ++i)
    t = open[i].Enter(t, i + 1 == open.size() ? branch : false);
  return t;
}

// The pieces from `at` on, in the false branches of the conditionals of those before.
Tensor Chain(const std::vector<Piece>& pieces, size_t at, Operation checked,
             std::vector<CondNodes>* open) {
  const NameScope scope("cond");
  const ControlDependencies after({checked});
  const CondNodes cond([&] { return EnterAll(*open, pieces[at].pred, false); });
  open->push_back(cond);
  const Tensor then = EnterAll(*open, pieces[at].value, true);
  const Tensor otherwise = at + 1 < pieces.size() ? Chain(pieces, at + 1, checked, open)
                                                  : EnterAll(*open, pieces[0].value, false);
  open->pop_back();
  // Merge waits for its inputs alone.
  const ControlDependencies none(nullptr);
  return CondNodes::Merge(otherwise, then);
}

}  // namespace

Tensor PiecewiseConstant(const Input& x, const std::vector<Input>& boundaries,
                         const std::vector<Input>& values, const NameOptions& options) {
  if (boundaries.empty() || boundaries.size() + 1 != values.size()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("PiecewiseConstant: the length of boundaries should be 1 less than the "
                      "length of values, and at least 1: there are ",
                      boundaries.size(), " boundaries and ", values.size(), " values"));
  }
  const GraphScope use(GraphOf({&x}));
  std::vector<Tensor> limits = ToTensors(boundaries);
  const std::vector<Tensor> levels = ToTensors(values);
  const Tensor read = ToTensor(x);
  CheckDtypes(read, &limits, levels);
  const OpScope scope(options.name, "PiecewiseConstant", read.graph());
  const std::vector<Piece> pieces = PiecesOf(ReadAgain(x, read), limits, levels);
  const NameScope cases("case");
  std::vector<CondNodes> open;
  const Tensor checked = AssertOne(pieces);
  return Chain(pieces, 0, checked.op(), &open);
}

}  // namespace weft::train
