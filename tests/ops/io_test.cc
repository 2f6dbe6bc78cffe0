// SPDX-License-Identifier: Apache-2.0
// Ops on checkpoints and files: values, static shapes, TensorFlow's errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/io/file.h"
#include "src/io/file_system.h"
#include "tests/support/op_case.h"
#include "tests/support/temporary_folder.h"
#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft {
namespace {

using ::testing::HasSubstr;

Array Texts(const std::vector<std::string>& list) { return Array::FromVector(list); }

class IoOps : public ::testing::Test {
 protected:
  std::string File(std::string_view name) const { return folder_.File(name); }

  Operation Save(const std::string& prefix, const std::vector<std::string>& names,
                 const std::vector<std::string>& slices, const std::vector<Input>& values,
                 const char* op = "SaveV2") {
    return OpBuilder(op, NameOptions())
        .In(prefix)
        .In(Texts(names))
        .In(Texts(slices))
        .InList(values)
        .Build();
  }
  Operation Restore(const std::string& prefix, const std::vector<std::string>& names,
                    const std::vector<std::string>& slices, const std::vector<DataType>& dtypes) {
    return OpBuilder("RestoreV2", NameOptions())
        .In(prefix)
        .In(Texts(names))
        .In(Texts(slices))
        .Attr("dtypes", dtypes)
        .Build();
  }
  void Run(Operation op) { Session().Run(op); }
  void ExpectError(Operation op, Code code, const std::string& text) {
    try {
      Run(op);
      ADD_FAILURE() << "no error: " << text;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      EXPECT_THAT(e.what(), HasSubstr(text));
    }
  }

  test::TemporaryFolder folder_;
  Graph graph_;
  GraphScope scope_{graph_};
};

TEST_F(IoOps, SavedValuesAreRestored) {
  Run(Save(File("m"), {"b", "a"}, {"", "4 2,2"},
           {Array({std::string("x"), std::string("yy")}), Array({3.f, 4.f})}));
  EXPECT_EQ(graph_.OperationByName("SaveV2").num_outputs(), 0);
  ExpectError(Restore(File("m"), {"a"}, {""}, {kFloat32}), Code::kInvalidArgument,
              "Does not have sufficient slices for partitioned tensor a to restore in slice_spec");
  const Operation restore = Restore(File("m"), {"a", "b"}, {"4 3,1", ""}, {kFloat32, kString});
  EXPECT_EQ(restore.output(0).shape(), PartialShape({1}));
  EXPECT_FALSE(restore.output(1).shape().known_rank());
  Session session;
  const std::vector<Array> values = session.Run(restore.outputs());
  EXPECT_TRUE(values[0] == Array({4.f}));
  EXPECT_TRUE(values[1] == Array({std::string("x"), std::string("yy")}));
}

TEST_F(IoOps, ErrorsOfRestore) {
  Run(Save(File("m"), {"a", "b"}, {"", ""}, {Array({1.f, 2.f, 3.f}), Array(std::string("x"))}));
  ExpectError(Restore(File("m"), {"v"}, {""}, {kFloat32}), Code::kNotFound,
              "Key v not found in checkpoint");
  ExpectError(Restore(File("m"), {"a", "b"}, {"", ""}, {kInt32, kFloat32}), Code::kInvalidArgument,
              "tensor_name = a; expected dtype int32 does not equal original dtype float\n"
              "tensor_name = b; expected dtype float does not equal original dtype string");
  ExpectError(Restore(File("m"), {"a"}, {"4 0,2"}, {kFloat32}), Code::kInvalidArgument,
              "tensor_name = a; shape in shape_and_slice spec [4] does not match the shape stored "
              "in checkpoint: [3]");
  ExpectError(Restore(File("none"), {"a"}, {""}, {kFloat32}), Code::kNotFound,
              "Unsuccessful TensorSliceReader constructor: Failed to find any matching files for " +
                  File("none"));
}

TEST_F(IoOps, SpecsAreReadWhenTheNodeIsBuilt) {
  const auto expect = [&](const char* spec, Code code, const char* text) {
    try {
      Restore(File("m"), {"a"}, {spec}, {kFloat32});
      ADD_FAILURE() << spec;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code);
      EXPECT_THAT(e.what(), HasSubstr(text));
    }
  };
  expect("3", Code::kInvalidArgument,
         "Need least two elements in shape_and_slice specification: 3");
  expect("3 x", Code::kInvalidArgument,
         "Expected a pair of numbers or '-' but got 'x': string = x");
  expect("y -", Code::kInvalidArgument, "Non numerical dimension in shape_and_slice: y -");
  expect("3 2,5", Code::kInternal, "Extent in dimension 0 out of bounds: shape = [3], slice = 2,5");
  expect("3 -:-", Code::kInternal, "Mismatching ranks: shape = [3], slice = -:-");
  expect("3 0,0", Code::kInvalidArgument,
         "Expected non-negative start and positive length but got start = 0, length = 0");
  EXPECT_THROW(Restore(File("m"), {"a", "b"}, {""}, {kFloat32}), InvalidArgumentError);
}

TEST_F(IoOps, ErrorsOfSave) {
  ExpectError(Save(File("m"), {"a", "a"}, {"", ""}, {Array(1.f), Array(2.f)}),
              Code::kInvalidArgument, "Adding duplicate key: a");
  ExpectError(Save(File("m"), {"a"}, {"4 0,2"}, {Array({1.f})}), Code::kInvalidArgument,
              "Slice in shape_and_slice specification does not match the shape of the tensor to  "
              "save: 4 0,2, tensor: [1]");
  try {
    Save(File("m"), {"a", "b"}, {"", ""}, {Array(1.f)});
    ADD_FAILURE();
  } catch (const InvalidArgumentError& e) {
    EXPECT_THAT(e.what(), HasSubstr("Dimension must be 1 but is 2"));
  }
  EXPECT_THAT(*io::ListFolder(folder_.path()), testing::IsEmpty());
}

TEST_F(IoOps, MergeMakesOneOfSeveral) {
  Run(Save(File("t/p0"), {"a"}, {""}, {Array(1.f)}));
  Run(Save(File("t/p1"), {"b"}, {""}, {Array(2.f)}));
  const Operation merge = OpBuilder("MergeV2Checkpoints", NameOptions())
                              .In(Texts({File("t/p0"), File("t/p1")}))
                              .In(File("m"))
                              .Build();
  Run(merge);
  EXPECT_THAT(*io::ListFolder(folder_.path()),
              testing::ElementsAre("m.data-00000-of-00002", "m.data-00001-of-00002", "m.index"));
  Session session;
  EXPECT_TRUE(session.Run(Restore(File("m"), {"b"}, {""}, {kFloat32}).output(0)) == Array(2.f));
  ExpectError(merge, Code::kNotFound, "t/p0.index; No such file or directory");
}

TEST_F(IoOps, VersionOne) {
  Run(Save(File("v1"), {"a", "b"}, {"", "4 0,2"}, {Array({1.f, 2.f, 3.f}), Array({5, 6})},
           "SaveSlices"));
  Run(OpBuilder("Save", NameOptions())
          .In(File("other"))
          .In(Texts({"c"}))
          .InList({Array(true)})
          .Build());
  const auto restore = [&](const std::string& file, const char* name, DataType dtype) {
    return OpBuilder("Restore", NameOptions()).In(file).In(name).Attr("dt", dtype).Build();
  };
  const auto slice = [&](const char* name, const char* spec, DataType dtype) {
    return OpBuilder("RestoreSlice", NameOptions())
        .In(File("v1"))
        .In(name)
        .In(spec)
        .Attr("dt", dtype)
        .Build();
  };
  Session session;
  EXPECT_TRUE(session.Run(restore(File("v1"), "a", kFloat32).output(0)) == Array({1.f, 2.f, 3.f}));
  EXPECT_TRUE(session.Run(restore(File("o*"), "c", kBool).output(0)) == Array(true));
  EXPECT_TRUE(session.Run(slice("a", "3 1,2", kFloat32).output(0)) == Array({2.f, 3.f}));
  EXPECT_EQ(slice("a", "3 1,2", kFloat32).output(0).shape(), PartialShape({2}));
  // RestoreV2 reads it too.
  EXPECT_TRUE(session.Run(Restore(File("v1"), {"b"}, {"4 1,1"}, {kInt32}).output(0)) == Array({6}));
  ExpectError(restore(File("v1"), "z", kFloat32), Code::kNotFound,
              "Tensor name \"z\" not found in checkpoint files " + File("v1"));
  ExpectError(restore(File("v1"), "a", kInt32), Code::kInvalidArgument,
              "Expected to restore a tensor of type int32, got a tensor of type float instead: "
              "tensor_name = a");
  ExpectError(slice("a", "4 1,2", kFloat32), Code::kInvalidArgument,
              "Shape in shape_and_slice spec does not match the shape in the save file: [4], save "
              "file shape: [3]");
}

TEST_F(IoOps, NamesOfShards) {
  const auto scalar = [](const char* s) { return Array(std::string(s)); };
  OpCase("ShardedFilename")
      .In(scalar("b"))
      .In(Array(2))
      .In(Array(11))
      .Out(scalar("b-00002-of-00011"))
      .RunEverywhere();
  OpCase("ShardedFilespec")
      .In(scalar("b"))
      .In(Array(11))
      .Out(scalar("b-\?\?\?\?\?-of-00011"))
      .RunEverywhere();
}

TEST_F(IoOps, FilesAreReadAtEachRun) {
  const Operation write =
      OpBuilder("WriteFile", NameOptions()).In(File("new/folder/f")).In("text").Build();
  const Tensor read = OpBuilder("ReadFile", NameOptions()).In(File("new/folder/f")).Output();
  const Tensor match =
      OpBuilder("MatchingFiles", NameOptions()).In(Texts({File("new/*/*"), File("none")})).Output();
  EXPECT_EQ(read.shape(), PartialShape::Scalar());
  EXPECT_EQ(match.shape(), PartialShape({-1}));
  Session session;
  EXPECT_EQ(session.Run(match).num_elements(), 0);
  ExpectError(read.op(), Code::kNotFound, "/new/folder/f; No such file or directory");
  session.Run(write);
  EXPECT_EQ(session.Run(read).scalar<std::string>(), "text");
  EXPECT_TRUE(session.Run(match) == Texts({File("new/folder/f")}));
  ASSERT_TRUE(WriteFileAtomically(File("new/folder/f"), "other").ok());
  EXPECT_EQ(session.Run(read).scalar<std::string>(), "other");
}

}  // namespace
}  // namespace weft
