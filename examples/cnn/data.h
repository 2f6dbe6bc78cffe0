// SPDX-License-Identifier: Apache-2.0
// Digits as Arrays, for the programs of this folder.
#pragma once

#include "examples/support/mnist_data.h"
#include "weft/weft.h"

namespace weft::examples {

// Copies.
Array ImagesOf(const Values& images);
Array LabelsOf(const Values& classes);

// The mean of `accuracy` over a whole data set, which is fed in pieces: a convolution of all
// pictures at once would take gigabytes.
double MeanAccuracy(Session& session, const Tensor& accuracy, const Tensor& images,
                    const Tensor& labels, const DataSet& set);

}  // namespace weft::examples
