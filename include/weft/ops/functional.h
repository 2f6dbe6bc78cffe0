// SPDX-License-Identifier: Apache-2.0
// Functions of higher order over the first dimension of tensors (tf.map_fn, tf.foldl, tf.foldr,
// tf.scan): while loops over TensorArrays.
//
//   Tensor squares = wf::MapFn([](Tensor x) { return x * x; }, xs);
//   Tensor sum = wf::Foldl([](Tensor a, Tensor x) { return a + x; }, xs);
//   Tensor running = wf::Scan([](Tensor a, Tensor x) { return a + x; }, xs);
//
// The function is called once, to build the loop's body. All tensors have as many rows (at least
// one for Foldl, Foldr and Scan without initializer). Gradients flow through all of them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

struct MapFnOptions {
  std::vector<DataType> dtype = {};  // of the results, if they are others than those of elems
  int parallel_iterations = 10;
  bool back_prop = true;
  bool swap_memory = false;
  bool infer_shape = true;  // all results of fn have one static shape
  std::string name = {};
};
// [fn(elems[0]), fn(elems[1]), ...].
Tensor MapFn(const std::function<Tensor(Tensor)>& fn, const Input& elems,
             const MapFnOptions& options = {});
std::vector<Tensor> MapFn(const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& fn,
                          const std::vector<Input>& elems, const MapFnOptions& options = {});

struct FoldOptions {
  std::optional<Input> initializer = {};  // by default the first element
  int parallel_iterations = 10;
  bool back_prop = true;
  bool swap_memory = false;
  std::string name = {};
};
// fn(... fn(fn(initializer, elems[0]), elems[1]) ..., elems[n - 1]).
Tensor Foldl(const std::function<Tensor(Tensor accumulated, Tensor element)>& fn,
             const Input& elems, const FoldOptions& options = {});
// The same from the last element to the first.
Tensor Foldr(const std::function<Tensor(Tensor accumulated, Tensor element)>& fn,
             const Input& elems, const FoldOptions& options = {});

struct ScanFnOptions {
  std::vector<Input> initializer = {};  // by default the first elements
  int parallel_iterations = 10;
  bool back_prop = true;
  bool swap_memory = false;
  bool infer_shape = true;
  bool reverse = false;  // from the last element to the first
  std::string name = {};
};
// All values that the fold goes through.
Tensor Scan(const std::function<Tensor(Tensor accumulated, Tensor element)>& fn, const Input& elems,
            const ScanFnOptions& options = {});
std::vector<Tensor> Scan(
    const std::function<std::vector<Tensor>(const std::vector<Tensor>& accumulated,
                                            const std::vector<Tensor>& elements)>& fn,
    const std::vector<Input>& elems, const ScanFnOptions& options = {});

}  // namespace weft
