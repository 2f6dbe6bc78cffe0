// SPDX-License-Identifier: Apache-2.0
// GenerateVocabRemapping and LoadAndRemapMatrix: values, static shapes, TensorFlow's errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/io/file.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"
#include "weft/framework/checkpoint.h"
#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft {
namespace {

using ::testing::HasSubstr;

class VocabRemap : public ::testing::Test {
 protected:
  std::string Lines(const char* name, std::string_view text) {
    const std::string path = folder_.File(name);
    EXPECT_TRUE(WriteFileAtomically(path, text).ok());
    return path;
  }
  static std::vector<Tensor> Remapping(const Input& added, const Input& old, int64_t offset,
                                       int64_t count, int64_t old_size = -1) {
    return OpBuilder("GenerateVocabRemapping", NameOptions())
        .In(added)
        .In(old)
        .Attr("new_vocab_offset", offset)
        .Attr("num_new_vocab", count)
        .Attr("old_vocab_size", old_size)
        .Outputs();
  }

  test::TemporaryFolder folder_;
  Graph graph_;
  GraphScope scope_{graph_};
};

TEST_F(VocabRemap, OldPlacesOfNewLines) {
  const std::string added = Lines("new", "f0\nf1\r\nf2\nf3");
  const std::string old = Lines("old", "f1\nf0\nf3\n");
  const auto all = Remapping(added, old, 0, 4), some = Remapping(added, old, 1, 3),
             first = Remapping(added, old, 0, 4, 2), none = Remapping(added, old, 4, 0);
  EXPECT_EQ(some[0].shape().ToString(), "[3]");
  EXPECT_EQ(some[1].shape().ToString(), "[]");
  Session session;
  const auto expect = [&](const std::vector<Tensor>& got, const std::vector<int64_t>& want,
                          int32_t present) {
    const auto values = session.Run(got);
    EXPECT_TRUE(values[0] == Array::FromVector(want)) << values[0];
    EXPECT_TRUE(values[1] == Array(present)) << values[1];
  };
  expect(all, {1, 0, -1, 2}, 3);
  expect(some, {0, -1, 2}, 2);
  expect(first, {1, 0, -1, -1}, 2);
  expect(none, {}, 0);
}

TEST_F(VocabRemap, BadVocabularies) {
  const std::string good = Lines("good", "a\nb\n"), twice = Lines("twice", "a\nb\na\n"),
                    empty_line = Lines("empty", "a\n\nb\n");
  Session session;
  const auto run = [&](const Input& added, const Input& old, int64_t offset, int64_t count,
                       int64_t old_size = -1) {
    session.Run(Remapping(added, old, offset, count, old_size));
  };
  using Invalid = InvalidArgumentError;
  EXPECT_THAT(test::MessageOf<Invalid>([&] { run(good, good, 1, 2); }),
              HasSubstr("lookup table size must be larger than last new vocab entry's line"));
  EXPECT_THAT(test::MessageOf<Invalid>([&] { run(good, good, 0, 2, 3); }),
              HasSubstr("Invalid vocab_size in " + good + ": expected 3 but got 2"));
  EXPECT_THAT(test::MessageOf<Invalid>([&] { run(empty_line, good, 0, 1); }),
              HasSubstr("Invalid content in " + empty_line + ": empty line found at position"));
  EXPECT_THAT(test::MessageOf<Invalid>([&] { run("", good, 0, 1); }),
              HasSubstr("new vocab filename cannot be empty."));
  EXPECT_THAT(test::MessageOf<FailedPreconditionError>([&] { run(good, twice, 0, 1); }),
              HasSubstr("HashTable has different value for same key. Key a has 0 and trying to add "
                        "value 2"));
  EXPECT_THAT(test::MessageOf<NotFoundError>([&] { run(folder_.File("no"), good, 0, 1); }),
              HasSubstr("/no; No such file"));
  EXPECT_THROW(Remapping(good, good, -1, 1), Invalid);
  EXPECT_THROW(Remapping(Array({good, good}), good, 0, 1), Invalid);
}

class RemappedMatrix : public VocabRemap {
 protected:
  RemappedMatrix() {
    train::CheckpointWriter writer(prefix_);
    writer.Write("w", w_);
    writer.WriteSlice("cut", Shape({4, 3}), "0,2:-", w_.SliceRows(0, 2));
    writer.WriteSlice("cut", Shape({4, 3}), "2,2:-", w_.SliceRows(2, 4));
    writer.Write("vector", Array({1.f}));
    writer.Write("ints", Array({{1, 2, 3}}));
    writer.Finish();
  }
  struct Options {
    std::string name = "w";
    int64_t max_rows = -1;
  };
  Tensor Matrix(const std::vector<int64_t>& rows, const std::vector<int64_t>& columns,
                const std::vector<float>& values, int64_t num_columns, const Options& o) const {
    return OpBuilder("LoadAndRemapMatrix", NameOptions())
        .In(prefix_)
        .In(o.name)
        .In(Array::FromVector(rows))
        .In(Array::FromVector(columns))
        .In(Array::FromVector(values))
        .Attr("num_rows", static_cast<int64_t>(rows.size()))
        .Attr("num_cols", num_columns)
        .Attr("max_rows_in_memory", o.max_rows)
        .Output();
  }
  Array Run(const std::vector<int64_t>& rows, const std::vector<int64_t>& columns,
            const std::vector<float>& values, int64_t num_columns, const Options& o) const {
    return Session().Run(Matrix(rows, columns, values, num_columns, o));
  }
  template <typename E = InvalidArgumentError>
  std::string Error(const std::vector<int64_t>& rows, const std::vector<int64_t>& columns,
                    const std::vector<float>& values, int64_t num_columns,
                    const Options& o = {}) const {
    return test::MessageOf<E>([&] { Run(rows, columns, values, num_columns, o); });
  }

  const Array w_ =
      Array({{0.f, 1.f, 2.f}, {10.f, 11.f, 12.f}, {20.f, 21.f, 22.f}, {30.f, 31.f, 32.f}});
  const std::string prefix_ = folder_.File("m");
};

TEST_F(RemappedMatrix, RowsAndColumns) {
  EXPECT_EQ(Matrix({1, 0, -1}, {}, {}, 3, {}).shape().ToString(), "[3,3]");
  // Stored whole and in slices, read at once and row by row.
  for (const char* name : {"w", "cut"}) {
    for (const int64_t max_rows : {-1, 1, 2, 100}) {
      const Options o{.name = name, .max_rows = max_rows};
      EXPECT_TRUE(Run({1, 0, -1}, {0, 2, -1}, {.5f, -.5f, .25f, -.25f, 42}, 3, o) ==
                  Array({{10.f, 12.f, .5f}, {0.f, 2.f, -.5f}, {.25f, -.25f, 42.f}}));
      EXPECT_TRUE(Run({3, 1}, {}, {}, 3, o) == Array({{30.f, 31.f, 32.f}, {10.f, 11.f, 12.f}}));
      EXPECT_TRUE(Run({-1, -1}, {}, {1, 2, 3, 4, 5, 6}, 3, o) ==
                  Array({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}}));
      EXPECT_EQ(Run({}, {}, {}, 3, o).shape(), Shape({0, 3}));
      EXPECT_TRUE(Run({2}, {1}, {}, 1, o) == Array({{21.f}}));
    }
  }
}

TEST_F(RemappedMatrix, Mistakes) {
  EXPECT_THAT(
      Error({0, -1}, {}, {1, 2}, 3),
      HasSubstr("initializing_values contained 2 elements, but more missing values remain."));
  EXPECT_THAT(
      Error({0, -1}, {}, {1, 2, 3, 4}, 3),
      HasSubstr("initializing_values contained 4 elements, but only 3 elements were used to "
                "fill in missing values."));
  EXPECT_THAT(Error({0}, {0, 1}, {}, 3),
              HasSubstr("Provided col_remapping, but its size is 2 instead of being equal to "
                        "num_cols=3"));
  EXPECT_THAT(Error<UnimplementedError>({1, 1}, {}, {}, 3),
              HasSubstr("Old ID 1 is mapped to both new ID 0 and 1, which is not supported."));
  EXPECT_THAT(
      Error({0}, {}, {}, 2),
      HasSubstr("Tensor w has shape [4,3], where the size of its 2nd dimension is 3 instead "
                "of being equal to num_cols=2"));
  EXPECT_THAT(Error({0}, {5}, {}, 1), HasSubstr("col_remapping maps column 5 to 0"));
  EXPECT_NE(Error<weft::Error>({9}, {}, {}, 3), "no such error");
  EXPECT_NE(Error<weft::Error>({INT64_MAX}, {}, {}, 3), "no such error");
  EXPECT_THAT(Error({0}, {}, {}, 1, {.name = "vector"}), HasSubstr("of invalid rank 1"));
  EXPECT_THAT(Error({0}, {}, {}, 3, {.name = "ints"}), HasSubstr("has invalid type int32"));
  EXPECT_THAT(Error<NotFoundError>({0}, {}, {}, 3, {.name = "v"}),
              HasSubstr("Key v not found in checkpoint"));
  EXPECT_THROW(Matrix({0}, {}, {}, 0, {}), InvalidArgumentError);
}

}  // namespace
}  // namespace weft
