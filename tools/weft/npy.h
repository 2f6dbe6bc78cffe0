// SPDX-License-Identifier: Apache-2.0
// Arrays in numpy's files: .npy (one array) and .npz (several, a zip archive).
//
// A .npy file: "\x93NUMPY", version (1.0, 2.0 or 3.0), the length of the header (2 or 4 bytes), the
// header as a Python dict {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, the
// elements. Byte strings ('|S') and texts ('<U', as UTF-8) are strings of the array. A big-endian
// or column-major file is turned round. Strings are written as '|S': numpy knows no other bytes, so
// zeros at their ends are lost there.
//
// All throw: NotFoundError and so on for files, DataLossError if a file is damaged,
// UnimplementedError for dtypes that numpy or this library has not.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "weft/core/array.h"

namespace weft::tool {

Array ReadNpy(const std::string& path);
std::map<std::string, Array> ReadNpz(const std::string& path);
void WriteNpy(const std::string& path, const Array& array);
void WriteNpz(const std::string& path, const std::map<std::string, Array>& arrays);

// The contents of a .npy file.
Array ParseNpy(std::string_view bytes, const std::string& what);
std::string NpyBytes(const Array& array);

}  // namespace weft::tool
