// SPDX-License-Identifier: Apache-2.0
// Elements moved between the batch, space and depth of images, and windows cut out of them.
//
// Images are [batch, height, width, depth] ("NHWC"). All functions only move elements: any dtype is
// taken, and gradients move back. Sizes that don't divide throw InvalidArgumentError when the node
// is made if they are known then, else when it runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

// input is [batch] + space + rest, where space has M dimensions. Pads space by `paddings` [M,2]
// with zeros and cuts it into blocks of `block_shape` [M]: element (o_1..o_M) of every block goes
// to batch number (o_1..o_M, batch). Result: [batch * prod(block_shape)] + padded space /
// block_shape + rest.
Tensor SpaceToBatchND(const Input& input, const Input& block_shape, const Input& paddings,
                      const NameOptions& options = {});
// The inverse: the batch is dealt out to blocks, then `crops` [M,2] are cut off.
Tensor BatchToSpaceND(const Input& input, const Input& block_shape, const Input& crops,
                      const NameOptions& options = {});
// The same for images and square blocks.
Tensor SpaceToBatch(const Input& input, const Input& paddings, int block_size,
                    const NameOptions& options = {});
Tensor BatchToSpace(const Input& input, const Input& crops, int block_size,
                    const NameOptions& options = {});

struct DepthOptions {
  std::string data_format = "NHWC";  // or "NCHW"
  std::string name = {};
};
// Square blocks become pixels: [n, h, w, d] to [n, h / block_size, w / block_size, d *
// block_size^2].
Tensor SpaceToDepth(const Input& input, int block_size, const DepthOptions& options = {});
// The inverse.
Tensor DepthToSpace(const Input& input, int block_size, const DepthOptions& options = {});

struct ImagePatchesOptions {
  std::vector<int64_t> ksizes = {1, 1, 1, 1};  // 1, rows, columns, 1
  std::vector<int64_t> strides = {1, 1, 1, 1};
  std::vector<int64_t> rates = {1, 1, 1, 1};  // distance of the pixels in a patch
  std::string padding = "VALID";              // or "SAME"
  std::string name = {};
};
// Every window of the images, as the depth: [n, rows out, columns out, rows * columns * depth].
Tensor ExtractImagePatches(const Input& images, const ImagePatchesOptions& options);

struct VolumePatchesOptions {
  std::vector<int64_t> ksizes = {1, 1, 1, 1, 1};  // 1, planes, rows, columns, 1
  std::vector<int64_t> strides = {1, 1, 1, 1, 1};
  std::string padding = "VALID";  // or "SAME"
  std::string name = {};
};
// The same of [n, planes, rows, columns, depth].
Tensor ExtractVolumePatches(const Input& input, const VolumePatchesOptions& options);

}  // namespace weft
