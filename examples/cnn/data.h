// SPDX-License-Identifier: Apache-2.0
// Digits as Arrays, for the programs of this folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "examples/support/mnist_data.h"
#include "weft/weft.h"

namespace weft::examples {

// The folder given; if it is empty, one with drawn digits, which are made if need be.
std::filesystem::path DigitsFolder(const std::string& data_dir);

// Copies.
Array ImagesOf(const Values& images);
Array LabelsOf(const Values& classes);

// The mean of `accuracy` over a whole data set, which is fed in pieces: a convolution of all
// pictures at once would take gigabytes.
double MeanAccuracy(Session& session, const Tensor& accuracy, const Tensor& images,
                    const Tensor& labels, const DataSet& set);

}  // namespace weft::examples
