// SPDX-License-Identifier: Apache-2.0
// PNG and JPEG files as inputs of a model.
#pragma once

#include <string>

#include "weft/core/array.h"
#include "weft/serving/predictor.h"

namespace weft::tool {

// Is this the name of a picture (.png, .jpg, .jpeg), or of several with commas between?
bool ArePictures(const std::string& files);

// The pictures as an input of this form. Texts: the bytes of the files. Numbers, from 0 to 1 if
// they have fractions, else to 255: [n, height, width, channels] or [n, channels, height, width],
// with 1 channel (grey) or 3 (red, green, blue); without the first or the last dimension where the
// input has fewer; rows of all pixels, of a square, where it is a matrix. Sizes that the input
// doesn't say are those of the first picture; others are brought to them by averaging areas. Throws
// InvalidArgument for files and inputs that don't fit.
Array PictureInput(const std::string& files, const serving::ValueSpec& spec);

}  // namespace weft::tool
