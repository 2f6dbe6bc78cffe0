// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/rnn_wrappers.h"

#include <cmath>
#include <optional>

#include "src/core/md5.h"
#include "src/core/status.h"
#include "src/nn/rnn_layer_cell.h"
#include "src/ops/operators.h"
#include "weft/graph/graph.h"
#include "weft/ops/array.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/nn.h"
#include "weft/ops/random.h"

namespace weft::nn::rnn_cell {
namespace {

using weft::internal::Plus;
using weft::internal::Times;

// Wrappers that are no layers: they add nodes where they are called, and hand on the scope.
class Wrapper : public CellImpl {
 public:
  Wrapper(const char* class_name, RNNCell cell) : class_name_(class_name), cell_(std::move(cell)) {
    if (!cell_.valid())
      ThrowError(Code::kInvalidArgument, StrCat(class_name, ": there is no cell to wrap"));
  }
  std::string class_name() const override { return class_name_; }
  RnnStateSize state_size() const override { return cell_.state_size(); }
  std::vector<bool> memories() const override { return cell_.impl().memories(); }
  int64_t output_size() const override { return cell_.output_size(); }
  RnnState ZeroState(const Input& batch_size, DataType dtype) const override {
    const OpScope scope("", class_name_ + "ZeroState", {&batch_size});
    return cell_.ZeroState(batch_size, dtype);
  }

 protected:
  const RNNCell& cell() const { return cell_; }

 private:
  std::string class_name_;
  RNNCell cell_;
};

// ---- Dropout
// -------------------------------------------------------------------------------------

// A probability that is a number where it is known.
struct KeepProb {
  std::optional<double> value;
  Tensor tensor;
  bool drops() const { return !value || *value < 1; }
  Input input() const { return value ? Input(*value) : Input(tensor); }
};

KeepProb MakeKeepProb(const Input& given, const char* name) {
  KeepProb p;
  p.tensor = AsTensor(given, kFloat32);
  if (given.is_tensor()) return p;
  if (given.array().num_elements() != 1)
    ThrowError(Code::kInvalidArgument, StrCat("DropoutWrapper: ", name, " must be a scalar"));
  p.value = given.array().AsDouble();
  if (*p.value >= 0 && *p.value <= 1) return p;
  ThrowError(Code::kInvalidArgument, StrCat("DropoutWrapper: Parameter ", name,
                                            " must be between 0 and 1. Received ", *p.value));
}

class Dropping final : public Wrapper {
 public:
  Dropping(RNNCell wrapped, const DropoutWrapperOptions& o)
      : Wrapper("DropoutWrapper", std::move(wrapped)), options_(o) {
    {
      const OpScope scope("", "DropoutWrapperInit",
                          {&o.input_keep_prob, &o.state_keep_prob, &o.output_keep_prob});
      input_ = MakeKeepProb(o.input_keep_prob, "input_keep_prob");
      state_ = MakeKeepProb(o.state_keep_prob, "state_keep_prob");
      output_ = MakeKeepProb(o.output_keep_prob, "output_keep_prob");
    }
    if (o.variational_recurrent) DrawNoise();
  }

  CellResult Step(const Tensor& inputs, const RnnState& state, const std::string& scope) override {
    const Tensor x = input_.drops() ? Drop(inputs, "input", 0, input_, input_noise_) : inputs;
    CellResult result = cell()(x, state, scope);
    if (state_.drops()) result.state = DropState(result.state);
    if (output_.drops()) result.output = Drop(result.output, "output", 0, output_, output_noise_);
    return result;
  }

 private:
  // The first 31 bits of the md5 of the seed and where it is for, as in Python.
  std::optional<int64_t> Seed(const char* salt, int index) const {
    if (!options_.seed) return std::nullopt;
    return Md5Prefix(StrCat(*options_.seed, salt, "_", index)) & 0x7fffffffu;
  }

  Tensor Noise(const Shape& shape, const char* salt, int index) const {
    std::vector<int32_t> sizes;
    for (const int64_t d : shape.dims()) sizes.push_back(static_cast<int32_t>(d));
    const Tensor all = Concat({Array({1}), Array::FromVector(sizes)}, 0);
    return RandomUniform(all, {.dtype = options_.dtype, .seed = Seed(salt, index)});
  }

  void DrawNoise() {
    if (options_.dtype == kInvalidType) {
      ThrowError(Code::kInvalidArgument,
                 "DropoutWrapper: When variational_recurrent=True, dtype must be provided");
    }
    if (input_.drops()) {
      if (!options_.input_size) {
        ThrowError(Code::kInvalidArgument,
                   "DropoutWrapper: When variational_recurrent=True and input_keep_prob < 1.0 or "
                   "is unknown, input_size must be provided");
      }
      input_noise_ = Noise(Shape({*options_.input_size}), "input", 0);
    }
    int index = 0;
    for (const Shape& shape : state_size().Flatten())
      state_noise_.push_back(Noise(shape, "state", index++));
    output_noise_ = Noise(Shape({output_size()}), "output", 0);
  }

  Tensor Drop(const Tensor& value, const char* salt, int index, const KeepProb& keep,
              const Tensor& noise) const {
    if (!options_.variational_recurrent)
      return Dropout(value, keep.input(), {.seed = Seed(salt, index)});
    const Tensor random = Plus(keep.input(), noise);
    const Tensor kept = Floor(random);
    const Tensor scaled = weft::internal::DivideOperator(value, keep.input());
    const Tensor result = Times(scaled, kept);
    result.set_shape(value.shape());
    return result;
  }

  RnnState DropState(const RnnState& state) const {
    std::vector<Tensor> parts = state.Flatten();
    std::vector<bool> keeps = memories();
    keeps.resize(parts.size(), false);
    for (size_t i = 0; i < parts.size(); ++i) {
      const int index = static_cast<int>(i);
      if (options_.dropout_state_filter ? !options_.dropout_state_filter(index) : keeps[i])
        continue;
      const Tensor noise = i < state_noise_.size() ? state_noise_[i] : Tensor();
      parts[i] = Drop(parts[i], "state", index, state_, noise);
    }
    return state.Pack(parts);
  }

  DropoutWrapperOptions options_;
  KeepProb input_, state_, output_;
  Tensor input_noise_, output_noise_;
  std::vector<Tensor> state_noise_;
};

// ---- Residual, Device
// ----------------------------------------------------------------------------

class Residual final : public Wrapper {
 public:
  Residual(RNNCell wrapped, const ResidualWrapperOptions& o)
      : Wrapper("ResidualWrapper", std::move(wrapped)), options_(o) {}
  CellResult Step(const Tensor& inputs, const RnnState& state, const std::string& scope) override {
    CellResult result = cell()(inputs, state, scope);
    if (options_.residual_fn) {
      result.output = options_.residual_fn(inputs, result.output);
      return result;
    }
    if (!inputs.shape().IsCompatibleWith(result.output.shape())) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("ResidualWrapper: inputs of shape ", inputs.shape().ToString(),
                        " and outputs of shape ", result.output.shape().ToString(),
                        " can't be added: they must be of one shape"));
    }
    result.output = Plus(inputs, result.output);
    return result;
  }

 private:
  ResidualWrapperOptions options_;
};

class OnDevice final : public Wrapper {
 public:
  OnDevice(RNNCell wrapped, std::string device)
      : Wrapper("DeviceWrapper", std::move(wrapped)), device_(std::move(device)) {}
  RnnState ZeroState(const Input& batch_size, DataType dtype) const override {
    const OpScope scope("", "DeviceWrapperZeroState", {&batch_size});
    const DeviceScope there(device_, scope.graph());
    return cell().ZeroState(batch_size, dtype);
  }
  CellResult Step(const Tensor& inputs, const RnnState& state, const std::string& scope) override {
    const DeviceScope there(device_, inputs.graph());
    return cell()(inputs, state, scope);
  }

 private:
  std::string device_;
};

// ---- Layers around cells
// -------------------------------------------------------------------------

class Projecting final : public LayerCell {
 public:
  Projecting(RNNCell cell, int64_t size, bool is_input, const ProjectionWrapperOptions& o)
      : LayerCell(Kind::kRnnCell, is_input ? "InputProjectionWrapper" : "OutputProjectionWrapper",
                  "", o.reuse),
        cell_(std::move(cell)),
        size_(size),
        is_input_(is_input),
        activation_(o.activation) {
    if (size < 1) {
      ThrowError(Code::kInvalidArgument, StrCat(class_name(), ": the size of the projection is ",
                                                size, ", which must be >= 1"));
    }
  }
  RnnStateSize state_size() const override { return cell_.state_size(); }
  std::vector<bool> memories() const override { return cell_.impl().memories(); }
  int64_t output_size() const override { return is_input_ ? cell_.output_size() : size_; }

 private:
  void Build(const Tensor&) override {}
  Tensor Project(const Tensor& x) {
    if (!kernel_.valid()) {
      kernel_ = Weight("kernel", {InputSize(*this, x), size_}, InputDtype(x));
      bias_ = Weight("bias", {size_}, InputDtype(x), ZerosInitializer());
    }
    const Tensor y = LinearOf({x}, kernel_, bias_);
    return activation_ ? activation_(y) : y;
  }
  CellResult Call(const Tensor& inputs, const RnnState& state) override {
    if (is_input_) return cell_(Project(inputs), state);
    CellResult result = cell_(inputs, state);
    result.output = Project(result.output);
    return result;
  }

  RNNCell cell_;
  int64_t size_;
  bool is_input_;
  Activation activation_;
  Variable kernel_, bias_;
};

class Embedding final : public LayerCell {
 public:
  Embedding(RNNCell cell, int64_t classes, int64_t size, const EmbeddingWrapperOptions& o)
      : LayerCell(Kind::kRnnCell, "EmbeddingWrapper", "", o.reuse),
        cell_(std::move(cell)),
        classes_(classes),
        size_(size),
        initializer_(o.initializer) {
    if (classes <= 0 || size <= 0) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Both embedding_classes and embedding_size must be > 0: ", classes, ", ",
                        size, "."));
    }
  }
  RnnStateSize state_size() const override { return cell_.state_size(); }
  std::vector<bool> memories() const override { return cell_.impl().memories(); }
  int64_t output_size() const override { return cell_.output_size(); }

 private:
  void Build(const Tensor&) override {}
  CellResult Call(const Tensor& inputs, const RnnState& state) override {
    const DeviceScope cpu("/cpu:0", inputs.graph());
    if (!table_.valid()) {
      Initializer initializer = initializer_;
      if (!initializer.valid())
        initializer = VariableScope::Current(inputs.graph()).defaults().initializer;
      const double sqrt3 = std::sqrt(3.0);  // variance 1
      if (!initializer.valid()) initializer = RandomUniformInitializer(-sqrt3, sqrt3);
      const DataType dtype = RemoveRef(state.Flatten().at(0).dtype());
      table_ = Weight("embedding", {classes_, size_}, dtype, initializer);
    }
    const Tensor ids = Reshape(inputs, {-1});
    const Tensor rows = Gather(table_, ids, {.name = "embedding_lookup"});
    return cell_(rows, state);
  }

  RNNCell cell_;
  int64_t classes_, size_;
  Initializer initializer_;
  Variable table_;
};

}  // namespace

DropoutWrapper::DropoutWrapper(RNNCell cell, const DropoutWrapperOptions& options)
    : RNNCell(MakeCell<Dropping>(std::move(cell), options)) {}
ResidualWrapper::ResidualWrapper(RNNCell cell, const ResidualWrapperOptions& options)
    : RNNCell(MakeCell<Residual>(std::move(cell), options)) {}
DeviceWrapper::DeviceWrapper(RNNCell cell, const std::string& device)
    : RNNCell(MakeCell<OnDevice>(std::move(cell), device)) {}
InputProjectionWrapper::InputProjectionWrapper(RNNCell cell, int64_t num_proj,
                                               const ProjectionWrapperOptions& options)
    : RNNCell(MakeCell<Projecting>(std::move(cell), num_proj, true, options)) {}
OutputProjectionWrapper::OutputProjectionWrapper(RNNCell cell, int64_t output_size,
                                                 const ProjectionWrapperOptions& options)
    : RNNCell(MakeCell<Projecting>(std::move(cell), output_size, false, options)) {}
EmbeddingWrapper::EmbeddingWrapper(RNNCell cell, int64_t embedding_classes, int64_t embedding_size,
                                   const EmbeddingWrapperOptions& options)
    : RNNCell(MakeCell<Embedding>(std::move(cell), embedding_classes, embedding_size, options)) {}

}  // namespace weft::nn::rnn_cell
