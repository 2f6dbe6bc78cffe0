// SPDX-License-Identifier: Apache-2.0
// Tests of an op as a table: values, static shapes, bad input.
//
//   TEST(Relu, Values) { OpCase("Relu").In(F32({-1, 0, 2})).Out(F32({0, 0, 2})).RunEverywhere(); }
//   TEST(Relu, Shapes) { ExpectShape("Relu", {"[?,3]"}, "[?,3]"); }
//   TEST(Relu, BadType) { ExpectBuildError("Relu", {kString}, "not in the list of allowed values");
//   } TEST(Gather, Range) {
//     OpCase("Gather").In(F32({1, 2})).In(I32({2})).ExpectRunError(Code::kInvalidArgument, "[0,
//     2)");
//   }
// Gradients: tests/support/gradient_case.h.
#pragma once

#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/support/arrays.h"
#include "weft/core/error.h"
#include "weft/graph/graph.h"
#include "weft/graph/op_def.h"
#include "weft/runtime/session.h"

namespace weft {

// One node, the values it is given and what must come out.
class OpCase {
 public:
  explicit OpCase(std::string op, std::source_location where = std::source_location::current())
      : op_(std::move(op)), where_(where) {}

  // The next input, in the order of the op's inputs. Where the op takes a variable (a reference or
  // a resource handle) it is the variable's value before the run; an invalid Array leaves the
  // variable uninitialised.
  OpCase& In(Array value);
  // An input that is a constant of the graph in all runs: axes, shapes.
  OpCase& Const(Array value);
  OpCase& Attr(std::string_view name, AttrValue value);
  // The next output. Floating values may differ by the tolerance.
  OpCase& Out(Array value);
  // The next output has any value.
  OpCase& AnyOut();
  // Variable input i holds this after one run.
  OpCase& After(int input, Array value);
  // Instead of DefaultTolerance of the dtypes.
  OpCase& Within(double relative, double absolute);
  OpCase& Exact() { return Within(0, 0); }

  // On every type of device that has a kernel for the op: runs the node with all inputs fed (twice
  // in a session, with static shapes and without) and with all inputs constant, and compares. An
  // absent device prints SKIPPED. The inputs must stay as they are.
  void RunEverywhere() const;
  // The node can be built from inputs of unknown shapes; running it fails with this code and a
  // message that holds `text`.
  void ExpectRunError(Code code, std::string_view text) const;
  // The node can't be built from these values as constants.
  void ExpectBuildError(Code code, std::string_view text) const;

 private:
  friend class OpCaseRun;
  struct Argument {
    Array value;
    bool is_constant = false;
  };
  std::string op_;
  std::source_location where_;
  std::vector<Argument> inputs_;
  AttrMap attrs_;
  std::vector<Array> outputs_;  // invalid: any
  std::vector<std::pair<int, Array>> after_;
  std::optional<Tolerance> tolerance_;
};

// An input of which only the dtype and the static shape matter.
class ShapeInput {
 public:
  // "[2,?]", "[]", "?" (unknown rank); "int64[2]" with a dtype. Without one: what the op's schema
  // or the other inputs say, else float32.
  ShapeInput(std::string_view text);  // NOLINT: conversions are the point
  ShapeInput(const char* text) : ShapeInput(std::string_view(text)) {}  // NOLINT
  // Of unknown shape.
  ShapeInput(DataType dtype) : dtype_(dtype) {}  // NOLINT
  // A constant.
  ShapeInput(Array value) : dtype_(value.dtype()), value_(std::move(value)) {}  // NOLINT
  // The int32 vector of sizes of a tensor of this shape: known in part.
  static ShapeInput ShapeOf(std::string_view text);

 private:
  friend class ShapeCase;
  DataType dtype_ = kInvalidType;
  PartialShape shape_;
  Array value_;
  bool is_shape_of_ = false;
};

// The static shapes of all outputs: "[2,?];?".
void ExpectShape(const std::string& op, const std::vector<ShapeInput>& inputs,
                 std::string_view outputs, const AttrMap& attrs = {},
                 std::source_location where = std::source_location::current());
// The node is refused with a message that holds `text`.
void ExpectBuildError(const std::string& op, const std::vector<ShapeInput>& inputs,
                      std::string_view text, const AttrMap& attrs = {},
                      Code code = Code::kInvalidArgument,
                      std::source_location where = std::source_location::current());

// "[2,?]", "[]", "?": as ShapeInput reads them.
PartialShape ParseShape(std::string_view text);
std::string ShapeText(const PartialShape& shape);

// Adds a node in the default graph; the scopes of this thread apply.
absl::StatusOr<Operation> AddNode(const std::string& op, const std::vector<Tensor>& inputs,
                                  const AttrMap& attrs = {}, std::string_view name = {});
// A placeholder of unknown or partly known shape in the default graph.
Tensor PlaceholderOf(DataType dtype, const PartialShape& shape = {});
Tensor ConstantOf(const Array& value);

// For each of `num_inputs` inputs of a node of this op, the argument it belongs to; empty if the
// number doesn't fit.
std::vector<const ArgDef*> ArgumentsOfInputs(const OpDef& def, const AttrMap& attrs,
                                             size_t num_inputs);

// Types of devices with a kernel for the op that this process has ("CPU", "GPU"). Prints SKIPPED
// for a type that has kernels and no device.
std::vector<std::string> DeviceTypesFor(const std::string& op);

}  // namespace weft
