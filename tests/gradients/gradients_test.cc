// SPDX-License-Identifier: Apache-2.0
// Node lists are those that TensorFlow 2.15.1 makes of the same program (compat.v1.gradients).
#include "weft/gradients/gradients.h"
#include "weft/core/complex.h"

#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/op_case.h"
#include "weft/framework/gradient_checker.h"
#include "weft/framework/variable.h"
#include "weft/graph/op_def.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/math_unary.h"

namespace weft {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Overrides = std::map<std::string, std::string>;

Tensor Named(const std::string& name, const PartialShape& shape, DataType dtype = kFloat32) {
  absl::StatusOr<Operation> op =
      AddNode("Placeholder", {}, {{"dtype", dtype}, {"shape", shape}}, name);
  EXPECT_TRUE(op.ok()) << op.status();
  return op->output(0);
}

class GradientsTest : public ::testing::Test {
 protected:
  // "name Type(input, ^control) [colocated] device" of the nodes under `prefix`.
  std::vector<std::string> Nodes(const std::string& prefix = "gradients") const {
    std::vector<std::string> lines;
    for (const Operation& op : graph_.operations()) {
      if (!op.name().starts_with(prefix)) continue;
      std::string line = op.name() + " " + op.type() + "(";
      std::string separator;
      for (const Tensor& in : op.inputs()) {
        line += separator + in.op().name() + (in.index() ? ":" + std::to_string(in.index()) : "");
        separator = ", ";
      }
      for (const Operation& c : op.control_inputs()) {
        line += separator + "^" + c.name();
        separator = ", ";
      }
      line += ")";
      if (op.has_attr("_class"))
        for (const auto& c : *op.attr("_class").Get<std::vector<std::string>>()) line += " " + c;
      if (!op.device().empty()) line += " " + op.device();
      lines.push_back(line);
    }
    return lines;
  }
  static std::string NameOf(const Grad& g) { return g.none() ? "none" : g.tensor().name(); }

  Graph graph_;
  GraphScope scope_{graph_};
};

std::string ErrorOf(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return std::string(CodeName(e.code())) + ": " + e.what();
  }
  return "no error";
}

// ---- Where gradients begin ----------------------------------------------------------------------

TEST_F(GradientsTest, BeginsWithOnes) {
  const Tensor x = Named("x", {2});
  const Tensor y = Multiply(x, x, "mul");
  const Tensor z = Add(y, y, "add");
  EXPECT_EQ(NameOf(Gradients({z}, {x})[0]), "gradients/AddN_1:0");
  EXPECT_THAT(Nodes(), ElementsAre("gradients/Shape Const()", "gradients/grad_ys_0/Const Const()",
                                   "gradients/grad_ys_0 Fill(gradients/Shape, "
                                   "gradients/grad_ys_0/Const)",
                                   "gradients/AddN AddN(gradients/grad_ys_0, gradients/grad_ys_0) "
                                   "loc:@gradients/grad_ys_0",
                                   "gradients/mul_grad/Mul Mul(gradients/AddN, x)",
                                   "gradients/mul_grad/Mul_1 Mul(gradients/AddN, x)",
                                   "gradients/AddN_1 AddN(gradients/mul_grad/Mul, "
                                   "gradients/mul_grad/Mul_1) loc:@gradients/mul_grad/Mul"));
  EXPECT_TRUE(
      ArraysEqual(Session(graph_).Run("gradients/AddN_1:0", {{x, F32({3, 4})}}), F32({12, 16})));
}

TEST_F(GradientsTest, UnknownShapeIsReadWhenItRuns) {
  const Tensor x = Named("x", PartialShape::Unknown());
  const Tensor dx = Gradients({Exp(x)}, {x})[0].tensor();
  EXPECT_EQ(Nodes()[0], "gradients/Shape Shape(Exp)");
  EXPECT_TRUE(ArraysNear(Session(graph_).Run(dx, {{x, F32({{0, 1}})}}), F32({{1, 2.718281828f}}),
                         {1e-6, 0}));
}

TEST_F(GradientsTest, GivenGradYsPassThroughAnIdentity) {
  const Tensor x = Named("x", {2});
  const Tensor y = Exp(x, "y");
  const Tensor gy = Named("gy", {2});
  EXPECT_EQ(NameOf(Gradients({y}, {x}, {.grad_ys = {gy}})[0]), "gradients/y_grad/mul:0");
  EXPECT_THAT(Nodes(), ElementsAre("gradients/grad_ys_0 Identity(gy)",
                                   "gradients/y_grad/mul Mul(gradients/grad_ys_0, y)"));
}

TEST_F(GradientsTest, GradYsMustFit) {
  const Tensor x = Named("x", {2}), y = Exp(x);
  const auto error = [&](const std::vector<Tensor>& grad_ys) {
    return ErrorOf([&] { Gradients({y}, {x}, {.grad_ys = grad_ys}); });
  };
  EXPECT_THAT(error({Named("a", {2}), Named("b", {2})}),
              HasSubstr("INVALID_ARGUMENT: Gradients: 2 grad_ys for 1 ys"));
  EXPECT_THAT(error({Named("c", {3})}), HasSubstr("grad_ys[0] has shape [3], y 'Exp:0' has [2]"));
  EXPECT_THAT(error({Named("d", {2}, kFloat64)}), HasSubstr("grad_ys[0] has dtype float64"));
  EXPECT_EQ(error({Tensor()}), "no error");        // ones
  EXPECT_EQ(error({Named("e", {})}), "no error");  // the rule of Exp multiplies
  EXPECT_EQ(error({Named("f", PartialShape::Unknown())}), "no error");
}

TEST_F(GradientsTest, ComplexYsNeedGradYs) {
  const Tensor x = Named("x", {2}, kComplex64), y = Square(x);
  EXPECT_THAT(ErrorOf([&] { Gradients({y}, {x}); }),
              HasSubstr("INVALID_ARGUMENT: Gradients of complex tensors ('Square:0') must set "
                        "grad_ys (y.dtype = complex64)"));
  EXPECT_FALSE(Gradients({y}, {x}, {.grad_ys = {Named("gy", {2}, kComplex64)}})[0].none());
}

TEST_F(GradientsTest, IntegersHaveNoGradientButOnesByThemselves) {
  const Tensor x = Named("x", {2}, kInt32);
  EXPECT_EQ(NameOf(Gradients({Square(x)}, {x})[0]), "none");
  EXPECT_EQ(NameOf(Gradients({x}, {x})[0]), "gradients_1/grad_ys_0:0");
}

TEST_F(GradientsTest, EmptyLists) {
  const Tensor x = Named("x", {2});
  EXPECT_THAT(Gradients({x}, {}), IsEmpty());
  EXPECT_TRUE(Gradients({}, {x})[0].none());
}

TEST_F(GradientsTest, TensorsMustBeOfOneGraph) {
  const Tensor x = Named("x", {2});
  EXPECT_THAT(ErrorOf([&] { Gradients({x}, {Tensor()}); }), HasSubstr("an empty Tensor"));
  Graph other;
  GraphScope scope(other);
  const Tensor z = Named("z", {2});
  EXPECT_THAT(ErrorOf([&] { Gradients({x}, {z}); }), HasSubstr("'z:0' is from another graph"));
}

TEST_F(GradientsTest, NamesOfTwoCallsDiffer) {
  const Tensor x = Named("x", {3}), y = Exp(x, "y");
  EXPECT_EQ(NameOf(Gradients({y}, {x}, {.name = "g2"})[0]), "g2/y_grad/mul:0");
  EXPECT_EQ(NameOf(Gradients({y}, {x}, {.name = "g2"})[0]), "g2_1/y_grad/mul:0");
  NameScope outer("outer");
  EXPECT_EQ(NameOf(Gradients({y}, {x})[0]), "outer/gradients/y_grad/mul:0");
}

// ---- Sums of gradients --------------------------------------------------------------------------

class Aggregation : public GradientsTest {
 protected:
  Tensor x_ = Named("x", {2});
  Tensor y_ = Exp(x_, "y");
  Tensor sum_ = Add(Add(Exp(y_, "a"), Exp(y_, "b"), "add"), Exp(y_, "c"), "add_1");
};

TEST_F(Aggregation, OneAddN) {
  Gradients({sum_}, {x_});
  EXPECT_THAT(Nodes("gradients/AddN"),
              ElementsAre("gradients/AddN AddN(gradients/c_grad/mul, gradients/a_grad/mul, "
                          "gradients/b_grad/mul) loc:@gradients/c_grad/mul"));
}

TEST_F(Aggregation, Tree) {
  Gradients({sum_}, {x_}, {.aggregation_method = AggregationMethod::kExperimentalTree});
  EXPECT_THAT(Nodes("gradients/y_gradient_sum"),
              ElementsAre("gradients/y_gradient_sum/AddN AddN(gradients/c_grad/mul, "
                          "gradients/a_grad/mul)",
                          "gradients/y_gradient_sum/AddN_1 AddN(gradients/y_gradient_sum/AddN, "
                          "gradients/b_grad/mul)"));
}

TEST_F(GradientsTest, SumsOfEachDeviceFirst) {
  Tensor x, a, z;
  {
    DeviceScope d("/cpu:1");
    x = Named("x", {2});
  }
  const Tensor y = Exp(x, "y");
  {
    DeviceScope d("/cpu:2");
    a = Exp(y, "a");
  }
  {
    DeviceScope d("/cpu:3");
    z = Add(Add(a, Exp(y, "b"), "add"), Exp(y, "c"), "add_1");
  }
  Gradients({z}, {x}, {.colocate_gradients_with_ops = true});
  EXPECT_THAT(Nodes(),
              ElementsAre("gradients/Shape Const() loc:@add_1 /device:CPU:3",
                          "gradients/grad_ys_0/Const Const() loc:@add_1 /device:CPU:3",
                          "gradients/grad_ys_0 Fill(gradients/Shape, gradients/grad_ys_0/Const) "
                          "loc:@add_1 /device:CPU:3",
                          "gradients/c_grad/mul Mul(gradients/grad_ys_0, c) loc:@c /device:CPU:3",
                          "gradients/a_grad/mul Mul(gradients/grad_ys_0, a) loc:@a /device:CPU:2",
                          "gradients/b_grad/mul Mul(gradients/grad_ys_0, b) loc:@b /device:CPU:3",
                          "gradients/AddN AddN(gradients/c_grad/mul, gradients/b_grad/mul) loc:@c "
                          "/device:CPU:3",
                          "gradients/AddN_1 AddN(gradients/a_grad/mul, gradients/AddN) loc:@y",
                          "gradients/y_grad/mul Mul(gradients/AddN_1, y) loc:@y"));
}

TEST_F(GradientsTest, SlicesFollowEachOther) {
  const Tensor x = Named("x", {4, 2});
  const Tensor i = Named("i", {3}, kInt32), j = Named("j", {3}, kInt64);
  const Grad g = Gradients({Gather(x, i), Gather(x, j)}, {x})[0];
  ASSERT_TRUE(g.is_slices());
  EXPECT_EQ(g.slices().values.name(), "gradients/concat:0");
  EXPECT_EQ(g.slices().indices.name(), "gradients/concat_1:0");
  EXPECT_EQ(g.slices().indices.dtype(), kInt64);
  EXPECT_TRUE(graph_.FindOperation("gradients/concat_1/axis").has_value());
  const Array dense = Session(graph_).Run(
      DenseGradient(g), {{x, F32(Shape({4, 2}), {0})}, {i, I32({0, 3, 0})}, {j, I64({3, 1, 1})}});
  EXPECT_TRUE(ArraysEqual(dense, F32({{2, 2}, {2, 2}, {0, 0}, {2, 2}})));
}

TEST_F(GradientsTest, SlicesBesideATensorBecomeDense) {
  const Tensor x = Named("x", {4, 2}), i = Named("i", {3}, kInt32);
  const Grad g = Gradients({Gather(x, i), Exp(x, "z")}, {x})[0];
  EXPECT_EQ(NameOf(g), "gradients/AddN:0");
  EXPECT_THAT(Nodes("gradients/AddN"),
              ElementsAre("gradients/AddN/strided_slice/stack Const()",
                          "gradients/AddN/strided_slice/stack_1 Const()",
                          "gradients/AddN/strided_slice/stack_2 Const()", testing::_,
                          testing::StartsWith("gradients/AddN/inputs_0 UnsortedSegmentSum("),
                          "gradients/AddN AddN(gradients/AddN/inputs_0, gradients/z_grad/mul)"));
  const Array dense =
      Session(graph_).Run(g.tensor(), {{x, F32(Shape({4, 2}), {0})}, {i, I32({0, 3, 0})}});
  EXPECT_TRUE(ArraysEqual(dense, F32({{3, 3}, {1, 1}, {1, 1}, {2, 2}})));
}

TEST_F(GradientsTest, DenseGradientNeedsOne) {
  EXPECT_THAT(ErrorOf([] { DenseGradient(Grad()); }),
              HasSubstr("INVALID_ARGUMENT: DenseGradient: there is no gradient"));
  const Tensor values = Named("v", {2, 2}), indices = Named("i", {2}, kInt32);
  EXPECT_THAT(ErrorOf([&] {
                DenseGradient(IndexedSlices{values, indices, {}});
              }),
              HasSubstr("without dense_shape: the values are 'v:0'"));
}

// ---- Where gradients end ------------------------------------------------------------------------

TEST_F(GradientsTest, InnerTensors) {
  const Tensor x = Named("x", {2}), y = Exp(x, "y"), z = Exp(y, "z");
  const auto g = Gradients({z}, {x, y});
  EXPECT_EQ(NameOf(g[0]), "gradients/y_grad/mul:0");
  EXPECT_EQ(NameOf(g[1]), "gradients/z_grad/mul:0");
  EXPECT_EQ(NameOf(Gradients({z, y}, {y}, {.name = "both"})[0]), "both/AddN:0");
  EXPECT_THAT(Nodes("both/AddN"),
              ElementsAre("both/AddN AddN(both/grad_ys_1, both/z_grad/mul) loc:@both/grad_ys_1"));
}

TEST_F(GradientsTest, StopGradientsAreConstants) {
  const Tensor x = Named("x", {2}), y = Exp(x, "y"), z = Exp(y, "z");
  EXPECT_TRUE(Gradients({z}, {x}, {.stop_gradients = {y}})[0].none());
  const auto g = Gradients({z}, {y, x}, {.name = "g", .stop_gradients = {y}});
  EXPECT_EQ(NameOf(g[0]), "g/z_grad/mul:0");
  EXPECT_EQ(NameOf(g[1]), "none");
  // d(a + b)/da where b = 2a counts as a constant.
  const Tensor a = Named("a", {}), b = Multiply(a, 2.f);
  const auto partial = Gradients({Add(a, b)}, {a, b}, {.stop_gradients = {a, b}});
  Session session(graph_);
  EXPECT_TRUE(ArraysEqual(session.Run(partial[0].tensor(), {{a, F32(0)}}), F32(1)));
  EXPECT_TRUE(ArraysEqual(session.Run(partial[1].tensor(), {{a, F32(0)}}), F32(1)));
}

TEST_F(GradientsTest, NothingFlowsThroughStopGradient) {
  const Tensor x = Named("x", {2});
  EXPECT_TRUE(Gradients({Exp(StopGradient(x))}, {x})[0].none());
}

TEST_F(GradientsTest, PreventGradientIsAnError) {
  const Tensor x = Named("x", {2});
  EXPECT_THAT(ErrorOf([&] { Gradients({PreventGradient(Exp(x), "because")}, {x}); }),
              HasSubstr("Gradient explicitly disabled. Reason: because"));
}

TEST_F(GradientsTest, UnconnectedGradientsAreNoneOrZeros) {
  const Tensor x = Named("x", {2}), w = Named("w", {2}), open = Named("open", {-1});
  const Tensor y = Exp(x, "y");
  EXPECT_TRUE(Gradients({y}, {w})[0].none());
  const auto g =
      Gradients({y}, {x, w, open}, {.unconnected_gradients = UnconnectedGradients::kZero});
  EXPECT_EQ(NameOf(g[1]), "zeros_like:0");
  EXPECT_EQ(g[1].tensor().op().type(), "Const");
  EXPECT_EQ(g[2].tensor().op().type(), "ZerosLike");
  EXPECT_TRUE(
      ArraysEqual(Session(graph_).Run(g[2].tensor(), {{open, F32({5, 6, 7})}}), F32({0, 0, 0})));
}

TEST_F(GradientsTest, UnconnectedResourceVariable) {
  Variable v(F32({1, 2}), {.use_resource = true}), w(F32({1, 2}), {.use_resource = true});
  const auto g = Gradients({Exp(v)}, {v.op().output(0), w.op().output(0)},
                           {.unconnected_gradients = UnconnectedGradients::kZero});
  EXPECT_EQ(g[1].tensor().dtype(), kFloat32);
  EXPECT_EQ(g[1].tensor().shape(), PartialShape({2}));
  Session session(graph_);
  session.Run({v.initializer(), w.initializer()});
  EXPECT_TRUE(ArraysEqual(session.Run(g[1].tensor()), F32({0, 0})));
  EXPECT_TRUE(
      ArraysNear(session.Run(DenseGradient(g[0])), F32({2.7182818f, 7.389056f}), {1e-6, 0}));
}

TEST_F(GradientsTest, OutputsWithoutGradientGetZeros) {
  const Tensor x = Named("x", {3});
  const std::vector<Tensor> parts = Unstack(x, {.num = 3, .axis = 0, .name = "u"});
  const Tensor dx = Gradients({Exp(parts[1], "y")}, {x})[0].tensor();
  EXPECT_THAT(Nodes("gradients/zeros_like"), ElementsAre("gradients/zeros_like ZerosLike(u)",
                                                         "gradients/zeros_like_1 ZerosLike(u:2)"));
  EXPECT_TRUE(ArraysEqual(Session(graph_).Run(dx, {{x, F32({5, 0, 7})}}), F32({0, 1, 0})));
}

TEST_F(GradientsTest, OpWithoutARuleIsAnError) {
  const Tensor x = Named("x", {2});
  if (!OpRegistry::Global().Find("GradientsTestNoRule"))
    OpRegistry::Global().Add("GradientsTestNoRule").Input("x: float").Output("y: float");
  absl::StatusOr<Operation> node = AddNode("GradientsTestNoRule", {x}, {}, "found");
  ASSERT_TRUE(node.ok()) << node.status();
  try {
    Gradients({node->output(0)}, {x});
    FAIL() << "no error";
  } catch (const NotFoundError& e) {
    EXPECT_THAT(
        e.what(),
        HasSubstr("No gradient defined for operation 'found' (op type: GradientsTestNoRule)"));
    EXPECT_EQ(e.op_name(), "found");
    EXPECT_EQ(e.op_type(), "GradientsTestNoRule");
  }
}

// ---- Options of placement and order -------------------------------------------------------------

TEST_F(GradientsTest, GatesWaitForAllGradientsOfAnOp) {
  const Tensor x = Named("x", {2}), w = Named("w", {2}), y = Multiply(x, w, "y");
  const auto g = Gradients({y}, {x, w}, {.gate_gradients = true});
  EXPECT_EQ(NameOf(g[0]), "gradients/y_grad/tuple/control_dependency:0");
  EXPECT_THAT(Nodes("gradients/y_grad/tuple"),
              ElementsAre("gradients/y_grad/tuple/group_deps NoOp(^gradients/y_grad/Mul, "
                          "^gradients/y_grad/Mul_1)",
                          "gradients/y_grad/tuple/control_dependency Identity("
                          "gradients/y_grad/Mul, ^gradients/y_grad/tuple/group_deps) "
                          "loc:@gradients/y_grad/Mul",
                          "gradients/y_grad/tuple/control_dependency_1 Identity("
                          "gradients/y_grad/Mul_1, ^gradients/y_grad/tuple/group_deps) "
                          "loc:@gradients/y_grad/Mul_1"));
}

TEST_F(GradientsTest, GatedAndColocated) {
  Tensor x, w, y;
  {
    DeviceScope d("/cpu:1");
    x = Named("x", {2});
    w = Named("w", {2});
  }
  {
    DeviceScope d("/cpu:2");
    y = Multiply(x, w, "y");
  }
  Gradients({y}, {x, w}, {.colocate_gradients_with_ops = true, .gate_gradients = true});
  EXPECT_THAT(Nodes("gradients/y_grad/tuple"),
              ElementsAre("gradients/y_grad/tuple/group_deps NoOp(^gradients/y_grad/Mul, "
                          "^gradients/y_grad/Mul_1) /device:CPU:2",
                          "gradients/y_grad/tuple/control_dependency Identity("
                          "gradients/y_grad/Mul, ^gradients/y_grad/tuple/group_deps) "
                          "loc:@y /device:CPU:2",
                          "gradients/y_grad/tuple/control_dependency_1 Identity("
                          "gradients/y_grad/Mul_1, ^gradients/y_grad/tuple/group_deps) "
                          "loc:@y /device:CPU:2"));
}

// ---- Rules of one's own -------------------------------------------------------------------------

TEST_F(GradientsTest, OverrideByARuleOfTheRegistry) {
  OpRegistry::Global().AddGradient("GradientsTest.Twice", [](GradientContext& g) {
    g.SetDx(0, g.Mul(g.dy(0), g.ConstLike(2, g.dy(0))));
  });
  const Tensor x = Named("x", {2});
  Tensor y, z;
  {
    GradientOverrideMap map(Overrides{{"Exp", "GradientsTest.Twice"}});
    y = Exp(x);
  }
  {
    GradientOverrideMap map(Overrides{{"Exp", "Identity"}});  // the rule of another op
    z = Exp(x);
  }
  Session session(graph_);
  const Feeds feeds = {{x, F32({3, 4})}};
  EXPECT_TRUE(ArraysEqual(session.Run(Gradients({y}, {x})[0].tensor(), feeds), F32({2, 2})));
  EXPECT_TRUE(ArraysEqual(session.Run(Gradients({z}, {x})[0].tensor(), feeds), F32({1, 1})));
  GradientOverrideMap map(Overrides{{"Exp", "GradientsTest.NobodyMadeIt"}});
  EXPECT_THAT(ErrorOf([&] { Gradients({Exp(x, "w")}, {x}); }),
              HasSubstr("NOT_FOUND: No gradient defined for operation 'w'"));
}

TEST_F(GradientsTest, ErrorsOfRulesNameTheForwardOp) {
  OpRegistry::Global().AddGradient("GradientsTest.Fails", [](GradientContext& g) {
    g.Fail(absl::UnimplementedError("not for even numbers"));
  });
  OpRegistry::Global().AddGradient("GradientsTest.BadShape", [](GradientContext& g) {
    g.SetDx(0, g.ConstInts({1, 2, 3}));
  });
  const Tensor x = Named("x", {2});
  {
    GradientOverrideMap map(Overrides{{"Exp", "GradientsTest.Fails"}});
    EXPECT_THAT(ErrorOf([&] { Gradients({Exp(x, "e")}, {x}); }),
                HasSubstr("UNIMPLEMENTED: not for even numbers (while adding the gradient of Exp "
                          "'e')"));
  }
  GradientOverrideMap map(Overrides{{"Exp", "GradientsTest.BadShape"}});
  EXPECT_THAT(
      ErrorOf([&] { Gradients({Exp(x, "f")}, {x}); }),
      HasSubstr("Forward operation: f. Input index: 0. Original input shape: [2]. Calculated "
                "input gradient shape: [3]"));
}

TEST_F(GradientsTest, CustomGradient) {
  // log(1 + e^x), whose plain gradient overflows to NaN for large x.
  const auto log1pexp = [](const std::vector<Tensor>& in) {
    CustomGradientResult r;
    const Tensor e = Exp(in[0]);
    r.outputs = {Log(Add(e, 1.f))};
    r.gradient = [e](const std::vector<Tensor>& dy) {
      return std::vector<Tensor>{Multiply(dy[0], Subtract(1.f, Divide(1.f, Add(e, 1.f))))};
    };
    return r;
  };
  const Tensor x = Named("x", {2});
  const Tensor y = CustomGradient(log1pexp, {x})[0];
  const Tensor dx = Gradients({y}, {x})[0].tensor();
  EXPECT_TRUE(ArraysNear(Session(graph_).Run(dx, {{x, F32({0, 100})}}), F32({0.5f, 1}), {1e-6, 0}));
}

TEST_F(GradientsTest, CustomGradientMayLeaveInputsOut) {
  const auto f = [](const std::vector<Tensor>& in) {
    CustomGradientResult r;
    r.outputs = {Multiply(in[0], in[1]), Exp(in[0])};
    r.gradient = [](const std::vector<Tensor>& dy) {
      return std::vector<Tensor>{Add(dy[0], dy[1]), Tensor()};
    };
    return r;
  };
  const Tensor x = Named("x", {2}), w = Named("w", {2});
  const std::vector<Tensor> ys = CustomGradient(f, {x, w});
  const auto g = Gradients(ys, {x, w});
  EXPECT_TRUE(g[1].none());
  EXPECT_TRUE(ArraysEqual(Session(graph_).Run(g[0].tensor(), {{x, F32({3, 4})}, {w, F32({3, 4})}}),
                          F32({2, 2})));
  EXPECT_THAT(ErrorOf([&] { CustomGradient(f, {}); }), HasSubstr("CustomGradient: no inputs"));
}

TEST_F(GradientsTest, CustomGradientMustAnswerForEachInput) {
  const auto f = [](const std::vector<Tensor>& in) {
    CustomGradientResult r;
    r.outputs = {Exp(in[0])};
    r.gradient = [](const std::vector<Tensor>&) { return std::vector<Tensor>(); };
    return r;
  };
  const Tensor x = Named("x", {2});
  const Tensor y = CustomGradient(f, {x})[0];
  EXPECT_THAT(ErrorOf([&] { Gradients({y}, {x}); }),
              HasSubstr("a custom gradient returned 0 gradients for 1 inputs"));
}

// ---- Second derivatives -------------------------------------------------------------------------

TEST_F(GradientsTest, GradientsOfGradients) {
  const Tensor x = Named("x", {2}, kFloat64);
  Tensor d = Exp(Multiply(x, 2.0));
  for (int order = 1; order <= 3; ++order) d = Gradients({d}, {x})[0].tensor();
  EXPECT_TRUE(ArraysNear(Session(graph_).Run(d, {{x, F64({0, 0.5})}}),
                         F64({8, 8 * 2.718281828459045}), {1e-12, 0}));
}

TEST_F(GradientsTest, Hessians) {
  const Tensor x = Named("x", {2}, kFloat64), w = Named("w", {2, 1}, kFloat64);
  // x0^2 x1 and, of w, something linear.
  const Tensor y = Add(Multiply(Square(At(x, {0})), At(x, {1})), At(w, {0, 0}));
  const auto h = weft::Hessians({y}, {x, w});
  EXPECT_EQ(h[1].shape(), PartialShape({2, 1, 2, 1}));
  Session session(graph_);
  const Feeds feeds = {{x, F64({3, 5})}, {w, F64({{1}, {2}})}};
  EXPECT_TRUE(ArraysNear(session.Run(h[0], feeds), F64({{10, 6}, {6, 0}}), {1e-12, 0}));
  EXPECT_TRUE(ArraysEqual(session.Run(h[1], feeds), F64(Shape({2, 1, 2, 1}), {0})));
  const Tensor open = Named("open", {-1}, kFloat64);
  EXPECT_THAT(ErrorOf([&] { weft::Hessians({Square(open)}, {open}); }),
              HasSubstr("Hessians: the shape of x 'open:0' is [?]"));
}

}  // namespace
}  // namespace weft
