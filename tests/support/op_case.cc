// SPDX-License-Identifier: Apache-2.0
#include "tests/support/op_case.h"

#include <algorithm>
#include <iostream>
#include <mutex>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "src/core/strings.h"
#include "src/graph/graph_impl.h"
#include "weft/runtime/kernel.h"
#include "weft/runtime/try.h"

namespace weft {
namespace {

bool IsVariable(const ArgDef& arg) { return arg.is_ref || arg.type == kResource; }

testing::Message Failure(const absl::Status& s) { return testing::Message() << s.ToString(); }

testing::AssertionResult IsError(const absl::Status& status, Code code, std::string_view text) {
  if (status.ok()) return testing::AssertionFailure() << "it succeeded";
  if (status.code() != static_cast<absl::StatusCode>(code)) {
    return testing::AssertionFailure()
           << "the code is not " << CodeName(code) << ": " << status.ToString();
  }
  if (std::string_view(status.message().data(), status.message().size()).find(text) ==
      std::string_view::npos) {
    return testing::AssertionFailure()
           << "the message does not hold \"" << text << "\": " << status.ToString();
  }
  return testing::AssertionSuccess();
}

// A variable of either form, with the op that gives it its value and the tensor that reads it. A
// session tells variables by handle apart by their shared_name.
struct TestVariable {
  Tensor handle;  // what the op is given
  Operation init;
  Tensor read;
};

absl::StatusOr<TestVariable> MakeVariable(const ArgDef& arg, DataType dtype,
                                          const PartialShape& shape, Tensor initial,
                                          const std::string& shared_name = "variable") {
  TestVariable v;
  const AttrMap attrs = {{"dtype", dtype}, {"shape", shape}, {"shared_name", shared_name}};
  if (arg.is_ref) {
    WEFT_ASSIGN_OR_RETURN(Operation variable, AddNode("VariableV2", {}, attrs));
    v.handle = variable.output(0);
    WEFT_ASSIGN_OR_RETURN(Operation read, AddNode("Identity", {v.handle}));
    v.read = read.output(0);
    if (!initial.valid()) return v;
    WEFT_ASSIGN_OR_RETURN(v.init,
                          AddNode("Assign", {v.handle, initial}, {{"validate_shape", false}}));
  } else {
    WEFT_ASSIGN_OR_RETURN(Operation variable, AddNode("VarHandleOp", {}, attrs));
    v.handle = variable.output(0);
    WEFT_ASSIGN_OR_RETURN(Operation read,
                          AddNode("ReadVariableOp", {v.handle}, {{"dtype", dtype}}));
    v.read = read.output(0);
    if (!initial.valid()) return v;
    WEFT_ASSIGN_OR_RETURN(v.init, AddNode("AssignVariableOp", {v.handle, initial}));
  }
  return v;
}

// How the inputs reach the node.
enum class Mode { kFed, kFedUnknownShape, kConstant };
const char* ModeName(Mode mode) {
  switch (mode) {
    case Mode::kFed:
      return "fed, static shapes";
    case Mode::kFedUnknownShape:
      return "fed, unknown shapes";
    case Mode::kConstant:
      return "constants";
  }
  return "";
}

}  // namespace

// ------------------------------------------------------------------------------------------------

absl::StatusOr<Operation> AddNode(const std::string& op, const std::vector<Tensor>& inputs,
                                  const AttrMap& attrs, std::string_view name) {
  NodeSpec spec;
  spec.op = op;
  spec.name = name.empty() ? op : std::string(name);
  spec.inputs = inputs;
  spec.attrs = attrs;
  WEFT_ASSIGN_OR_RETURN(Node * node, Graph::Default().impl().AddNodeInScope(std::move(spec)));
  return Operation(node);
}

namespace {
Tensor Only(absl::StatusOr<Operation> node) {
  if (node.ok()) return node->output(0);
  ADD_FAILURE() << node.status();
  return Tensor();
}
}  // namespace

Tensor PlaceholderOf(DataType dtype, const PartialShape& shape) {
  return Only(AddNode("Placeholder", {}, {{"dtype", dtype}, {"shape", shape}}));
}
Tensor ConstantOf(const Array& value) {
  return Only(AddNode("Const", {}, {{"dtype", value.dtype()}, {"value", value}}));
}

std::vector<const ArgDef*> ArgumentsOfInputs(const OpDef& def, const AttrMap& attrs,
                                             size_t num_inputs) {
  // The length of a list that no attribute gives is what the other arguments leave.
  auto given = [&](const ArgDef& arg) -> int64_t {
    if (arg.number_attr.empty() && arg.type_list_attr.empty()) return 1;
    auto it = attrs.find(arg.number_attr.empty() ? arg.type_list_attr : arg.number_attr);
    if (it == attrs.end()) return -1;
    if (const auto* n = it->second.Get<int64_t>()) return *n;
    if (const auto* list = it->second.Get<std::vector<DataType>>())
      return static_cast<int64_t>(list->size());
    return -1;
  };
  int64_t fixed = 0, open = 0;
  for (const ArgDef& arg : def.inputs()) {
    const int64_t n = given(arg);
    n < 0 ? ++open : fixed += n;
  }
  const int64_t rest = static_cast<int64_t>(num_inputs) - fixed;
  if (rest < 0 || (open == 0 ? rest != 0 : rest % open != 0)) return {};
  std::vector<const ArgDef*> result;
  for (const ArgDef& arg : def.inputs()) {
    const int64_t n = given(arg);
    result.insert(result.end(), static_cast<size_t>(n < 0 ? rest / open : n), &arg);
  }
  return result;
}

std::vector<std::string> DeviceTypesFor(const std::string& op) {
  std::set<std::string> present, wanted;
  for (const std::string& name : Session(Graph()).ListDevices()) {
    const size_t begin = name.rfind("device:") + 7;
    present.insert(name.substr(begin, name.rfind(':') - begin));
  }
  for (const KernelEntry* entry : KernelRegistry::Global().List(op)) wanted.emplace(entry->device);
  std::vector<std::string> types;
  for (const std::string& type : wanted) {
    if (present.contains(type))
      types.push_back(type);
    else if (type != kTestDevice)
      std::cout << "[  SKIPPED ] " << op << " on " << type << ": no such device\n";
  }
  return types;
}

// ------------------------------------------------------------------------------------------------

OpCase& OpCase::In(Array value) {
  inputs_.push_back({std::move(value), false});
  return *this;
}
OpCase& OpCase::Const(Array value) {
  inputs_.push_back({std::move(value), true});
  return *this;
}
OpCase& OpCase::Attr(std::string_view name, AttrValue value) {
  attrs_.insert_or_assign(std::string(name), std::move(value));
  return *this;
}
OpCase& OpCase::Out(Array value) {
  outputs_.push_back(std::move(value));
  return *this;
}
OpCase& OpCase::AnyOut() { return Out(Array()); }
OpCase& OpCase::After(int input, Array value) {
  after_.emplace_back(input, std::move(value));
  return *this;
}
OpCase& OpCase::Within(double relative, double absolute) {
  tolerance_ = Tolerance{relative, absolute};
  return *this;
}

// The case as a graph, and its runs.
class OpCaseRun {
 public:
  OpCaseRun(const OpCase& c, Mode mode, std::string device)
      : case_(c), mode_(mode), device_(std::move(device)) {}

  absl::Status Build() {
    GraphScope scope(graph_);
    DeviceScope device(device_.empty() ? "" : "/device:" + device_ + ":0");
    const OpDef* def = OpRegistry::Global().Find(case_.op_);
    if (!def) return absl::NotFoundError(StrCat("there is no op ", case_.op_));
    const auto arguments = ArgumentsOfInputs(*def, case_.attrs_, case_.inputs_.size());
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < case_.inputs_.size(); ++i) {
      const ArgDef* arg = i < arguments.size() ? arguments[i] : nullptr;
      WEFT_ASSIGN_OR_RETURN(Tensor t, AddInput(i, arg));
      inputs.push_back(t);
    }
    WEFT_ASSIGN_OR_RETURN(node_, AddNode(case_.op_, inputs, case_.attrs_));
    return absl::OkStatus();
  }

  // The values of the outputs.
  absl::StatusOr<std::vector<Array>> Run(Session& session) {
    for (const auto& [i, v] : variables_) {
      if (!v.init.valid()) continue;
      WEFT_RETURN_IF_ERROR(TryRun(session, {v.init}, feeds_).status());
    }
    std::vector<Fetch> fetches;
    for (const Tensor& t : node_.outputs()) fetches.emplace_back(t);
    if (fetches.empty()) fetches.emplace_back(node_);
    WEFT_ASSIGN_OR_RETURN(std::vector<Array> values, TryRun(session, fetches, feeds_));
    values.resize(static_cast<size_t>(node_.num_outputs()));
    return values;
  }

  // Builds, runs and compares.
  void Check() {
    if (absl::Status s = Build(); !s.ok()) return Fail(Failure(s) << "\nwhile building");
    std::vector<Array> before;
    for (const Feed& f : feeds_) before.push_back(f.value.Clone());
    Session session(graph_, Config());
    // The second run of a plan uses the memory that the first one left.
    const bool again = variables_.size() > 0 || !node_.node()->def->is_stateful();
    for (int run = 0; run < (again ? 2 : 1); ++run) {
      absl::StatusOr<std::vector<Array>> values = Run(session);
      if (!values.ok()) return Fail(Failure(values.status()) << "\nin run " << run);
      Compare(*values, run);
      CompareVariables(session, run);
    }
    for (size_t i = 0; i < feeds_.size(); ++i) {
      if (const auto same = ArraysEqual(feeds_[i].value, before[i]); !same)
        Fail(testing::Message() << "the fed value " << i << " was changed: " << same.message());
    }
  }

  const Graph& graph() const { return graph_; }
  ConfigProto Config() const {
    ConfigProto config;
    config.opt_level = mode_ == Mode::kFed ? OptLevel::kL1 : OptLevel::kL0;
    return config;
  }

 private:
  absl::StatusOr<Tensor> AddInput(size_t i, const ArgDef* arg) {
    const OpCase::Argument& input = case_.inputs_[i];
    DeviceScope host("");
    if (arg && IsVariable(*arg) && input.value.dtype() != kResource) {
      DeviceScope device(device_.empty() ? "" : "/device:" + device_ + ":0");
      DataType dtype = input.value.dtype();
      if (!input.value.valid()) dtype = DtypeOf(*arg);
      Tensor initial = input.value.valid() ? ConstantOf(input.value) : Tensor();
      WEFT_ASSIGN_OR_RETURN(
          TestVariable v,
          MakeVariable(*arg, dtype,
                       input.value.valid() ? PartialShape(input.value.shape()) : PartialShape(),
                       initial, StrCat("variable", i)));
      variables_.emplace_back(static_cast<int>(i), v);
      return v.handle;
    }
    if (!input.value.valid())
      return absl::InvalidArgumentError(StrCat("In() number ", i, " has no value"));
    if (input.is_constant || mode_ == Mode::kConstant) return ConstantOf(input.value);
    const Tensor t =
        PlaceholderOf(input.value.dtype(), mode_ == Mode::kFed ? PartialShape(input.value.shape())
                                                               : PartialShape::Unknown());
    feeds_.emplace_back(t, input.value);
    return t;
  }

  // Of a variable without a value.
  DataType DtypeOf(const ArgDef& arg) const {
    for (const std::string& name : {arg.type_attr, std::string("dtype"), std::string("T")}) {
      auto it = case_.attrs_.find(name);
      if (it != case_.attrs_.end() && it->second.Get<DataType>())
        return *it->second.Get<DataType>();
    }
    return kFloat32;
  }

  Tolerance ToleranceFor(const Array& want) const {
    return case_.tolerance_ ? *case_.tolerance_ : DefaultTolerance(want.dtype());
  }

  void Compare(const std::vector<Array>& values, int run) {
    if (!case_.outputs_.empty() && case_.outputs_.size() != values.size()) {
      return Fail(testing::Message() << "the case gives " << case_.outputs_.size()
                                     << " outputs, the node has " << values.size());
    }
    for (size_t i = 0; i < values.size(); ++i) {
      const PartialShape& inferred = node_.output(static_cast<int>(i)).shape();
      if (values[i].valid() && !inferred.IsCompatibleWith(PartialShape(values[i].shape()))) {
        Fail(testing::Message() << "output " << i << " has shape " << values[i].shape().ToString()
                                << ", statically it is " << inferred.ToString());
      }
      if (case_.outputs_.empty() || !case_.outputs_[i].valid()) continue;
      const Array& want = case_.outputs_[i];
      if (const auto near = ArraysNear(values[i], want, ToleranceFor(want)); !near)
        Fail(testing::Message() << "output " << i << " in run " << run << ": " << near.message());
    }
  }

  void CompareVariables(Session& session, int run) {
    for (const auto& [input, want] : case_.after_) {
      auto it = std::find_if(variables_.begin(), variables_.end(),
                             [&](const auto& v) { return v.first == input; });
      if (it == variables_.end())
        return Fail(testing::Message() << "input " << input << " is no variable");
      absl::StatusOr<std::vector<Array>> value = TryRun(session, {it->second.read});
      if (!value.ok()) return Fail(Failure(value.status()) << "\nreading variable " << input);
      if (const auto near = ArraysNear((*value)[0], want, ToleranceFor(want)); !near) {
        Fail(testing::Message() << "variable " << input << " after run " << run << ": "
                                << near.message());
      }
    }
  }

  void Fail(const testing::Message& text) const {
    ADD_FAILURE_AT(case_.where_.file_name(), static_cast<int>(case_.where_.line()))
        << case_.op_ << " on " << (device_.empty() ? "any device" : device_) << " ("
        << ModeName(mode_) << "): " << text;
  }

  const OpCase& case_;
  Mode mode_;
  std::string device_;
  Graph graph_;
  Operation node_;
  Feeds feeds_;
  std::vector<std::pair<int, TestVariable>> variables_;
};

void OpCase::RunEverywhere() const {
  const std::vector<std::string> types = DeviceTypesFor(op_);
  if (types.empty()) {
    ADD_FAILURE_AT(where_.file_name(), static_cast<int>(where_.line()))
        << "no device of this process has a kernel for " << op_;
  }
  for (const std::string& type : types) {
    for (Mode mode : {Mode::kFed, Mode::kFedUnknownShape, Mode::kConstant})
      OpCaseRun(*this, mode, type).Check();
  }
}

void OpCase::ExpectRunError(Code code, std::string_view text) const {
  testing::ScopedTrace trace(where_.file_name(), static_cast<int>(where_.line()), op_);
  for (const std::string& type : DeviceTypesFor(op_)) {
    OpCaseRun run(*this, Mode::kFedUnknownShape, type);
    const absl::Status built = run.Build();
    ASSERT_TRUE(built.ok()) << "the node can't even be built: " << built;
    Session session(run.graph(), run.Config());
    EXPECT_TRUE(IsError(run.Run(session).status(), code, text)) << "on " << type;
  }
}

void OpCase::ExpectBuildError(Code code, std::string_view text) const {
  testing::ScopedTrace trace(where_.file_name(), static_cast<int>(where_.line()), op_);
  EXPECT_TRUE(IsError(OpCaseRun(*this, Mode::kConstant, "").Build(), code, text));
}

// ------------------------------------------------------------------------------------------------

PartialShape ParseShape(std::string_view text) {
  if (text == "?") return PartialShape::Unknown();
  std::vector<int64_t> dims;
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') {
    ADD_FAILURE() << "not a shape: " << text;
    return PartialShape::Unknown();
  }
  const std::string inner(text.substr(1, text.size() - 2));
  if (inner.empty()) return PartialShape(dims);
  for (const std::string& field : std::vector<std::string>(absl::StrSplit(inner, ','))) {
    int64_t size = kUnknownDim;
    if (field != "?" && !absl::SimpleAtoi(field, &size))
      ADD_FAILURE() << "not a size: '" << field << "' in " << text;
    dims.push_back(size);
  }
  return PartialShape(dims);
}

std::string ShapeText(const PartialShape& shape) {
  return shape.known_rank() ? shape.ToString() : "?";
}

ShapeInput::ShapeInput(std::string_view text) {
  const size_t begin = std::min(text.find_first_of("[?"), text.size());
  if (begin > 0 && !ParseDType(text.substr(0, begin), &dtype_))
    ADD_FAILURE() << "not a dtype: " << text.substr(0, begin);
  shape_ = ParseShape(begin == text.size() ? "?" : text.substr(begin));
}

ShapeInput ShapeInput::ShapeOf(std::string_view text) {
  ShapeInput input(text);
  input.is_shape_of_ = true;
  return input;
}

// Builds a node of which only inputs' dtypes and shapes are given.
class ShapeCase {
 public:
  ShapeCase(const std::string& op, const std::vector<ShapeInput>& inputs, const AttrMap& attrs)
      : op_(op), inputs_(inputs), attrs_(attrs) {}

  absl::StatusOr<Operation> Build() {
    def_ = OpRegistry::Global().Find(op_);
    if (!def_) return absl::NotFoundError(StrCat("there is no op ", op_));
    arguments_ = ArgumentsOfInputs(*def_, attrs_, inputs_.size());
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      WEFT_ASSIGN_OR_RETURN(Tensor t, AddInput(i));
      inputs.push_back(t);
    }
    return AddNode(op_, inputs, attrs_);
  }

 private:
  absl::StatusOr<Tensor> AddInput(size_t i) {
    const ShapeInput& input = inputs_[i];
    const ArgDef* arg = i < arguments_.size() ? arguments_[i] : nullptr;
    if (input.is_shape_of_) return Only(AddNode("Shape", {PlaceholderOf(kFloat32, input.shape_)}));
    if (input.value_.valid()) return ConstantOf(input.value_);
    if (arg && IsVariable(*arg) && input.dtype_ != kResource) {
      WEFT_ASSIGN_OR_RETURN(TestVariable v,
                            MakeVariable(*arg, VariableDtype(*arg, input), input.shape_, {}));
      return v.handle;
    }
    return PlaceholderOf(input.dtype_ != kInvalidType ? input.dtype_ : DtypeFor(arg), input.shape_);
  }

  DataType VariableDtype(const ArgDef& arg, const ShapeInput& input) const {
    if (input.dtype_ != kInvalidType) return input.dtype_;
    if (arg.type != kResource) return DtypeFor(&arg);
    for (const char* name : {"dtype", "T"}) {
      auto it = attrs_.find(name);
      if (it != attrs_.end() && it->second.Get<DataType>()) return *it->second.Get<DataType>();
    }
    return kFloat32;
  }

  DataType DtypeFor(const ArgDef* arg) const {
    if (!arg || !arg->type_list_attr.empty()) return kFloat32;
    if (arg->type_attr.empty()) return arg->type;
    if (auto it = attrs_.find(arg->type_attr); it != attrs_.end() && it->second.Get<DataType>())
      return *it->second.Get<DataType>();
    for (size_t i = 0; i < arguments_.size(); ++i) {
      if (arguments_[i]->type_attr == arg->type_attr && inputs_[i].dtype_ != kInvalidType)
        return inputs_[i].dtype_;
    }
    const AttrDef* attr = def_->FindAttr(arg->type_attr);
    if (attr->default_value && attr->default_value->Get<DataType>())
      return *attr->default_value->Get<DataType>();
    const auto& allowed = attr->allowed_types;
    if (allowed.empty() || std::count(allowed.begin(), allowed.end(), kFloat32) > 0)
      return kFloat32;
    return allowed[0];
  }

  const std::string& op_;
  const std::vector<ShapeInput>& inputs_;
  const AttrMap& attrs_;
  const OpDef* def_ = nullptr;
  std::vector<const ArgDef*> arguments_;
};

void ExpectShape(const std::string& op, const std::vector<ShapeInput>& inputs,
                 std::string_view outputs, const AttrMap& attrs, std::source_location where) {
  testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), op);
  Graph graph;
  GraphScope scope(graph);
  absl::StatusOr<Operation> node = ShapeCase(op, inputs, attrs).Build();
  ASSERT_TRUE(node.ok()) << node.status();
  const std::string got = StrJoin(node->outputs(), ";", [](std::string* s, const Tensor& t) {
    s->append(ShapeText(t.shape()));
  });
  EXPECT_EQ(got, outputs);
}

void ExpectBuildError(const std::string& op, const std::vector<ShapeInput>& inputs,
                      std::string_view text, const AttrMap& attrs, Code code,
                      std::source_location where) {
  testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), op);
  Graph graph;
  GraphScope scope(graph);
  EXPECT_TRUE(IsError(ShapeCase(op, inputs, attrs).Build().status(), code, text));
}

}  // namespace weft
