// SPDX-License-Identifier: Apache-2.0
#include "examples/models/resnet.h"

#include <array>
#include <functional>
#include <stdexcept>

namespace weft::examples {

namespace L = layers;

ScopeArguments ResnetArgScope(const ResnetScopeOptions& o) {
  const ArgScope conv({L::kConv2d}, {.activation = nn::Relu,
                                     .normalizer = L::BatchNorm,
                                     .weights_initializer = L::VarianceScalingInitializer(),
                                     .weights_regularizer = L::L2Regularizer(o.weight_decay)});
  const ArgScope norm(
      {L::kBatchNorm},
      {.decay = o.batch_norm_decay, .scale = o.batch_norm_scale, .epsilon = o.batch_norm_epsilon});
  const ArgScope pool({L::kMaxPool2d}, {.padding = "SAME"});
  return ArgScope::Current();
}

namespace {

// The names under which ArgScopes know the functions below.
constexpr const char* kBottleneck = "bottleneck";
constexpr const char* kStackBlocksDense = "stack_blocks_dense";

// A unit of residual convolutions, from and to a tensor of images.
struct Unit {
  int64_t depth, depth_bottleneck, stride, rate;
};
using UnitFunction = Tensor (*)(const Tensor& inputs, const Unit& unit);

Tensor Subsample(const Tensor& x, int64_t factor, const std::string& scope = {}) {
  return factor == 1 ? x : L::MaxPool2d(x, 1, {.stride = factor, .scope = scope});
}

// With a stride, a border of equal width on both sides, whatever the image's size.
Tensor Conv2dSame(const Tensor& x, int64_t depth, int64_t kernel, int64_t stride, int64_t rate,
                  const std::string& scope) {
  if (stride == 1) {
    return L::Conv2d(x, depth, kernel,
                     {.stride = 1, .padding = "SAME", .rate = rate, .scope = scope});
  }
  const int border = static_cast<int>(kernel + (kernel - 1) * (rate - 1)) - 1;
  const int before = border / 2, after = border - before;
  const Tensor padded = Pad(x, {{0, 0}, {before, after}, {before, after}, {0, 0}});
  return L::Conv2d(padded, depth, kernel,
                   {.stride = stride, .padding = "VALID", .rate = rate, .scope = scope});
}

Tensor Collected(const VariableScope& scope, const char* function, const Tensor& x) {
  return L::CollectNamedOutputs(ArgScope::Arguments(function, {}).outputs_collections,
                                scope.scope().name(), x);
}

Tensor BottleneckV1(const Tensor& inputs, const Unit& u) {
  const VariableScope scope = VariableScope::Unique("bottleneck_v1");
  const Tensor shortcut =
      u.depth == inputs.shape().dim(-1)
          ? Subsample(inputs, u.stride, "shortcut")
          : L::Conv2d(inputs, u.depth, 1,
                      {.stride = u.stride, .activation = nullptr, .scope = "shortcut"});
  Tensor x = L::Conv2d(inputs, u.depth_bottleneck, 1, {.stride = 1, .scope = "conv1"});
  x = Conv2dSame(x, u.depth_bottleneck, 3, u.stride, u.rate, "conv2");
  x = L::Conv2d(x, u.depth, 1, {.stride = 1, .activation = nullptr, .scope = "conv3"});
  return Collected(scope, kBottleneck, nn::Relu(shortcut + x));
}

Tensor BottleneckV2(const Tensor& inputs, const Unit& u) {
  const VariableScope scope = VariableScope::Unique("bottleneck_v2");
  const Tensor active = L::BatchNorm(inputs, {.activation = nn::Relu, .scope = "preact"});
  const Tensor shortcut = u.depth == inputs.shape().dim(-1)
                              ? Subsample(inputs, u.stride, "shortcut")
                              : L::Conv2d(active, u.depth, 1,
                                          {.stride = u.stride,
                                           .activation = nullptr,
                                           .normalizer = nullptr,
                                           .scope = "shortcut"});
  Tensor x = L::Conv2d(active, u.depth_bottleneck, 1, {.stride = 1, .scope = "conv1"});
  x = Conv2dSame(x, u.depth_bottleneck, 3, u.stride, u.rate, "conv2");
  x = L::Conv2d(x, u.depth, 1,
                {.stride = 1, .activation = nullptr, .normalizer = nullptr, .scope = "conv3"});
  return Collected(scope, kBottleneck, shortcut + x);
}

// How many units each of the four blocks has. The last unit of a block has its stride.
struct Blocks {
  std::array<int, 4> units;
  std::array<int64_t, 4> strides = {2, 2, 2, 1};
};
Blocks BlocksOf(int depth) {
  switch (depth) {
    case 50:
      return {{3, 4, 6, 3}};
    case 101:
      return {{3, 4, 23, 3}};
    case 152:
      return {{3, 8, 36, 3}};
    case 200:
      return {{3, 24, 36, 3}};
    default:
      throw std::invalid_argument("a ResNet has 50, 101, 152 or 200 layers, not " +
                                  std::to_string(depth));
  }
}

// Once the wanted stride is reached, strides become rates of what follows.
class StrideBudget {
 public:
  explicit StrideBudget(int64_t wanted) : wanted_(wanted) {}
  // The stride and rate that a unit of this stride gets.
  Unit Take(Unit unit) {
    if (wanted_ != 0 && current_ == wanted_) {
      const int64_t stride = unit.stride;
      unit.stride = 1;
      unit.rate = rate_;
      rate_ *= stride;
      return unit;
    }
    current_ *= unit.stride;
    if (wanted_ != 0 && current_ > wanted_) Fail();
    return unit;
  }
  void Finish() const {
    if (wanted_ != 0 && current_ != wanted_) Fail();
  }

 private:
  [[noreturn]] static void Fail() {
    throw std::invalid_argument("The target output_stride cannot be reached.");
  }
  int64_t wanted_, current_ = 1, rate_ = 1;
};

Tensor StackBlocks(Tensor x, const Blocks& blocks, UnitFunction unit_function, int64_t wanted) {
  StrideBudget budget(wanted);
  for (size_t b = 0; b < blocks.units.size(); ++b) {
    const VariableScope block("block" + std::to_string(b + 1));
    const int64_t width = int64_t{64} << b;
    for (int i = 1; i <= blocks.units[b]; ++i) {
      const VariableScope scope("unit_" + std::to_string(i));
      const int64_t stride = i == blocks.units[b] ? blocks.strides[b] : 1;
      x = unit_function(x, budget.Take({width * 4, width, stride, 1}));
    }
    x = Collected(block, kStackBlocksDense, x);
  }
  budget.Finish();
  return x;
}

// What v1 and v2 differ in.
struct Version {
  std::string name;
  UnitFunction unit;
  bool preactivated;
};

Tensor Root(const Tensor& images, const Version& version) {
  L::LayerOptions plain;
  if (version.preactivated) {  // the first unit normalises
    plain.activation = nullptr;
    plain.normalizer = nullptr;
  }
  Tensor x;
  {
    const ArgScope scope({L::kConv2d}, plain);
    x = Conv2dSame(images, 64, 7, 2, 1, "conv1");
  }
  return L::MaxPool2d(x, 3, {.stride = 2, .scope = "pool1"});
}

// From the features to logits.
void AddHead(const std::string& scope, const NetOptions& o, bool global_pool, Net* net) {
  if (global_pool) {
    net->logits = ReduceMean(net->logits, {.axis = {1, 2}, .keep_dims = true, .name = "pool5"});
    net->end_points["global_pool"] = net->logits;
  }
  if (o.num_classes == 0) return;
  net->logits = L::Conv2d(net->logits, o.num_classes, 1,
                          {.activation = nullptr, .normalizer = nullptr, .scope = "logits"});
  net->end_points[scope + "/logits"] = net->logits;
  if (o.spatial_squeeze) {
    net->logits = Squeeze(net->logits, {1, 2}, "SpatialSqueeze");
    net->end_points[scope + "/spatial_squeeze"] = net->logits;
  }
  net->end_points["predictions"] = L::Softmax(net->logits, {.scope = "predictions"});
}

Net Resnet(const Version& version, int depth, const Tensor& images, const NetOptions& o,
           const ResnetOptions& resnet) {
  const Blocks blocks = BlocksOf(depth);
  if (resnet.output_stride % 4 != 0)
    throw std::invalid_argument("The output_stride needs to be a multiple of 4.");
  const std::string name = version.name + "_" + std::to_string(depth);
  const VariableScope scope(o.scope.empty() ? name : o.scope, {.reuse = o.reuse});
  const std::string collection = scope.scope().original_name_scope() + "_end_points";
  const ArgScope outputs({L::kConv2d, kBottleneck, kStackBlocksDense},
                         {.outputs_collections = collection});
  const ArgScope training({L::kBatchNorm}, {.is_training = o.is_training});
  Net net;
  Tensor x = Root(images, version);
  x = StackBlocks(x, blocks, version.unit, resnet.output_stride / 4);
  if (version.preactivated) x = L::BatchNorm(x, {.activation = nn::Relu, .scope = "postnorm"});
  net.logits = x;
  net.end_points = L::ConvertCollectionToDict(collection);
  AddHead(scope.scope().name(), o, resnet.global_pool, &net);
  return net;
}

}  // namespace

Net ResnetV1(int depth, const Tensor& images, const NetOptions& options,
             const ResnetOptions& resnet) {
  return Resnet({"resnet_v1", BottleneckV1, false}, depth, images, options, resnet);
}
Net ResnetV2(int depth, const Tensor& images, const NetOptions& options,
             const ResnetOptions& resnet) {
  return Resnet({"resnet_v2", BottleneckV2, true}, depth, images, options, resnet);
}

}  // namespace weft::examples
