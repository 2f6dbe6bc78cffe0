// SPDX-License-Identifier: Apache-2.0
// Floats as small integers and back, and the same rounding simulated in floats for training.
//
//   auto q = wf::Quantize(x, -1.f, 1.f, wf::kQuint8);
//   Tensor near_x = wf::Dequantize(q.output, q.output_min, q.output_max);
//   Tensor w8 = wf::FakeQuantWithMinMaxVars(w, w_min, w_max);    // trains with the rounding of 8
//   bits
//
// Modes: "MIN_COMBINED" and "MIN_FIRST" spread the range over all integers; "MIN_FIRST" rounds the
// minimum to a step, so that 0 stays exact; "SCALED" multiplies only, so that 0 is integer 0. With
// an axis the ranges are vectors, one element for each slice.
#pragma once

#include <cstdint>
#include <string>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

struct QuantizeOptions {
  std::string mode = "MIN_COMBINED";
  std::string round_mode = "HALF_AWAY_FROM_ZERO";  // or "HALF_TO_EVEN", with "SCALED" only
  bool narrow_range = false;                       // without the lowest integer: symmetric about 0
  int64_t axis = -1;
  float ensure_minimum_range = 0.01f;
  std::string name = {};
};
struct QuantizeResult {
  Tensor output;
  Tensor output_min;  // the range that the integers stand for; 0 is always in it
  Tensor output_max;
};
// float32 to qint8, quint8, qint16, quint16 or qint32. Values outside of the range are clamped.
QuantizeResult Quantize(const Input& input, const Input& min_range, const Input& max_range,
                        DataType dtype, const QuantizeOptions& options = {});

struct DequantizeOptions {
  std::string mode = "MIN_COMBINED";
  bool narrow_range = false;
  int64_t axis = -1;
  DataType dtype = kFloat32;  // or kBfloat16
  std::string name = {};
};
Tensor Dequantize(const Input& input, const Input& min_range, const Input& max_range,
                  const DequantizeOptions& options = {});

struct QuantizeAndDequantizeOptions {
  bool signed_input = true;
  int64_t num_bits = 8;
  bool range_given = false;                 // else the range is that of the values
  std::string round_mode = "HALF_TO_EVEN";  // or "HALF_UP"
  bool narrow_range = false;
  int64_t axis = -1;
  std::string name = {};
};
// Rounds as Quantize and Dequantize in mode "SCALED" would, for any number of bits. The gradient
// passes unchanged. T: float32, float64.
Tensor QuantizeAndDequantize(const Input& input, const Input& input_min, const Input& input_max,
                             const QuantizeAndDequantizeOptions& options = {});

struct FakeQuantArgsOptions {
  float min = -6, max = 6;
  int64_t num_bits = 8;  // 2 to 16
  bool narrow_range = false;
  std::string name = {};
};
// Clamps float32 values to [min, max], moved so that 0 is one of its steps, and rounds them to the
// steps. The gradient is 0 where a value was clamped.
Tensor FakeQuantWithMinMaxArgs(const Input& inputs, const FakeQuantArgsOptions& options = {});

struct FakeQuantOptions {
  int64_t num_bits = 8;
  bool narrow_range = false;
  std::string name = {};
};
// The same with scalar bounds that are trained too: they get the gradients of what they clamped.
Tensor FakeQuantWithMinMaxVars(const Input& inputs, const Input& min, const Input& max,
                               const FakeQuantOptions& options = {});
// ... with bounds for each channel (the last dimension).
Tensor FakeQuantWithMinMaxVarsPerChannel(const Input& inputs, const Input& min, const Input& max,
                                         const FakeQuantOptions& options = {});

}  // namespace weft
