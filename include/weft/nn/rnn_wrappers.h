// SPDX-License-Identifier: Apache-2.0
// Cells around cells: dropout, residual connections, devices, projections, embeddings, attention.
//
//   rnn::RNNCell cell = rnn::DropoutWrapper(rnn::BasicLSTMCell(200), {.output_keep_prob = keep});
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "weft/nn/rnn_cell.h"

namespace weft::nn::rnn_cell {

struct DropoutWrapperOptions {
  // Numbers in (0, 1], or float scalars that are told at run time.
  Input input_keep_prob = 1.f, output_keep_prob = 1.f, state_keep_prob = 1.f;
  // The same choice in all steps of a run (Gal and Ghahramani, arXiv:1512.05287). Needs dtype, and
  // input_size if inputs are dropped.
  bool variational_recurrent = false;
  std::optional<int64_t> input_size = {};
  DataType dtype = kInvalidType;
  std::optional<int64_t> seed = {};
  // Which tensors of the state are dropped, by their number; by default all but the memory c of
  // LSTMs (Semeniuta et al., arXiv:1603.05118).
  std::function<bool(int index)> dropout_state_filter = {};
};
class DropoutWrapper : public RNNCell {
 public:
  explicit DropoutWrapper(RNNCell cell, const DropoutWrapperOptions& options = {});
};

struct ResidualWrapperOptions {
  // By default their sum; inputs and outputs are then of one shape.
  std::function<Tensor(const Tensor& inputs, const Tensor& outputs)> residual_fn = {};
};
// The output is that of the cell and its input together.
class ResidualWrapper : public RNNCell {
 public:
  explicit ResidualWrapper(RNNCell cell, const ResidualWrapperOptions& options = {});
};

// The cell's nodes and its zero state are on this device.
class DeviceWrapper : public RNNCell {
 public:
  explicit DeviceWrapper(RNNCell cell, const std::string& device);
};

struct ProjectionWrapperOptions {
  Activation activation = {};              // none
  std::optional<int64_t> input_size = {};  // deprecated in TensorFlow, and not looked at
  bool reuse = false;
};
// The cell's inputs (outputs) go through a linear layer: "kernel", "bias".
class InputProjectionWrapper : public RNNCell {
 public:
  InputProjectionWrapper(RNNCell cell, int64_t num_proj,
                         const ProjectionWrapperOptions& options = {});
};
class OutputProjectionWrapper : public RNNCell {
 public:
  OutputProjectionWrapper(RNNCell cell, int64_t output_size,
                          const ProjectionWrapperOptions& options = {});
};

struct EmbeddingWrapperOptions {
  Initializer initializer = {};  // the scope's, else uniform in +-sqrt(3)
  bool reuse = false;
};
// Inputs are class numbers [batch] (or [batch, 1]), each stands for a row of "embedding"
// [classes, size].
class EmbeddingWrapper : public RNNCell {
 public:
  EmbeddingWrapper(RNNCell cell, int64_t embedding_classes, int64_t embedding_size,
                   const EmbeddingWrapperOptions& options = {});
};

struct AttentionCellWrapperOptions {
  int64_t attn_size = 0;      // of the cell's output, if 0
  int64_t attn_vec_size = 0;  // the same
  int64_t input_size = 0;     // of the inputs, if 0
  bool state_is_tuple = true;
  bool reuse = false;
};
// Attention over the cell's last `attn_length` outputs (Bahdanau et al., arXiv:1409.0473; long
// short term memory with attention). The state is (cell state, attention [batch, attn_size],
// outputs [batch, attn_size attn_length]).
class AttentionCellWrapper : public RNNCell {
 public:
  AttentionCellWrapper(RNNCell cell, int64_t attn_length,
                       const AttentionCellWrapperOptions& options = {});
};

}  // namespace weft::nn::rnn_cell
