// SPDX-License-Identifier: Apache-2.0
// Variables in parts, scopes, initializers and moving averages, node by node as TensorFlow makes
// them.
#include <gtest/gtest.h>

#include "tests/support/graph_golden.h"
#include "weft/framework/partitioned_variable.h"
#include "weft/weft.h"

namespace weft {
namespace {

void Expect(const std::string& section, const std::function<void()>& build,
            std::source_location where = std::source_location::current()) {
  GoldenGraphs("tests/framework/data/variables.golden").Expect(section, build, where);
}

Tensor Ph(const PartialShape& shape, DataType dtype = kFloat32) {
  return Placeholder(dtype, shape, "x");
}
Variable Get(const char* name, const Shape& shape, const Initializer& initializer,
             DataType dtype = kFloat32) {
  return GetVariable(name, shape, {.dtype = dtype, .initializer = initializer});
}

// ---- initializers -------------------------------------------------------------------------------

TEST(InitializerNodes, Simple) {
  Expect("simple_initializers", [] {
    Get("zeros", {2}, ZerosInitializer());
    Get("ones", {2}, OnesInitializer());
    Get("constant", {2}, ConstantInitializer(3));
    Get("default", {2}, ConstantInitializer());
    Get("list", {2, 2}, ConstantInitializer({1, 2, 3, 4}));
    Get("filled", {2, 3}, ConstantInitializer({1, 2, 3, 4}));
    Get("strings", {3}, ConstantInitializer(Array::FromVector<std::string>({"a", "b"})), kString);
    Get("uniform", {2}, RandomUniformInitializer(0.0f, Tensor(), {.seed = 1}));
    Get("uniform_ints", {2}, RandomUniformInitializer(0, 10, {.seed = 1}), kInt32);
    Get("normal", {2}, RandomNormalInitializer(1, 2, {.seed = 1}));
    Get("truncated", {2}, TruncatedNormalInitializer(1, 2, {.seed = 1}), kFloat64);
    Get("unit", {2, 3}, UniformUnitScalingInitializer(1.43, {.seed = 1}));
    Get("identity", {2, 3}, IdentityInitializer(2));
    Get("identity_double", {2, 2}, IdentityInitializer(), kFloat64);
    GetVariable("function", {.initializer = [] { return Ones({2}, kFloat32) * 3; }});
    Get("of_ints", {2}, {}, kInt64);
    Get("of_bools", {2}, {}, kBool);
    Get("of_strings", {2}, {}, kString);
  });
}

TEST(InitializerNodes, Scaling) {
  Expect("scaling_initializers", [] {
    Get("fan_in", {3, 3, 2, 4}, VarianceScalingInitializer({.seed = 1}));
    Get("fan_out", {3, 3, 2, 4},
        VarianceScalingInitializer({.scale = 2,
                                    .mode = FanMode::kFanOut,
                                    .distribution = ScalingDistribution::kUntruncatedNormal,
                                    .seed = 1}));
    Get("fan_avg", {5},
        VarianceScalingInitializer({.scale = 3,
                                    .mode = FanMode::kFanAvg,
                                    .distribution = ScalingDistribution::kUniform,
                                    .seed = 1}));
    Get("scalar", Shape(), VarianceScalingInitializer({.seed = 1}));
    Get("glorot_uniform", {2, 3}, GlorotUniformInitializer({.seed = 1}));
    Get("glorot_normal", {2, 3}, GlorotNormalInitializer({.seed = 1}));
    Get("lecun_uniform", {2, 3}, LecunUniformInitializer({.seed = 1}));
    Get("lecun_normal", {2, 3}, LecunNormalInitializer({.seed = 1}));
    Get("he_uniform", {2, 3}, HeUniformInitializer({.seed = 1}));
    Get("he_normal", {2, 3}, HeNormalInitializer({.seed = 1}));
  });
}

TEST(InitializerNodes, Orthogonal) {
  Expect("orthogonal_initializers", [] {
    Get("tall", {3, 2}, OrthogonalInitializer({.seed = 1}));
    Get("wide", {2, 2, 5}, OrthogonalInitializer({.gain = 2, .seed = 1}), kFloat64);
    Get("delta1", {3, 2, 2}, ConvolutionalDeltaOrthogonal({.seed = 1}));
    Get("delta2", {3, 3, 1, 2}, ConvolutionalDeltaOrthogonal({.gain = 2, .seed = 1}));
    Get("delta3", {3, 3, 3, 2, 2}, ConvolutionalDeltaOrthogonal({.seed = 1}));
  });
  Expect("convolution_orthogonal_initializers", [] {
    const Initializer one = ConvolutionalOrthogonal1d({.seed = 3});
    Get("one_1", {1, 2, 3}, one);
    Get("one_3", {3, 2, 3}, one);
    Get("two_1", {1, 1, 2, 3}, ConvolutionalOrthogonal2d({.gain = 2, .seed = 3}));
    Get("two_3", {3, 3, 2, 2}, ConvolutionalOrthogonal2d({.seed = 3}));
    Get("three_1", {1, 1, 1, 2, 3}, ConvolutionalOrthogonal3d({.seed = 3}));
    Get("three_2", {2, 2, 2, 2, 2}, ConvolutionalOrthogonal3d());
  });
}

// ---- parts --------------------------------------------------------------------------------------

TEST(PartitionedNodes, Parts) {
  Expect("partitioned", [] {
    const Variable v = GetVariable("v", {5, 2},
                                   {.regularizer = [](const Input& w) { return nn::L2Loss(w); },
                                    .partitioner = FixedSizePartitioner(3)});
    MatMul(Ph({3, 5}), v);
    Add(v, 1.0f);
    const Variable one = GetVariable("one", {5, 2}, {.partitioner = FixedSizePartitioner(1)});
    Identity(one);
    GetVariable("s", Shape(), {.partitioner = FixedSizePartitioner(3)});
    {
      const NameScope layer("layer");
      const Variable r = GetVariable(
          "r", {4, 3}, {.use_resource = true, .partitioner = FixedSizePartitioner(2, 1)});
      const ControlDependencies after(std::vector<Tensor>{v.AsTensor()});
      nn::Relu(r);
    }
    {
      const VariableScope reuse("", {.reuse = Reuse::kTrue});
      Identity(GetVariable("v", {5, 2}));
    }
    GlobalVariablesInitializer();
  });
}

TEST(PartitionedNodes, InitialValues) {
  Expect("partitioned_values", [] {
    GetVariable("t",
                {.initializer = Ones({4, 2}, kFloat32), .partitioner = FixedSizePartitioner(2)});
    GetVariable("typed", {4}, {.dtype = kFloat64, .partitioner = FixedSizePartitioner(2, -1)});
    GetVariable("w", {4, 6},
                {.initializer = VarianceScalingInitializer({.seed = 1}),
                 .partitioner = FixedSizePartitioner(2, 1)});
    GetVariable("u", {4, 6},
                {.initializer = UniformUnitScalingInitializer(1, {.seed = 1}),
                 .partitioner = FixedSizePartitioner(4)});
    GetVariable("i", {4, 3},
                {.initializer = IdentityInitializer(2), .partitioner = FixedSizePartitioner(2)});
  });
}

TEST(PartitionedNodes, Scopes) {
  Expect("partitioned_scopes", [] {
    const VariableScope a("a", {.partitioner = VariableAxisSizePartitioner(24)});
    Multiply(GetVariable("v", {5, 3}), 2.0f);
    {
      const VariableScope b("b", {.partitioner = MinMaxVariablePartitioner(
                                      {.max_partitions = 4, .axis = 1, .min_slice_size = 20})});
      const PartitionedVariable w(GetVariable("w", {2, 6}));
      w.Assign(Ones({2, 6}, kFloat32));
      w.AssignAdd(Ones({2, 6}, kFloat32), "more");
      w.AssignSub(std::vector<Input>(w.begin(), w.end()));
      std::vector<Input> twice;
      for (const Variable& part : w) twice.push_back(part * 2);
      w.Assign(twice);
    }
    Variable({1.f, 2.f}, {.name = "whole"});
  });
  Expect("created_in_parts", [] {
    CreatePartitionedVariables({4, 2}, {2, 1}, ZerosInitializer());
    CreatePartitionedVariables({4, 2}, {1, 2}, Ones({4, 2}, kFloat32), {.name = "named"});
    const VariableScope s("s");
    CreatePartitionedVariables({3}, {1}, ZerosInitializer(), {.trainable = false});
  });
}

// ---- scopes -------------------------------------------------------------------------------------

TEST(ScopeNodes, Getters) {
  Expect("getters", [] {
    const CustomGetter doubled = [](const VariableGetter& getter, const VariableRequest& request) {
      VariableRequest twin = request;
      twin.name += "_twin";
      getter(twin);
      return getter(request);
    };
    const CustomGetter renamed = [](const VariableGetter& getter, VariableRequest request) {
      request.name += "_r";
      return getter(request);
    };
    const VariableScope a("a", {.custom_getter = doubled});
    GetVariable("v", {1}, {.initializer = ZerosInitializer()});
    const VariableScope b("b", {.custom_getter = renamed});
    GetVariable("v", {1}, {.initializer = ZerosInitializer()});
    GetVariable("alone", {1}, {.initializer = ZerosInitializer(), .custom_getter = renamed});
  });
}

TEST(ScopeNodes, Counts) {
  Expect("counted_scopes", [] {
    const auto get = [] { GetVariable("v", {1}, {.initializer = ZerosInitializer()}) + 1.0f; };
    const auto get_unique = [&](const char* name) {
      const VariableScope scope = VariableScope::Unique(name);
      get();
    };
    const auto get_in = [&](const char* name) {
      const VariableScope scope(name);
      get();
    };
    VarScope p, r;
    {
      const VariableScope scope("p");
      p = scope.scope();
      get_unique("d");
      get_unique("d");
      get_in("d_2");
      get_unique("d");
    }
    {
      const VariableScope again(p);
      get_unique("e");
    }
    {
      const VariableScope again(p, {.auxiliary_name_scope = false});
      {
        const NameScope original(again.scope().original_name_scope());
        Constant(1.0f, "c");
      }
      get_unique("f");
    }
    {
      const VariableScope scope("q/r");
      r = scope.scope();
      get();
    }
    {
      const VariableScope again(r);
      {
        const VariableScope reuse(r, {.reuse = Reuse::kTrue});
        get();
      }
      get_in("r");
    }
    {
      const NameScope n("n");
      {
        const VariableScope q("q");
        GetVariable("w", {1}, {.initializer = ZerosInitializer()}) + 1.0f;
      }
      get_unique("q");
    }
    VariableScope::Current().ReuseVariables();
    GetVariable("p/d/v", {1}) + 1.0f;
  });
}

TEST(ScopeNodes, KindsOfVariables) {
  Expect("kinds_of_variables", [] {
    GetLocalVariable("local", {2}, {.initializer = ZerosInitializer()});
    {
      const VariableScope s("s", {.dtype = kFloat64, .use_resource = true});
      GetLocalVariable("local", {.initializer = Constant(Array({1.0, 2.0}))});
    }
    {
      const DeviceScope cpu("/cpu:0");
      Variable({1.f, 2.f}, {.name = "cached", .caching_device = "/gpu:0"});
      const Variable u({1.f, 2.f}, {.name = "u", .use_resource = true, .caching_device = "/gpu:0"});
      u + 1.0f;
      u.ReadValue();
    }
    Variable({1.f, 2.f}, {.name = "any", .validate_shape = false});
    Variable({1.f, 2.f}, {.name = "shaped", .validate_shape = false, .shape = PartialShape({-1})});
    Variable({1.f, 2.f}, {.name = "shaped_u", .use_resource = true, .shape = PartialShape({-1})});
    LocalVariablesInitializer();
    AssertVariablesInitialized();
  });
  Expect("typed_values", [] {
    GetVariable("f", {.dtype = kFloat32, .initializer = 1.5});
    GetVariable("i", {.dtype = kInt32, .initializer = {1, 2}});
    GetVariable("t", {.dtype = kFloat64, .initializer = Constant(Array(1.0))});
  });
}

// ---- changes ------------------------------------------------------------------------------------

void Change(const Variable& w) {
  const Tensor values = Constant({{1.f, 2.f}}), rows = Constant({1});
  const IndexedSlices slices{values, rows, {}};
  w.AssignOp(Ones({3, 2}, kFloat32));
  w.AssignAddOp(Ones({3, 2}, kFloat32), "more");
  w.AssignSubOp(Ones({3, 2}, kFloat32));
  for (auto scatter :
       {&Variable::ScatterUpdate, &Variable::ScatterAdd, &Variable::ScatterSub,
        &Variable::ScatterMul, &Variable::ScatterDiv, &Variable::ScatterMin, &Variable::ScatterMax})
    (w.*scatter)(slices, {});
  for (auto scatter : {&Variable::ScatterNdUpdate, &Variable::ScatterNdAdd, &Variable::ScatterNdSub,
                       &Variable::ScatterNdMin, &Variable::ScatterNdMax})
    (w.*scatter)(Array({{0, 1}}), {2.f}, {});
}

TEST(ChangeNodes, Methods) {
  Expect("reference_methods", [] {
    const Variable w(Ones({3, 2}, kFloat32), {.name = "w"});
    Change(w);
    const Tensor values = Constant({{1.f}, {2.f}, {3.f}}), rows = Constant({{1}, {0}, {1}});
    w.BatchScatterUpdate({values, rows, {}});
    const Tensor some = Ph({-1, 2}), where = Ph({-1}, kInt64);
    w.BatchScatterUpdate({some, where, {}}, "batch");
  });
  Expect("resource_methods", [] {
    Change(Variable(Ones({3, 2}, kFloat32), {.name = "w", .use_resource = true}));
  });
}

// ---- moving averages ----------------------------------------------------------------------------

TEST(AverageNodes, Scopes) {
  Expect("averages_in_scopes", [] {
    Variable w;
    {
      const VariableScope net("net");
      w = GetVariable("w", {2}, {.initializer = ZerosInitializer()});
    }
    {
      const VariableScope scope("train");
      train::ExponentialMovingAverage(.9f).Apply({w});
    }
    train::ExponentialMovingAverage(.9f).Apply({w});
    {
      const NameScope again("again");
      train::ExponentialMovingAverage(.9f).Apply({w});
    }
    const VariableScope parts("parts", {.partitioner = FixedSizePartitioner(2)});
    const PartitionedVariable p(GetVariable("p", {3}, {.initializer = ZerosInitializer()}));
    train::ExponentialMovingAverage(.9f).Apply(p.parts());
  });
}

TEST(AverageNodes, Tensors) {
  Expect("averages_of_any_tensors", [] {
    const Tensor unknown = Identity(Ph({-1, 2}), "unknown");
    const Tensor half = Identity(Ph({2}, kFloat16), "half");
    train::ExponentialMovingAverage(.9f).Apply({unknown, half});
    const NameScope n("n");
    const Tensor three = Constant(3);
    train::ExponentialMovingAverage(.9f, {.num_updates = three, .zero_debias = true}).Apply({half});
  });
  Expect("assigned_averages", [] {
    const Variable mean =
        GetVariable("mean", {2}, {.initializer = ZerosInitializer(), .trainable = false});
    const Tensor value = Ph({2});
    train::AssignMovingAverage(mean, value, .99, {.zero_debias = false});
    train::AssignMovingAverage(mean, value, Constant(.9f), {.name = "fair"});
    train::AssignMovingAverage(mean, value, .9);
    const Variable u = GetVariable(
        "u", {2}, {.initializer = ZerosInitializer(), .trainable = false, .use_resource = true});
    train::AssignMovingAverage(u, value, .99, {.zero_debias = false});
    train::WeightedMovingAverage(value, .9, Ph(PartialShape::Scalar()));
  });
}

}  // namespace
}  // namespace weft
