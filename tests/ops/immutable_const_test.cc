// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <string>

#include "tests/support/op_case.h"
#include "tests/support/temporary_folder.h"

namespace weft {
namespace {

TEST(ImmutableConst, ElementsOfAFile) {
  const test::TemporaryFolder folder;
  const std::string file = folder.path() + "/elements";
  const float values[] = {1, -2, 3.5f, 4};
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(values), sizeof(values));
  const auto op = [&](const std::string& name, const PartialShape& shape) {
    OpCase c("ImmutableConst");
    c.Attr("dtype", kFloat32).Attr("shape", shape).Attr("memory_region_name", name);
    return c;
  };
  op(file, PartialShape({2, 2})).Out(F32({{1, -2}, {3.5f, 4}})).RunEverywhere();
  op(file, PartialShape({3})).Out(F32({1, -2, 3.5f})).RunEverywhere();
  op(file, PartialShape({5})).ExpectRunError(Code::kResourceExhausted, "the file is too small");
  op(folder.path(), PartialShape({1})).ExpectRunError(Code::kResourceExhausted, "too small");
  op(file + "_not", PartialShape({1})).ExpectRunError(Code::kNotFound, "No such file");
  const auto of_type = [&](DataType dtype) {
    OpCase c("ImmutableConst");
    c.Attr("dtype", dtype).Attr("shape", PartialShape({2})).Attr("memory_region_name", file);
    return c;
  };
  of_type(kVariant).ExpectRunError(Code::kInvalidArgument, "are invalid for this op");
  of_type(kString).ExpectRunError(Code::kUnimplemented, "texts can't be taken");
}

}  // namespace
}  // namespace weft
