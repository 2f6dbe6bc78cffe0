// SPDX-License-Identifier: Apache-2.0
// Functions of a graph's library, defined in C++ (TensorFlow's Defun):
//
//   wf::Function mean_of_squares("mean_of_squares", {wf::kFloat32},
//                                [](const std::vector<wf::Tensor>& args) {
//                                  return
//                                  std::vector<wf::Tensor>{wf::ReduceMean(wf::Square(args[0]))};
//                                });
//   wf::Tensor y = mean_of_squares({x})[0];
//
// A function is exported with its graph (GraphDef.library), and gradients go through its calls.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/dtype.h"
#include "weft/core/shape.h"
#include "weft/graph/attr_value.h"
#include "weft/graph/graph.h"
#include "weft/graph/input.h"

namespace weft {

struct FunctionOptions {
  std::vector<std::string> arg_names = {};     // none: arg0, arg1, ...
  std::vector<std::string> output_names = {};  // none: output0, output1, ...
  std::vector<PartialShape> arg_shapes = {};   // none: unknown
};

// A handle, cheap to copy; lives as long as its graph. Not to be made by several threads for one
// graph at the same time.
class Function {
 public:
  using Body = std::function<std::vector<Tensor>(const std::vector<Tensor>& args)>;

  // Calls `body` once, with the default graph replaced by that of the function, and adds what it
  // builds to the library of the default graph. Tensors of that graph, and what the body's
  // Variables read, are captured: they become further arguments, which each call passes on.
  // Variables themselves are made outside of the body.
  //
  // Throws InvalidArgument if the name is none or belongs to a different function of the library,
  // if the body makes variables or tensors of a third graph, or if names or shapes are not as many
  // as arguments and results; and whatever `body` throws. The library is unchanged then.
  Function(std::string_view name, const std::vector<DataType>& arg_types, const Body& body,
           const FunctionOptions& options = {});

  const std::string& name() const { return data_->name; }
  const std::vector<DataType>& arg_types() const { return data_->arg_types; }
  const std::vector<DataType>& output_types() const { return data_->output_types; }
  // The tensors of the graph that follow the arguments.
  const std::vector<Tensor>& captures() const { return data_->captures; }
  // Does it hold ops that do more than compute their results?
  bool is_stateful() const { return data_->is_stateful; }
  // For attributes of type func: of If, While and the like. Those pass captures as arguments.
  FuncRef ref() const { return {.name = data_->name, .attrs = nullptr}; }

  // A call: PartitionedCall, or StatefulPartitionedCall if it is stateful. InvalidArgument if the
  // arguments don't fit. In the graph of the function's definition.
  std::vector<Tensor> operator()(const std::vector<Input>& args, std::string_view name = {}) const;

 private:
  struct Data {
    std::string name;
    std::vector<DataType> arg_types, output_types;
    std::vector<Tensor> captures;
    bool is_stateful = false;
  };
  std::shared_ptr<const Data> data_;
};

}  // namespace weft
