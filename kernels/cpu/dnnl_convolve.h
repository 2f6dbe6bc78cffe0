// SPDX-License-Identifier: Apache-2.0
// Float convolutions by oneDNN, with what it prepares kept between runs.
//
// Images stay in TensorFlow's order with channels last, which oneDNN's kernels for this order take
// as it is; only the filter is brought into blocks, at each run or, where it is a constant, once.
//
// 3 x 3 filters with stride 1 and more channels than winograd.h takes go through oneDNN's kernels
// in Winograd's form (AVX-512) where these are faster. Rounding differs: by some 2e-6 of the
// largest value.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/cpu/convolve.h"
#include "weft/runtime/kernel.h"

namespace weft::cpu {

// Which of the three tensors is computed from the other two.
enum class ConvPass : uint8_t { kForward, kBackInput, kBackFilter };

enum class ConvActivation : uint8_t { kNone, kRelu, kRelu6 };

// What is done to each sum of products before it is stored, in this order. An activation makes
// NaN 0.
struct ConvEpilogue {
  bool bias = false;  // + bias[channel]
  bool add = false;   // + what y held before
  ConvActivation activation = ConvActivation::kNone;
};

// Tensors with channels last, laid out as convolve.h says. The one that the pass computes is
// written, the others are read.
struct ConvTensors {
  float* x = nullptr;
  float* filter = nullptr;
  float* y = nullptr;
  const float* bias = nullptr;
};

// Working memory: an output of the node of this number if it has one (its place is in the plan's
// arena), else temporary.
absl::StatusOr<Array> ConvWorkspace(KernelContext& ctx, int output, const Shape& bytes);

// The convolutions of one node. Thread-safe: primitives of the shapes seen last are kept and
// shared by all runs; each run works in memory of its own.
class DnnlConvolution {
 public:
  // constant_filter: every run brings the same filter, so it is packed once. filter_scale, of a
  // constant filter: a factor for each output channel; none if invalid.
  explicit DnnlConvolution(ConvPass pass, ConvEpilogue epilogue = {}, bool constant_filter = false,
                           Array filter_scale = {});
  ~DnnlConvolution();

  // No size may be 0. Unimplemented if oneDNN has no kernel for the geometry; nothing is written
  // then. Working memory as ConvWorkspace has it.
  absl::Status Run(KernelContext& ctx, int workspace_output, const ConvGeometry& g,
                   const ConvTensors& tensors);

  // The filter times its scale, in TensorFlow's order: for those who do without oneDNN.
  absl::StatusOr<Array> ScaledFilter(KernelContext& ctx, const Array& filter) const;

 private:
  struct Prepared;
  struct Packed;
  absl::Status Find(const ConvGeometry& g, int threads, std::shared_ptr<Prepared>* found);
  absl::StatusOr<Array> PackedFilter(KernelContext& ctx, const ConvGeometry& g, const Prepared& p,
                                     const float* filter);

  const ConvPass pass_;
  const ConvEpilogue epilogue_;
  const bool constant_filter_;
  const Array filter_scale_;
  std::mutex mu_;
  std::vector<std::shared_ptr<Prepared>> kept_;  // the one used last is the first
  std::vector<Packed> packed_;                   // a constant filter in the orders wanted so far
};

}  // namespace weft::cpu
