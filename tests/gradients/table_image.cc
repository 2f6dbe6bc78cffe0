// SPDX-License-Identifier: Apache-2.0
#include "tests/gradients/gradient_table.h"

namespace weft {

GradientTable ImageGradients() {
  // Most of these give float32 for whatever image they are given.
  const GradientCheck single = AsDtype(kFloat32).FirstOrderOnly();
  const Array size = I32({3, 5});
  const Array affine = F32({{0.9f, 0.1f, 0.2f, -0.1f, 1.1f, 0.1f, 0, 0}});
  const AttrMap bilinear = {{"interpolation", "BILINEAR"}};
  return {
      Check("ResizeBilinear", {{1, 2, 3, 2}, size}, single),
      Check("ResizeBilinear", {{1, 4, 3, 2}, I32({2, 2})}, single, {{"align_corners", true}}),
      Check("ResizeBilinear", {{1, 4, 3, 2}, I32({2, 7})}, single, {{"half_pixel_centers", true}}),
      Check("ResizeBicubic", {{1, 4, 5, 1}, size}, single),
      Check("ResizeBicubic", {{1, 4, 5, 1}, size}, single, {{"half_pixel_centers", true}}),
      Check("ResizeNearestNeighbor", {{1, 2, 3, 2}, size}, FirstOrderOnly()),
      Check("ScaleAndTranslate",
            {{1, 4, 5, 1},
             size,
             GradientInput::Fixed(F32({0.7f, 1.1f})),
             GradientInput::Fixed(F32({0.1f, -0.2f}))},
            single),
      Check("CropAndResize",
            {{2, 4, 4, 1},
             F32({{0.1f, 0.15f, 0.8f, 0.85f}, {0.2f, 0.05f, 0.9f, 0.7f}}),
             I32({1, 0}),
             I32({2, 3})},
            single),
      Check("RGBToHSV", {F32({{0.2f, 0.5f, 0.8f}, {0.9f, 0.3f, 0.6f}})}, single),
      Check("ImageProjectiveTransformV2", {{1, 4, 4, 1}, GradientInput::Fixed(affine), size},
            single, bilinear),
      Check("ImageProjectiveTransformV3",
            {{1, 4, 4, 1}, GradientInput::Fixed(affine), size, GradientInput::Fixed(F32(0))},
            single, bilinear),
  };
}

}  // namespace weft
