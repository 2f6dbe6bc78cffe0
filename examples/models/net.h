// SPDX-License-Identifier: Apache-2.0
// What the nets of this folder have in common. Each has a function that adds it to the default
// graph and, where slim has one, a function that gives its arguments of layers:
//
//   const wf::ArgScope scope(ResnetArgScope());
//   const Net net = ResnetV1(50, images, {.num_classes = 1000, .is_training = false});
//   wf::train::Saver().Restore(session, "resnet_v1_50.ckpt");
//
// Names and shapes of variables are those of slim's nets, so that its checkpoints restore.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "weft/nn/layers.h"
#include "weft/weft.h"

namespace weft::examples {

struct Net {
  Tensor logits;  // or features, where num_classes is 0
  layers::EndPoints end_points;
};

struct NetOptions {
  int64_t num_classes = 1000;  // 0: no last layer
  Input is_training = true;    // a bool, or a scalar tensor
  // Of the nets with dropout; that of the paper if not told.
  std::optional<double> keep_prob = {};
  bool spatial_squeeze = true;  // logits [n, classes], not [n, 1, 1, classes]
  std::optional<Reuse> reuse = {};
  std::string scope = {};  // the net's name if empty
};

// A window no larger than the image, where the image's size is known.
inline layers::Window WithinImage(const Tensor& image, int64_t height, int64_t width) {
  const PartialShape& shape = image.shape();
  if (shape.dim(1) == kUnknownDim || shape.dim(2) == kUnknownDim) return {height, width};
  return {std::min(shape.dim(1), height), std::min(shape.dim(2), width)};
}

}  // namespace weft::examples
