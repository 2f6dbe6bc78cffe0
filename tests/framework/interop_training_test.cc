// SPDX-License-Identifier: Apache-2.0
// Training graphs that TensorFlow wrote (data/training): imported and run, and made anew from their
// forward parts, node by node.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "proto/weft/graph.pb.h"
#include "proto/weft/meta_graph.pb.h"
#include "proto/weft/named_tensor.pb.h"
#include "weft/graph/attr_value.h"
#include "weft/graph/tensor_proto.h"
#include "weft/weft.h"

namespace weft::train {
namespace {

struct Example {
  const char* name;
  bool clipped;  // gradients, to a global norm of 1
  std::function<std::unique_ptr<Optimizer>(const Variable& step)> make;
};

std::ostream& operator<<(std::ostream& out, const Example& e) { return out << e.name; }

std::vector<Example> Examples() {
  const auto adam = [](const Variable&) { return std::make_unique<AdamOptimizer>(.05); };
  const auto momentum = [](const Variable&) {
    return std::make_unique<MomentumOptimizer>(.05, .9);
  };
  return {
      {"train_adam", true, adam},
      {"train_adam_resource", true, adam},
      {"train_momentum", true, momentum},
      {"train_momentum_resource", true, momentum},
      {"train_adagrad", false,
       [](const Variable&) { return std::make_unique<AdagradOptimizer>(.1); }},
      {"train_rmsprop", false,
       [](const Variable&) {
         return std::make_unique<RMSPropOptimizer>(.02, RMSPropOptions{.momentum = .3});
       }},
      {"train_ftrl", false,
       [](const Variable&) {
         return std::make_unique<FtrlOptimizer>(
             .1, FtrlOptions{.l1_regularization_strength = .01, .l2_regularization_strength = .02});
       }},
      {"train_sgd_decay", false,
       [](const Variable& step) {
         return std::make_unique<GradientDescentOptimizer>(ExponentialDecay(.1, step, 2, .9));
       }},
  };
}

class InteropTraining : public testing::TestWithParam<Example> {
 protected:
  void SetUp() override {
    const std::filesystem::path folder =
        std::filesystem::path("tests/framework/data/training") / GetParam().name;
    def_ = GraphDef::FromFile((folder / "graph.pb").string());
    std::ifstream in(folder / "expected.pb", std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(in), {});
    ASSERT_TRUE(expected_.ParseFromString(bytes));
  }

  std::vector<std::string> Targets() const {
    const auto& nodes = expected_.collection_def().at("targets").node_list().value();
    return {nodes.begin(), nodes.end()};
  }

  // Runs the targets, then compares what is expected.
  void ExpectRun(const Graph& graph) const {
    Session session(graph);
    for (const std::string& target : Targets()) session.Run(graph.OperationByName(target));
    const auto& tolerance = expected_.collection_def().at("tolerance").float_list().value();
    for (const std::string& bytes :
         expected_.collection_def().at("expected").bytes_list().value()) {
      proto::NamedTensorProto named;
      ASSERT_TRUE(named.ParseFromString(bytes));
      const Array want = ArrayFromTensorProtoBytes(named.tensor().SerializeAsString());
      const Array got = session.Run(graph.TensorByName(named.name()));
      ASSERT_EQ(got.shape(), want.shape()) << named.name();
      for (int64_t i = 0; i < want.num_elements(); ++i) {
        EXPECT_NEAR(got.AsDouble(i), want.AsDouble(i),
                    tolerance[1] + tolerance[0] * std::abs(want.AsDouble(i)))
            << named.name() << ", element " << i;
      }
    }
  }

  GraphDef def_;
  proto::MetaGraphDef expected_;
};

TEST_P(InteropTraining, RunsAsImported) {
  const Graph graph;
  ImportGraphDef(def_, {.prefix = ""}, graph);
  ExpectRun(graph);
}

// What was there before the gradients were taken, but for a learning rate.
GraphDef ForwardPart(const GraphDef& def) {
  GraphDef forward = def;
  proto::GraphDef& nodes = forward.mutable_proto();
  nodes.clear_node();
  for (const auto& node : def.proto().node()) {
    if (node.name().starts_with("gradients/")) break;
    if (!node.name().starts_with("ExponentialDecay")) *nodes.add_node() = node;
  }
  return forward;
}

std::vector<Variable> VariablesIn(const Graph& graph) {
  std::vector<Variable> list;
  for (const Operation& op : graph.operations()) {
    const bool resource = op.type() == "VarHandleOp";
    if (!resource && op.type() != "VariableV2") continue;
    const Operation initializer = graph.OperationByName(op.name() + "/Assign");
    list.push_back(Variable::FromTensors(
        op.output(0),
        graph.TensorByName(op.name() + (resource ? "/Read/ReadVariableOp:0" : "/read:0")),
        initializer.input(1), initializer, true));
  }
  return list;
}

// Without the gradients' own nodes: where TensorFlow computes the gradient of a constant, or the
// sizes of known shapes, there is less here.
std::set<std::string> NodeTexts(const Graph& graph) {
  std::set<std::string> lines;
  for (const Operation& op : graph.operations()) {
    if (op.name().starts_with("gradients/")) continue;
    std::string line = op.name() + " " + op.type() + "(";
    for (const Tensor& in : op.inputs()) line += in.name() + " ";
    std::vector<std::string> controls;
    for (const Operation& c : op.control_inputs()) controls.push_back("^" + c.name());
    std::sort(controls.begin(), controls.end());
    for (const std::string& c : controls) line += c + " ";
    line += ")";
    if (op.has_attr("_class")) line += " at " + op.attr("_class").ToString();
    lines.insert(line);
  }
  return lines;
}

TEST_P(InteropTraining, MadeAnewIsTheSameGraph) {
  const Graph theirs;
  ImportGraphDef(def_, {.prefix = ""}, theirs);
  const Graph graph;
  const GraphScope use(graph);
  ImportGraphDef(ForwardPart(def_), {.prefix = ""});
  std::vector<Variable> variables = VariablesIn(graph);
  ASSERT_EQ(variables.size(), 5u);
  const Variable step = variables.back();
  const std::vector<Variable> trained(variables.begin(), variables.end() - 1);

  const auto optimizer = GetParam().make(step);
  std::vector<GradAndVar> pairs =
      optimizer->ComputeGradients(graph.TensorByName("loss:0"), {.var_list = trained});
  if (GetParam().clipped) {
    std::vector<Grad> grads;
    for (const GradAndVar& p : pairs) grads.push_back(p.grad);
    const auto [clipped, norm] = ClipByGlobalNorm(grads, 1.);
    for (size_t i = 0; i < pairs.size(); ++i) pairs[i].grad = clipped[i];
  }
  optimizer->ApplyGradients(pairs, {.global_step = step, .name = "train"});
  for (const Variable& v : optimizer->Variables()) variables.push_back(v);
  VariablesInitializer(variables);

  const std::set<std::string> want = NodeTexts(theirs), got = NodeTexts(graph);
  std::vector<std::string> missing, extra;
  std::set_difference(want.begin(), want.end(), got.begin(), got.end(),
                      std::back_inserter(missing));
  std::set_difference(got.begin(), got.end(), want.begin(), want.end(), std::back_inserter(extra));
  EXPECT_EQ(missing, std::vector<std::string>());
  EXPECT_EQ(extra, std::vector<std::string>());
  ExpectRun(graph);
}

INSTANTIATE_TEST_SUITE_P(All, InteropTraining, testing::ValuesIn(Examples()),
                         [](const testing::TestParamInfo<Example>& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace weft::train
