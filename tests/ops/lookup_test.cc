// SPDX-License-Identifier: Apache-2.0
// Lookup tables: values, names, TensorFlow's errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/op_case.h"
#include "tests/support/temporary_folder.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/lookup.h"
#include "weft/weft.h"

namespace weft {
namespace {

using ::testing::HasSubstr;
using namespace lookup;  // NOLINT: the API under test

class Lookup : public ::testing::Test {
 protected:
  void ExpectError(const Fetch& f, Code code, const std::string& text) {
    try {
      session_.Run({f});
      ADD_FAILURE() << "no error: " << text;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      EXPECT_THAT(e.what(), HasSubstr(text));
    }
  }
  std::string File(const std::string& name, const std::string& text) {
    std::ofstream(folder_.File(name), std::ios::binary) << text;
    return folder_.File(name);
  }
  test::TemporaryFolder folder_;
  Graph graph_;
  GraphScope use_{graph_};
  Session session_{graph_};
};

TEST_F(Lookup, StaticTable) {
  const HashTable table(KeyValueTensorInitializer(Str({"a", "b"}), I64({7, 8})), int64_t{-1});
  EXPECT_EQ(table.handle().op().name(), "hash_table");
  const Tensor found = table.Lookup(Str({{"b", "x"}, {"a", "b"}}));
  EXPECT_EQ(found.op().name(), "hash_table_Lookup/LookupTableFindV2");
  EXPECT_EQ(found.shape(), PartialShape({2, 2}));
  ExpectError(found, Code::kFailedPrecondition, "Table not initialized.");
  session_.Run(TablesInitializer());
  session_.Run(TablesInitializer());  // the same once more
  EXPECT_TRUE(ArraysEqual(session_.Run(found), I64({{8, -1}, {7, 8}})));
  EXPECT_TRUE(ArraysEqual(session_.Run(table.Size()), I64(2)));
  const Entries all = table.Export();
  const auto got = session_.Run({Fetch(all.keys), Fetch(all.values)});
  EXPECT_TRUE(ArraysEqual(got[0], Str({"a", "b"})));
  EXPECT_TRUE(ArraysEqual(got[1], I64({7, 8})));
  EXPECT_THROW(table.Lookup(I64({1})), InvalidArgumentError);
}

TEST_F(Lookup, FilledWithOtherEntries) {
  const HashTable table(KeyValueTensorInitializer(I64({1, 2}), F32({0.5, 1.5})), 0.0f);
  session_.Run(table.initializer());
  const Operation again = OpBuilder("InitializeTableV2", NameOptions())
                              .In(table.handle())
                              .In(I64({1}))
                              .In(F32({2}))
                              .Build();
  ExpectError(again, Code::kFailedPrecondition,
              "Table was already initialized with different data.");
  const HashTable twice(KeyValueTensorInitializer(Str({"k", "k"}), I64({1, 2})), int64_t{0});
  ExpectError(twice.initializer(), Code::kFailedPrecondition,
              "HashTable has different value for same key. Key k has 1 and trying to add value 2");
  const Operation insert = OpBuilder("LookupTableInsertV2", NameOptions())
                               .In(table.handle())
                               .In(I64({1}))
                               .In(F32({2}))
                               .Build();
  ExpectError(insert, Code::kUnimplemented, "Insert not supported");
}

TEST_F(Lookup, TextFile) {
  const std::string file = File("columns.txt", "cat\t3\r\ndog\t5\nemu\t7");
  const HashTable by_line(TextFileInitializer(file, kString, kWholeLine, kInt64, kLineNumber,
                                              {.value_index_offset = 10}),
                          int64_t{-1});
  const HashTable by_column(TextFileInitializer(file, kString, 0, kInt64, 1), int64_t{-1});
  EXPECT_EQ(by_column.initializer().name(), "text_file_init_1/InitializeTableFromTextFileV2");
  session_.Run(TablesInitializer());
  EXPECT_TRUE(ArraysEqual(session_.Run(by_line.Lookup(Str({"dog\t5", "dog", "emu\t7"}))),
                          I64({11, -1, 12})));
  EXPECT_TRUE(ArraysEqual(session_.Run(by_column.Lookup(Str({"cat", "emu"}))), I64({3, 7})));
  // Of a file of its own: tables of one file and the same columns are one.
  const auto fails = [&](int64_t key, int64_t value, DataType key_dtype, TextFileOptions options,
                         const std::string& text) {
    const std::string other = File("file" + std::to_string(options.vocab_size.value_or(value)),
                                   "cat\t3\ndog\t5\nemu\t7\n");
    const HashTable table(TextFileInitializer(other, key_dtype, key, kInt64, value, options),
                          int64_t{-1});
    ExpectError(table.initializer(), Code::kInvalidArgument, text);
  };
  fails(0, 2, kString, {}, "expected at least 3, got 2");
  fails(0, 1, kInt64, {}, "Field cat in line 0 of");
  fails(0, 1, kString, {.vocab_size = 4}, "expected 4 but got 3");
  EXPECT_THROW(TextFileInitializer(file, kString, kLineNumber, kInt64, 0), InvalidArgumentError);
  EXPECT_THROW(TextFileInitializer("", kString, 0, kInt64, 1), InvalidArgumentError);
}

TEST_F(Lookup, IndexTables) {
  const std::string file = File("vocabulary.txt", "emerson\nlake\npalmer\n");
  const auto ids = IndexTableFromFile(file, {.num_oov_buckets = 2});
  const Tensor found = ids.Lookup(Str({"lake", "palmer", "and", "me"}));
  const Tensor size = ids.Size();
  const auto words = IndexToStringTableFromTensor(Str({"emerson", "lake"}));
  const Tensor names = words.Lookup(I64({1, 5}));
  const auto numbers = IndexTableFromTensor(I32({100, 300}));
  const Tensor positions = numbers.Lookup(I32({300, 1}));
  session_.Run(TablesInitializer());
  // TensorFlow: Fingerprint64 of "and" and "me", modulo 2, after the three words.
  const Array got = session_.Run(found);
  EXPECT_EQ(got.data<int64_t>()[0], 1);
  EXPECT_EQ(got.data<int64_t>()[1], 2);
  EXPECT_EQ(got.data<int64_t>()[2], 4);
  EXPECT_EQ(got.data<int64_t>()[3], 4);
  EXPECT_TRUE(ArraysEqual(session_.Run(size), I64(5)));
  EXPECT_TRUE(ArraysEqual(session_.Run(names), Str({"lake", "UNK"})));
  EXPECT_TRUE(ArraysEqual(session_.Run(positions), I64({1, -1})));
}

TEST_F(Lookup, MutableTable) {
  const MutableHashTable table(kString, kInt64, int64_t{-1});
  const Tensor found = table.Lookup(Str({"a", "b", "c"})), size = table.Size();
  EXPECT_EQ(found.shape(), PartialShape({3}));
  const Operation insert = table.Insert(Str({"a", "b", "a"}), I64({1, 2, 3})),
                  remove = table.Remove(Str({"b", "none"}));
  EXPECT_TRUE(ArraysEqual(session_.Run(found), I64({-1, -1, -1})));
  session_.Run(insert);
  EXPECT_TRUE(ArraysEqual(session_.Run(found), I64({3, 2, -1})));
  session_.Run(remove);
  EXPECT_TRUE(ArraysEqual(session_.Run(found), I64({3, -1, -1})));
  EXPECT_TRUE(ArraysEqual(session_.Run(size), I64(1)));
  session_.Run(insert);
  EXPECT_TRUE(ArraysEqual(session_.Run(found), I64({3, 2, -1})));
  const Entries all = table.Export();
  EXPECT_TRUE(ArraysEqual(session_.Run(all.keys), Str({"a", "b"})));
  // A default of its own for each key.
  const Tensor own = OpBuilder("LookupTableFindV2", NameOptions())
                         .In(table.handle())
                         .In(Str({"x", "a"}))
                         .In(I64({10, 20}))
                         .Output();
  EXPECT_TRUE(ArraysEqual(session_.Run(own), I64({10, 3})));
}

TEST_F(Lookup, TensorsAsValuesAndKeys) {
  const MutableHashTable vectors(kInt64, kFloat32, F32({0, 0}));
  const Tensor found = vectors.Lookup(I64({{4, 5}}));
  EXPECT_EQ(found.shape(), PartialShape({1, 2, 2}));
  session_.Run(vectors.Insert(I64({5}), F32({{1, 2}})));
  EXPECT_TRUE(ArraysEqual(session_.Run(found), F32(Shape({1, 2, 2}), {0, 0, 1, 2})));
  ExpectError(vectors.Insert(I64({5}), F32({1, 2})), Code::kInvalidArgument,
              "Expected shape [1,2] for value, got [2]");

  const DenseHashTable pairs(kInt64, kInt64, int64_t{-1}, I64({0, 0}), I64({-1, -1}));
  const Tensor by_pair = pairs.Lookup(I64({{1, 2}, {2, 1}}));
  EXPECT_EQ(by_pair.shape(), PartialShape({2}));
  session_.Run(pairs.Insert(I64({{2, 1}}), I64({9})));
  EXPECT_TRUE(ArraysEqual(session_.Run(by_pair), I64({-1, 9})));
  ExpectError(pairs.Insert(I64({{0, 0}}), I64({9})), Code::kInvalidArgument,
              "Using the empty_key as a table key is not allowed");
}

TEST_F(Lookup, ByReference) {
  const Tensor table = OpBuilder("HashTable", NameOptions())
                           .Attr("key_dtype", kString)
                           .Attr("value_dtype", kInt64)
                           .Attr("shared_name", "words")
                           .Output();
  EXPECT_EQ(table.shape(), PartialShape({2}));
  const Operation fill =
      OpBuilder("InitializeTable", NameOptions()).In(table).In(Str({"a"})).In(I64({4})).Build();
  const Tensor found =
      OpBuilder("LookupTableFind", NameOptions()).In(table).In(Str({"a", "b"})).In(I64(0)).Output();
  session_.Run(fill);
  EXPECT_TRUE(ArraysEqual(session_.Run(found), I64({4, 0})));
  const Tensor other = OpBuilder("HashTable", NameOptions())
                           .Attr("key_dtype", kInt64)
                           .Attr("value_dtype", kInt64)
                           .Attr("shared_name", "words")
                           .Output();
  ExpectError(other.op(), Code::kInvalidArgument,
              "Conflicting key/value dtypes int64->int64 with string->int64 for table words");
}

// Each run has a table of its own, which nobody sees afterwards.
TEST_F(Lookup, Anonymous) {
  const Tensor table = OpBuilder("AnonymousMutableHashTable", NameOptions())
                           .Attr("key_dtype", kInt64)
                           .Attr("value_dtype", kFloat32)
                           .Output();
  EXPECT_EQ(table.shape(), PartialShape::Scalar());
  const Operation insert = OpBuilder("LookupTableInsertV2", NameOptions())
                               .In(table)
                               .In(I64({3, 4}))
                               .In(F32({30, 40}))
                               .Build();
  const Tensor size =
      OpBuilder("LookupTableSizeV2", NameOptions()).In(table).ControlInput(insert).Output();
  const Tensor found = OpBuilder("LookupTableFindV2", NameOptions())
                           .In(table)
                           .In(I64({4, 5}))
                           .In(F32(-1))
                           .ControlInput(insert)
                           .Output();
  for (int i = 0; i < 2; ++i) {
    const std::vector<Array> got = session_.Run({size, found});
    EXPECT_EQ(got[0], I64(2));
    EXPECT_EQ(got[1], F32({40, -1}));
  }
  const Tensor alone = OpBuilder("LookupTableSizeV2", NameOptions()).In(table).Output();
  EXPECT_EQ(session_.Run(alone), I64(0));
}

TEST_F(Lookup, AnonymousKinds) {
  const Tensor dense = OpBuilder("AnonymousMutableDenseHashTable", NameOptions())
                           .In(I64(-1))
                           .In(I64(-2))
                           .Attr("value_dtype", kFloat32)
                           .Attr("value_shape", PartialShape({2}))
                           .Output();
  const Operation insert = OpBuilder("LookupTableInsertV2", NameOptions())
                               .In(dense)
                               .In(I64({3}))
                               .In(F32({{1, 2}}))
                               .Build();
  const Tensor found = OpBuilder("LookupTableFindV2", NameOptions())
                           .In(dense)
                           .In(I64({3}))
                           .In(F32({0, 0}))
                           .ControlInput(insert)
                           .Output();
  EXPECT_EQ(session_.Run(found), F32({{1, 2}}));
  const Tensor constant = OpBuilder("AnonymousHashTable", NameOptions())
                              .Attr("key_dtype", kString)
                              .Attr("value_dtype", kInt64)
                              .Output();
  const Operation fill = OpBuilder("InitializeTableV2", NameOptions())
                             .In(constant)
                             .In(Str({"a"}))
                             .In(I64({4}))
                             .Build();
  const Tensor word = OpBuilder("LookupTableFindV2", NameOptions())
                          .In(constant)
                          .In(Str({"a", "b"}))
                          .In(I64(0))
                          .ControlInput(fill)
                          .Output();
  EXPECT_EQ(session_.Run(word), I64({4, 0}));
}

}  // namespace
}  // namespace weft
