// SPDX-License-Identifier: Apache-2.0
// Batch normalisation in the three forms that slim gives it, and layer normalisation.
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/nodes.h"
#include "src/nn/layer_scope.h"
#include "src/ops/op_scope.h"
#include "weft/framework/train/training_util.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/control.h"
#include "weft/ops/control_flow.h"
#include "weft/ops/convolution.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/nn.h"

namespace weft::layers {
namespace {

using internal::LayerScope;
using internal::Training;
using internal::WhenTraining;
using weft::internal::CastTo;

// What all forms of batch normalisation begin with.
struct Norm {
  explicit Norm(const LayerOptions& options)
      : o(options),
        training(internal::TrainingOf(options)),
        channels_first(internal::ChannelsFirst(options.data_format, {"NCHW", "NHWC"}, kBatchNorm)) {
  }

  double decay() const { return o.decay.value_or(0.999); }
  float epsilon() const { return static_cast<float>(o.epsilon.value_or(0.001)); }
  bool center() const { return o.center.value_or(true); }
  bool scale() const { return o.scale.value_or(false); }
  bool fused() const { return o.fused.value_or(true); }
  bool zero_debias() const { return o.zero_debias_moving_mean.value_or(false); }
  bool delays_updates() const { return o.updates_collections || !o.updates_collections.told(); }
  // Whether the updates join the one collection that layer objects know.
  bool has_usual_updates() const {
    return !o.updates_collections.told() ||
           (o.updates_collections &&
            o.updates_collections->names() == std::vector<std::string>{GraphKeys::kUpdateOps});
  }
  std::vector<std::string> updates() const {
    return o.updates_collections ? o.updates_collections->names()
                                 : std::vector<std::string>{GraphKeys::kUpdateOps};
  }
  internal::Weight WeightOf(const char* name, int64_t channels) const {
    const bool moving = std::string_view(name).starts_with("moving");
    internal::Weight w{.name = name, .in_layer = name, .shape = Shape({channels})};
    w.trainable = !moving;
    const auto given = o.param_initializers.find(name);
    if (given != o.param_initializers.end()) {
      w.initializer = given->second;
    } else {
      const bool zeros = w.name == "beta" || w.name == "moving_mean";
      w.initializer = zeros ? ZerosInitializer() : OnesInitializer();
    }
    const auto penalty = o.param_regularizers.find(name);
    if (!moving && penalty != o.param_regularizers.end()) w.regularizer = penalty->second;
    return w;
  }

  LayerOptions o;
  Training training;
  bool channels_first;
};

struct Parameters {
  Variable beta, gamma;  // invalid if there are none
  Variable moving_mean, moving_variance;
};

bool IsShort(DataType dtype) { return dtype == kFloat16 || dtype == kBfloat16; }
// Statistics of short floats are kept as floats.
DataType ParameterDtype(DataType dtype) { return IsShort(dtype) ? kFloat32 : dtype; }

// Moving averages have no parts: their updates know none.
class NoPartitioner {
 public:
  // `opens_names`: with a name scope of its own, as tf.variable_scope has by default.
  explicit NoPartitioner(bool opens_names)
      : scope_(VariableScope::Current(), {.auxiliary_name_scope = opens_names}) {
    scope_.scope().set_partitioner({});
  }

 private:
  VariableScope scope_;
};

// ---- The layer object ---------------------------------------------------------------------------

Parameters LayerParameters(const Norm& norm, int64_t channels, DataType dtype) {
  Parameters p;
  if (norm.scale()) p.gamma = internal::AddWeight(norm.WeightOf("gamma", channels), dtype, norm.o);
  if (norm.center()) p.beta = internal::AddWeight(norm.WeightOf("beta", channels), dtype, norm.o);
  const NoPartitioner whole(/*opens_names=*/false);
  p.moving_mean = internal::AddWeight(norm.WeightOf("moving_mean", channels), dtype, norm.o);
  p.moving_variance =
      internal::AddWeight(norm.WeightOf("moving_variance", channels), dtype, norm.o);
  return p;
}

// The op that does moving -= (1 - momentum) (moving - value). `momentum`: a number or a tensor.
Operation AverageUpdate(const Variable& moving, const Tensor& value, const Input& momentum) {
  const NameScope scope("AssignMovingAvg");
  const ColocateWith colocate(moving.op());
  Tensor rate;
  if (momentum.is_tensor()) {
    rate = 1.0f - momentum.tensor();
  } else {
    rate = AsTensor(static_cast<float>(1 - momentum.array().AsDouble()), kFloat32, "decay");
  }
  if (rate.dtype() != moving.dtype()) rate = CastTo(rate, moving.dtype());
  const Tensor delta = (moving - value) * rate;
  if (moving.is_resource()) return moving.AssignSubOp(delta, scope.name());
  return AssignSub(moving, delta, {.name = scope.name()}).op();
}

// The updates of a layer that is not trained join no collection.
void KeepUpdate(const Operation& update, const Norm& norm) {
  if (norm.o.trainable.value_or(true))
    update.graph().AddToCollection(GraphKeys::kUpdateOps, {update});
}

Tensor FullOf(float value, int64_t channels) {
  return Constant(Array::Full(Shape({channels}), Array(value)));
}

std::string FormatOf(const Norm& norm, int rank) {
  if (rank == 5) return norm.channels_first ? "NCDHW" : "NDHWC";
  return norm.channels_first ? "NCHW" : "NHWC";
}

Tensor FusedLayer(const Tensor& x, const Norm& norm, const Parameters& p, int64_t channels) {
  const Tensor zeros = norm.center() ? Tensor() : FullOf(0, channels);
  const Tensor ones = norm.scale() ? Tensor() : FullOf(1, channels);
  // Inputs of variables are made anew in each branch of a conditional: reads belong to a branch.
  const auto normalized = [&](bool training) {
    const nn::FusedBatchNormResult r =
        nn::FusedBatchNorm(x, norm.scale() ? Input(p.gamma) : Input(ones),
                           norm.center() ? Input(p.beta) : Input(zeros),
                           {.mean = p.moving_mean,
                            .variance = p.moving_variance,
                            .epsilon = norm.epsilon(),
                            .data_format = FormatOf(norm, x.shape().rank()),
                            .is_training = training});
    return std::vector<Tensor>{r.y, r.batch_mean, r.batch_variance};
  };
  const std::vector<Tensor> out = WhenTraining(
      norm.training, [&] { return normalized(true); }, [&] { return normalized(false); });
  if (norm.training.known && !*norm.training.known) return out[0];
  const float decay = static_cast<float>(norm.decay());
  const Tensor momentum =
      norm.training.known
          ? AsTensor(decay)
          : Cond(
                norm.training.pred, [&] { return Input(decay); }, [] { return Input(1.0f); });
  KeepUpdate(AverageUpdate(p.moving_mean, out[1], momentum), norm);
  KeepUpdate(AverageUpdate(p.moving_variance, out[2], momentum), norm);
  return out[0];
}

// All dimensions but that of channels.
std::vector<int64_t> MomentAxes(int rank, bool channels_first) {
  std::vector<int64_t> axes;
  for (int i = 0; i < rank; ++i) {
    if (i != (channels_first ? 1 : rank - 1)) axes.push_back(i);
  }
  return axes;
}

// [1, channels, 1, ...]: what statistics of channels in the second dimension broadcast as.
std::vector<int64_t> SecondDimension(int rank, int64_t channels) {
  std::vector<int64_t> shape(static_cast<size_t>(rank), 1);
  shape[1] = channels;
  return shape;
}

Operation UpdateWhenTraining(const Variable& moving, const Tensor& value, const Norm& norm) {
  const auto update = [&] { return AverageUpdate(moving, value, norm.decay()); };
  if (norm.training.known) return update();
  return Cond(norm.training.pred, update, [] { return NoOp(); });
}

// Of the batch, or the moving averages; the updates join the collection.
std::vector<Tensor> LayerMoments(const Tensor& x, const Norm& norm, const Parameters& p) {
  if (norm.training.known && !*norm.training.known)
    return {CastTo(p.moving_mean, x.dtype()), CastTo(p.moving_variance, x.dtype())};
  const nn::MomentsResult batch = nn::Moments(x, MomentAxes(x.shape().rank(), norm.channels_first));
  const auto chosen = [&](const Tensor& of_batch, const Variable& moving) {
    return WhenTraining(
        norm.training, [&] { return std::vector<Tensor>{of_batch}; },
        [&] { return std::vector<Tensor>{moving.AsTensor()}; })[0];
  };
  const Tensor mean = chosen(batch.mean, p.moving_mean);
  const Tensor variance = chosen(batch.variance, p.moving_variance);
  KeepUpdate(UpdateWhenTraining(p.moving_mean, mean, norm), norm);
  KeepUpdate(UpdateWhenTraining(p.moving_variance, variance, norm), norm);
  return {mean, variance};
}

Tensor PlainLayer(const Tensor& given, const Norm& norm, const Parameters& p, int64_t channels) {
  const DataType dtype = RemoveRef(given.dtype());
  const Tensor x = IsShort(dtype) ? Cast(given, kFloat32) : given;
  const int rank = x.shape().rank();
  const bool second = norm.channels_first && rank > 2;
  const auto spread = [&](const Input& v) {
    return second ? Input(Reshape(v, SecondDimension(rank, channels))) : v;
  };
  const Input gamma = norm.scale() ? spread(p.gamma) : Input(Tensor());
  const Input beta = norm.center() ? spread(p.beta) : Input(Tensor());
  const std::vector<Tensor> moments = LayerMoments(x, norm, p);
  const Tensor offset = norm.center() ? CastTo(beta, x.dtype()) : Tensor();
  const Tensor scale = norm.scale() ? CastTo(gamma, x.dtype()) : Tensor();
  const Tensor mean = spread(moments[0]).tensor(), variance = spread(moments[1]).tensor();
  Tensor y = nn::BatchNormalization(x, mean, variance, offset, scale, norm.epsilon());
  if (x.dtype() != dtype) y = Cast(y, dtype);
  y.set_shape(given.shape());
  return y;
}

// ---- Slim's own forms ---------------------------------------------------------------------------

// Without penalties where slim gives none.
Parameters ModelParameters(const Norm& norm, int64_t channels, DataType dtype, bool penalties) {
  const auto add = [&](const char* name) {
    internal::Weight w = norm.WeightOf(name, channels);
    if (!penalties) w.regularizer = {};
    return internal::AddModelVariable(w, dtype, norm.o);
  };
  Parameters p;
  if (norm.center()) p.beta = add("beta");
  if (norm.scale()) p.gamma = add("gamma");
  const NoPartitioner whole(/*opens_names=*/true);
  p.moving_mean = add("moving_mean");
  p.moving_variance = add("moving_variance");
  return p;
}

std::vector<Tensor> AssignAverages(const Norm& norm, const Parameters& p, const Tensor& mean,
                                   const Tensor& variance) {
  return {train::AssignMovingAverage(p.moving_mean, mean, norm.decay(),
                                     {.zero_debias = norm.zero_debias()}),
          train::AssignMovingAverage(p.moving_variance, variance, norm.decay(),
                                     {.zero_debias = false})};
}
std::vector<Tensor> Averages(const Parameters& p) {
  return {p.moving_mean.AsTensor(), p.moving_variance.AsTensor()};
}

// `values` as they are where it is not training; in training after the updates.
std::vector<Tensor> ForceUpdates(const Norm& norm, const Parameters& p,
                                 const std::vector<Tensor>& moments,
                                 const std::vector<Tensor>& values,
                                 const std::function<std::vector<Tensor>()>& otherwise) {
  const auto forced = [&] {
    const ControlDependencies after(AssignAverages(norm, p, moments[0], moments[1]));
    std::vector<Tensor> same;
    for (const Tensor& value : values) same.push_back(Identity(value));
    return same;
  };
  return WhenTraining(norm.training, forced, otherwise);
}
void DelayUpdates(const Norm& norm, const Parameters& p, const std::vector<Tensor>& moments) {
  const std::vector<Tensor> updates = WhenTraining(
      norm.training, [&] { return AssignAverages(norm, p, moments[0], moments[1]); },
      [&] { return Averages(p); });
  for (const Tensor& update : updates) {
    for (const std::string& collection : norm.updates()) AddToCollection(collection, update);
  }
}

// The static shape if a Reshape can be told it, else the shape at the run.
IntList ShapeToRestore(const Tensor& t) {
  int unknown = 0;
  for (int64_t size : t.shape().dims()) unknown += size == kUnknownDim;
  if (unknown > 1) return ShapeOf(t);
  return std::vector<int64_t>(t.shape().dims().begin(), t.shape().dims().end());
}

Tensor FusedModel(const Tensor& original, const Norm& norm) {
  const int64_t channels = internal::ChannelsOf(original, norm.channels_first, {2, 4}, kBatchNorm);
  const bool flat = original.shape().rank() == 2;
  Tensor x = original;
  if (flat) {
    x = norm.channels_first ? Reshape(original, {-1, channels, 1, 1})
                            : Reshape(original, {-1, 1, 1, channels});
  }
  // Constants take the places of beta and gamma in the order of variables.
  const auto add = [&](const char* name) {
    return internal::AddModelVariable(norm.WeightOf(name, channels), kFloat32, norm.o);
  };
  Parameters p;
  Tensor zeros, ones;
  if (norm.center()) {
    p.beta = add("beta");
  } else {
    zeros = FullOf(0, channels);
  }
  if (norm.scale()) {
    p.gamma = add("gamma");
  } else {
    ones = FullOf(1, channels);
  }
  {
    const NoPartitioner whole(/*opens_names=*/true);
    p.moving_mean = add("moving_mean");
    p.moving_variance = add("moving_variance");
  }
  const auto normalized = [&](bool training) {
    nn::FusedBatchNormOptions options{
        .epsilon = norm.epsilon(), .data_format = FormatOf(norm, 4), .is_training = training};
    if (!training) {
      options.mean = p.moving_mean;
      options.variance = p.moving_variance;
    }
    const nn::FusedBatchNormResult r =
        nn::FusedBatchNorm(x, norm.scale() ? Input(p.gamma) : Input(ones),
                           norm.center() ? Input(p.beta) : Input(zeros), options);
    return std::vector<Tensor>{r.y, r.batch_mean, r.batch_variance};
  };
  const std::vector<Tensor> out = WhenTraining(
      norm.training, [&] { return normalized(true); }, [&] { return normalized(false); });
  Tensor y = out[0];
  if (!norm.training.known || *norm.training.known) {
    const std::vector<Tensor> moments = {out[1], out[2]};
    if (norm.delays_updates()) {
      DelayUpdates(norm, p, moments);
    } else {
      y = ForceUpdates(norm, p, moments, {y}, [&] { return std::vector<Tensor>{y}; })[0];
    }
  }
  y.set_shape(x.shape());
  return flat ? Reshape(y, ShapeToRestore(original)) : y;
}

// Of the batch: weighted, if weights are given.
std::vector<Tensor> BatchMoments(const Tensor& x, const Tensor& weights, const Norm& norm) {
  const std::vector<int64_t> axes = MomentAxes(x.shape().rank(), norm.channels_first);
  const bool first = norm.channels_first;
  const nn::MomentsResult r = weights.valid()
                                  ? nn::WeightedMoments(x, axes, weights, {.keep_dims = first})
                                  : nn::Moments(x, axes, {.keep_dims = first});
  if (!first) return {r.mean, r.variance};
  return {Reshape(r.mean, {-1}), Reshape(r.variance, {-1})};
}

Tensor WeightsBesideBatch(const Tensor& x, const Tensor& weights) {
  const PartialShape batch = PartialShape::Vector(x.shape().dim(0));
  if (!weights.shape().IsCompatibleWith(batch)) {
    ThrowError(Code::kInvalidArgument,
               StrCat(kBatchNorm, ": batch_weights '", weights.name(), "' has shape ",
                      weights.shape().ToPythonString(), "; it must be ", batch.ToPythonString()));
  }
  std::vector<int64_t> shape(static_cast<size_t>(x.shape().rank()), 1);
  shape[0] = -1;
  return Reshape(weights, shape);
}

Tensor PlainModel(const Tensor& x, const Norm& norm) {
  const int64_t channels = internal::ChannelsOf(x, norm.channels_first, {2, 3, 4, 5}, kBatchNorm);
  const int rank = x.shape().rank();
  Tensor weights;
  if (norm.o.batch_weights.valid()) weights = WeightsBesideBatch(x, norm.o.batch_weights);
  const Parameters p = ModelParameters(norm, channels, RemoveRef(x.dtype()), /*penalties=*/false);
  std::vector<Tensor> moments;
  if (norm.training.known && !*norm.training.known) {
    moments = Averages(p);
  } else {
    moments = BatchMoments(x, weights, norm);
    if (norm.delays_updates()) {
      DelayUpdates(norm, p, moments);
      moments = WhenTraining(
          norm.training, [&] { return moments; }, [&] { return Averages(p); });
    } else {
      moments = ForceUpdates(norm, p, moments, moments, [&] { return Averages(p); });
    }
  }
  Input beta = norm.center() ? Input(p.beta) : Input(Tensor());
  Input gamma = norm.scale() ? Input(p.gamma) : Input(Tensor());
  if (norm.channels_first) {
    const std::vector<int64_t> second = SecondDimension(rank, channels);
    for (Tensor& m : moments) m = Reshape(m, second);
    if (norm.center()) beta = Reshape(beta, second);
    if (norm.scale()) gamma = Reshape(gamma, second);
  }
  const Tensor y = nn::BatchNormalization(x, moments[0], moments[1], beta, gamma, norm.epsilon());
  y.set_shape(x.shape());
  return y;
}

bool CanFuse(const Tensor& x, const Norm& norm) {
  const DataType dtype = RemoveRef(x.dtype());
  return norm.fused() && (dtype == kFloat32 || IsShort(dtype));
}

Tensor LayerObject(const Tensor& x, const Norm& norm) {
  const int64_t channels = internal::ChannelsOf(x, norm.channels_first, {2, 3, 4, 5}, kBatchNorm);
  const Parameters p = LayerParameters(norm, channels, ParameterDtype(RemoveRef(x.dtype())));
  const bool fused = CanFuse(x, norm) && x.shape().rank() >= 4;
  return fused ? FusedLayer(x, norm, p, channels) : PlainLayer(x, norm, p, channels);
}

}  // namespace

Tensor BatchNorm(const Input& inputs, const LayerOptions& told) {
  const Norm norm(ArgScope::Arguments(kBatchNorm, told));
  const Graph graph = GraphOf(inputs);
  const GraphScope use(graph);
  const Tensor x = AsTensor(inputs);
  const int rank = x.shape().rank();
  const bool usual = norm.has_usual_updates() && !norm.zero_debias();
  const bool weighted = norm.o.batch_weights.valid();
  const bool fused_model = CanFuse(x, norm) && !weighted && (rank == 2 || (rank == 4 && !usual));
  const LayerScope scope(norm.o, "BatchNorm", graph,
                         fused_model ? std::optional<internal::Renames>() : internal::Renames());
  Tensor y;
  if (fused_model) {
    y = FusedModel(x, norm);
  } else if (usual && !weighted) {
    scope.MakeLayer();
    y = LayerObject(x, norm);
  } else {
    y = PlainModel(x, norm);
  }
  y = internal::Activated(y, norm.o, /*relu_by_default=*/false);
  return CollectNamedOutputs(norm.o.outputs_collections, scope.name(), y);
}

std::vector<Operation> UpdateOps(const std::string& collection, const Graph& graph) {
  std::vector<Operation> ops;
  for (const CollectionItem& item : graph.GetCollection(collection)) {
    if (const auto* op = std::get_if<Operation>(&item.value)) ops.push_back(*op);
    if (const auto* tensor = std::get_if<Tensor>(&item.value)) ops.push_back(tensor->op());
  }
  return ops;
}

Tensor LayerNorm(const Input& inputs, const LayerOptions& told) {
  const LayerOptions o = ArgScope::Arguments(kLayerNorm, told);
  const LayerScope scope(o, "LayerNorm", GraphOf(inputs), {});
  const Tensor x = AsTensor(inputs);
  const int rank = x.shape().rank();
  int norm_axis = o.begin_norm_axis.value_or(1), params_axis = o.begin_params_axis.value_or(-1);
  if (norm_axis < 0) norm_axis += rank;
  if (params_axis < 0) params_axis += rank;
  if (rank < 1 || norm_axis < 0 || params_axis < 0 || norm_axis >= rank || params_axis >= rank) {
    ThrowError(Code::kInvalidArgument,
               StrCat(kLayerNorm, ": begin_params_axis (", params_axis, ") and begin_norm_axis (",
                      norm_axis, ") must be < rank(inputs). Input '", x.name(), "' has shape ",
                      x.shape().ToPythonString()));
  }
  std::vector<int64_t> sizes;
  for (int i = params_axis; i < rank; ++i) sizes.push_back(x.shape().dim(i));
  Shape params;
  if (!Shape::Make(sizes, &params)) {
    ThrowError(Code::kInvalidArgument,
               StrCat(kLayerNorm, ": input '", x.name(), "': shape(inputs)[", params_axis,
                      ":] is not fully defined: ", x.shape().ToPythonString()));
  }
  const DataType dtype = RemoveRef(x.dtype());
  const auto add = [&](const char* name, const Initializer& initializer) {
    return internal::AddModelVariable(
        {.name = name, .in_layer = name, .shape = params, .initializer = initializer}, dtype, o);
  };
  Input beta = Tensor(), gamma = Tensor();
  if (o.center.value_or(true)) beta = add("beta", ZerosInitializer());
  if (o.scale.value_or(true)) gamma = add("gamma", OnesInitializer());
  std::vector<int64_t> axes(static_cast<size_t>(rank - norm_axis));
  std::iota(axes.begin(), axes.end(), norm_axis);
  const nn::MomentsResult r = nn::Moments(x, axes, {.keep_dims = true});
  // Half has no number as small as 1e-12.
  const float epsilon = dtype == kFloat16 ? 1e-3f : 1e-12f;
  const Tensor y = nn::BatchNormalization(x, r.mean, r.variance, beta, gamma, epsilon);
  y.set_shape(x.shape());
  return CollectNamedOutputs(o.outputs_collections, scope.name(),
                             internal::Activated(y, o, /*relu_by_default=*/false));
}

}  // namespace weft::layers
