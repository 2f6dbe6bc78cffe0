// SPDX-License-Identifier: Apache-2.0
// Examples and SequenceExamples: values, static shapes, TensorFlow's errors, bytes that are broken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/weft/example.pb.h"
#include "tests/support/op_case.h"
#include "weft/ops/parsing.h"
#include "weft/weft.h"

namespace weft {
namespace {

using ::testing::HasSubstr;

void AddFloats(proto::Features* f, const std::string& key, const std::vector<float>& values) {
  auto* list = (*f->mutable_feature())[key].mutable_float_list();
  for (const float v : values) list->add_value(v);
}
void AddInts(proto::Features* f, const std::string& key, const std::vector<int64_t>& values) {
  auto* list = (*f->mutable_feature())[key].mutable_int64_list();
  for (const int64_t v : values) list->add_value(v);
}
void AddTexts(proto::Features* f, const std::string& key, const std::vector<std::string>& values) {
  auto* list = (*f->mutable_feature())[key].mutable_bytes_list();
  for (const std::string& v : values) list->add_value(v);
}

std::string ExampleOf(const std::vector<float>& x, const std::vector<int64_t>& ids,
                      const std::vector<std::string>& words) {
  proto::Example e;
  AddFloats(e.mutable_features(), "x", x);
  AddInts(e.mutable_features(), "ids", ids);
  if (!words.empty()) AddTexts(e.mutable_features(), "words", words);
  AddInts(e.mutable_features(), "not asked for", {1, 2, 3});
  return e.SerializeAsString();
}

io::Features Wanted() {
  return {{"x", io::FixedLenFeature{{2}, kFloat32}},
          {"ids", io::VarLenFeature{kInt64}},
          {"words", io::FixedLenSequenceFeature{{}, kString, true, Array("-")}}};
}

class Parsing : public ::testing::Test {
 protected:
  std::vector<Array> Run(const std::vector<Tensor>& fetches) {
    std::vector<Fetch> all(fetches.begin(), fetches.end());
    return Session(graph_).Run(all);
  }
  void ExpectError(const Tensor& t, const std::string& text) {
    try {
      Session(graph_).Run(t);
      ADD_FAILURE() << "no error: " << text;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::kInvalidArgument) << e.what();
      EXPECT_THAT(e.what(), HasSubstr(text));
    }
  }
  Graph graph_;
  GraphScope use_{graph_};
};

TEST_F(Parsing, ABatch) {
  const Array batch = Str({ExampleOf({1, 2}, {7, -1, int64_t{1} << 40}, {"a", "b"}),
                           ExampleOf({3, 4}, {}, {}), ExampleOf({5, 6}, {300}, {"c"})});
  const io::ParsedFeatures f = io::ParseExample(batch, Wanted());
  const Tensor x = f.at("x"), words = f.at("words");
  const SparseTensor ids = f.at("ids").sparse();
  EXPECT_EQ(x.shape(), PartialShape({3, 2}));
  EXPECT_EQ(words.shape(), PartialShape({3, -1}));
  EXPECT_EQ(ids.indices.shape(), PartialShape({-1, 2}));
  EXPECT_EQ(ids.dense_shape.shape(), PartialShape({2}));
  EXPECT_EQ(x.op().name(), "ParseExample/ParseExampleV2");
  const auto got = Run({x, words, ids.indices, ids.values, ids.dense_shape});
  EXPECT_TRUE(ArraysEqual(got[0], F32({{1, 2}, {3, 4}, {5, 6}})));
  EXPECT_TRUE(ArraysEqual(got[1], Str({{"a", "b"}, {"-", "-"}, {"c", "-"}})));
  EXPECT_TRUE(ArraysEqual(got[2], I64({{0, 0}, {0, 1}, {0, 2}, {2, 0}})));
  EXPECT_TRUE(ArraysEqual(got[3], I64({7, -1, int64_t{1} << 40, 300})));
  EXPECT_TRUE(ArraysEqual(got[4], I64({3, 3})));
}

TEST_F(Parsing, OneExample) {
  const io::ParsedFeatures f = io::ParseSingleExample(ExampleOf({1, 2}, {7, 8}, {"a"}), Wanted());
  const SparseTensor ids = f.at("ids").sparse();
  const auto got = Run({f.at("x"), f.at("words"), ids.indices, ids.values, ids.dense_shape});
  EXPECT_TRUE(ArraysEqual(got[0], F32({1, 2})));
  EXPECT_TRUE(ArraysEqual(got[1], Str({"a"})));
  EXPECT_TRUE(ArraysEqual(got[2], I64({{0}, {1}})));
  EXPECT_TRUE(ArraysEqual(got[3], I64({7, 8})));
  EXPECT_TRUE(ArraysEqual(got[4], I64({2})));
}

TEST_F(Parsing, SparseFeature) {
  const auto example = [](const std::vector<int64_t>& rows, const std::vector<int64_t>& columns,
                          const std::vector<float>& values) {
    proto::Example e;
    AddInts(e.mutable_features(), "row", rows);
    AddInts(e.mutable_features(), "column", columns);
    AddFloats(e.mutable_features(), "value", values);
    return e.SerializeAsString();
  };
  const io::ParsedFeatures f =
      io::ParseExample(Str({example({3, 1}, {0, 2}, {0.5, -1}), example({0}, {1}, {7})}),
                       {{"s", io::SparseFeature{{"row", "column"}, "value", kFloat32, {100, 3}}},
                        {"value", io::VarLenFeature{kFloat32}}});
  EXPECT_EQ(f.size(), 2u);
  const SparseTensor s = f.at("s").sparse();
  const auto got = Run({s.indices, s.values, s.dense_shape, f.at("value").sparse().values});
  EXPECT_TRUE(ArraysEqual(got[0], I64({{0, 1, 2}, {0, 3, 0}, {1, 0, 1}})));
  EXPECT_TRUE(ArraysEqual(got[1], F32({-1, 0.5, 7})));
  EXPECT_TRUE(ArraysEqual(got[2], I64({2, 100, 3})));
  EXPECT_TRUE(ArraysEqual(got[3], F32({0.5, -1, 7})));
  EXPECT_THROW(io::ParseExample("", {{"s", io::SparseFeature{{"a"}, "v", kFloat32, {1, 2}}}}),
               InvalidArgumentError);
  EXPECT_THROW(io::ParseExample("", {{"v", io::VarLenFeature{kInt64}},
                                     {"z", io::SparseFeature{{"a"}, "v", kFloat32, {1}}}}),
               InvalidArgumentError);
}

TEST_F(Parsing, DefaultsAndConcatenatedMessages) {
  proto::Example first, second;
  AddFloats(first.mutable_features(), "x", {1, 1});
  AddFloats(second.mutable_features(), "x", {2, 2});
  // Messages one after another are merged: the last value of a key counts.
  const std::string both = first.SerializeAsString() + second.SerializeAsString();
  const io::ParsedFeatures f =
      io::ParseExample(Str({both, ""}), {{"x", io::FixedLenFeature{{2}, kFloat32, F32({8, 9})}},
                                         {"n", io::FixedLenFeature{{}, kInt64, I64(-1)}}});
  const auto got = Run({f.at("x"), f.at("n")});
  EXPECT_TRUE(ArraysEqual(got[0], F32({{2, 2}, {8, 9}})));
  EXPECT_TRUE(ArraysEqual(got[1], I64({-1, -1})));
}

TEST_F(Parsing, ManyExamplesOnSeveralThreads) {
  std::vector<std::string> examples;
  for (int i = 0; i < 2000; ++i) {
    examples.push_back(
        ExampleOf({static_cast<float>(i), 0}, std::vector<int64_t>(i % 4, i), {std::to_string(i)}));
  }
  const io::ParsedFeatures f = io::ParseExample(Array::FromVector(examples), Wanted());
  const SparseTensor ids = f.at("ids").sparse();
  const auto got = Run({f.at("x"), f.at("words"), ids.indices, ids.values});
  ASSERT_EQ(got[3].num_elements(), 3000);
  for (int64_t i = 0, at = 0; i < 2000; ++i) {
    ASSERT_EQ(got[0].data<float>()[2 * i], static_cast<float>(i));
    ASSERT_EQ(got[1].data<std::string>()[i], std::to_string(i));
    for (int64_t k = 0; k < i % 4; ++k, ++at) {
      ASSERT_EQ(got[2].data<int64_t>()[2 * at], i);
      ASSERT_EQ(got[2].data<int64_t>()[2 * at + 1], k);
      ASSERT_EQ(got[3].data<int64_t>()[at], i);
    }
  }
}

TEST_F(Parsing, UnpackedNumbers) {
  // features { feature { key: "n" value { int64_list { value: 3 value: 300 } } } }
  const std::string list = std::string("\x08\x03\x08\xac\x02", 5), feature = "\x1a\x05" + list,
                    entry = "\x0a\x01n\x12\x07" + feature, features = "\x0a\x0c" + entry,
                    example = "\x0a\x0e" + features;
  const io::ParsedFeatures f =
      io::ParseSingleExample(example, {{"n", io::FixedLenFeature{{2}, kInt64}}});
  EXPECT_TRUE(ArraysEqual(Run({f.at("n")})[0], I64({3, 300})));
}

TEST_F(Parsing, Errors) {
  const auto parse = [](const std::string& example) -> Tensor {
    return io::ParseExample(Str({ExampleOf({1, 2}, {}, {}), example}), Wanted()).at("x");
  };
  ExpectError(parse(""),
              "Name: <unknown>, Feature: x (data type: float) is required but could not "
              "be found.");
  ExpectError(parse(ExampleOf({1}, {}, {})),
              "Name: <unknown>, Key: x, Index: 1.  Number of float values != expected.  Values "
              "size: 1 but output shape: [2]");
  proto::Example wrong;
  AddInts(wrong.mutable_features(), "x", {1, 2});
  ExpectError(parse(wrong.SerializeAsString()),
              "Name: <unknown>, Key: x, Index: 1.  Data types don't match. Data type: int64 but "
              "expected type: float");
  ExpectError(parse("no example"), "Could not parse example input, value: 'no example'");
  EXPECT_THROW(io::ParseExample("", {}), InvalidArgumentError);
  EXPECT_THROW(io::ParseExample("", {{"x", io::VarLenFeature{kInt32}}}), InvalidArgumentError);
  EXPECT_THROW(io::ParseExample("", {{"x", io::FixedLenFeature{{2}, kInt64, I64({1, 2, 3})}}}),
               InvalidArgumentError);
  EXPECT_THROW(io::ParseSingleExample(Str({"a", "b"}), Wanted()), InvalidArgumentError);
}

// Whatever the bytes are: values or InvalidArgument.
TEST_F(Parsing, BrokenBytes) {
  const Tensor serialized = Placeholder(kString, PartialShape({1}));
  const io::ParsedFeatures f = io::ParseExample(serialized, Wanted());
  const SparseTensor ids = f.at("ids").sparse();
  Session session(graph_);
  const std::string good = ExampleOf({1, 2}, {7, 1 << 20, 9}, {"word", "longer word"});
  int parsed = 0;
  const auto try_one = [&](const std::string& bytes) {
    try {
      session.Run({Fetch(f.at("x").dense()), Fetch(f.at("words").dense()), Fetch(ids.values)},
                  {{serialized, Str({bytes})}});
      ++parsed;
    } catch (const InvalidArgumentError&) {
    }
  };
  for (size_t n = 0; n <= good.size(); ++n) try_one(good.substr(0, n));
  EXPECT_EQ(parsed, 1);
  for (size_t i = 0; i < good.size(); ++i) {
    for (const int flip : {0x01, 0x04, 0x40, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      try_one(bad);
    }
  }
  EXPECT_GT(parsed, 1);
}

// ---- Sequences ----

std::string SequenceOf(int64_t id, const std::vector<std::vector<float>>& steps,
                       const std::vector<std::vector<std::string>>& words) {
  proto::SequenceExample e;
  AddInts(e.mutable_context(), "id", {id});
  for (const auto& step : steps) {
    auto* list = (*e.mutable_feature_lists()->mutable_feature_list())["x"]
                     .add_feature()
                     ->mutable_float_list();
    for (const float v : step) list->add_value(v);
  }
  for (const auto& step : words) {
    auto* list = (*e.mutable_feature_lists()->mutable_feature_list())["words"]
                     .add_feature()
                     ->mutable_bytes_list();
    for (const std::string& v : step) list->add_value(v);
  }
  return e.SerializeAsString();
}

TEST_F(Parsing, Sequences) {
  const Array batch = Str({SequenceOf(5, {{1, 2}, {3, 4}}, {{"a"}, {}, {"b", "c"}}),
                           SequenceOf(6, {{5, 6}}, {}), SequenceOf(7, {}, {{"d"}})});
  const io::ParsedSequence s =
      io::ParseSequenceExample(batch, {{"id", io::FixedLenFeature{{}, kInt64}}},
                               {{"x", io::FixedLenSequenceFeature{{2}, kFloat32, true}},
                                {"words", io::VarLenFeature{kString}}});
  const SparseTensor words = s.sequence.at("words").sparse();
  EXPECT_EQ(s.sequence.at("x").dense().shape(), PartialShape({3, -1, 2}));
  EXPECT_EQ(words.indices.shape(), PartialShape({-1, 3}));
  const auto got = Run({s.context.at("id"), s.sequence.at("x"), s.lengths.at("x"), words.indices,
                        words.values, words.dense_shape});
  EXPECT_TRUE(ArraysEqual(got[0], I64({5, 6, 7})));
  EXPECT_TRUE(ArraysEqual(got[1], F32(Shape({3, 2, 2}), {1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0})));
  EXPECT_TRUE(ArraysEqual(got[2], I64({2, 1, 0})));
  EXPECT_TRUE(ArraysEqual(got[3], I64({{0, 0, 0}, {0, 2, 0}, {0, 2, 1}, {2, 0, 0}})));
  EXPECT_TRUE(ArraysEqual(got[4], Str({"a", "b", "c", "d"})));
  EXPECT_TRUE(ArraysEqual(got[5], I64({3, 3, 2})));
}

TEST_F(Parsing, OneSequence) {
  const io::ParsedSequence s = io::ParseSingleSequenceExample(
      SequenceOf(5, {{1, 2}, {3, 4}}, {{"a", "b"}}), {{"id", io::FixedLenFeature{{}, kInt64}}},
      {{"x", io::FixedLenSequenceFeature{{2}, kFloat32}}, {"words", io::VarLenFeature{kString}}});
  const SparseTensor words = s.sequence.at("words").sparse();
  const auto got = Run({s.context.at("id"), s.sequence.at("x"), words.indices, words.dense_shape});
  EXPECT_TRUE(ArraysEqual(got[0], I64(5)));
  EXPECT_TRUE(ArraysEqual(got[1], F32({{1, 2}, {3, 4}})));
  EXPECT_TRUE(ArraysEqual(got[2], I64({{0, 0}, {0, 1}})));
  EXPECT_TRUE(ArraysEqual(got[3], I64({1, 2})));
  const io::ParsedSequence missing =
      io::ParseSingleSequenceExample("", {}, {{"x", io::FixedLenSequenceFeature{{2}, kFloat32}}});
  ExpectError(
      missing.sequence.at("x"),
      "Name: <unknown>, Feature list 'x' is required but could not be found.  Did you mean to "
      "include it in feature_list_dense_missing_assumed_empty or "
      "feature_list_dense_defaults?");
  const io::ParsedSequence uneven = io::ParseSingleSequenceExample(
      SequenceOf(5, {{1, 2}, {3}}, {}), {}, {{"x", io::FixedLenSequenceFeature{{2}, kFloat32}}});
  ExpectError(
      uneven.sequence.at("x"),
      "Name: <unknown>, Key: x, Index: 1.  Number of float values != expected.  values size: "
      "1 but output shape: [2]");
}

// Once the outputs were counted by one of them and their shapes by the other.
TEST(ParseExampleV2, RaggedValuesAndSplitsGoTogether) {
  using Types = std::vector<DataType>;
  const AttrMap attrs = {{"num_sparse", int64_t{0}},
                         {"sparse_types", Types{}},
                         {"Tdense", Types{}},
                         {"dense_shapes", std::vector<PartialShape>{}},
                         {"ragged_value_types", Types{kInt64, kString}},
                         {"ragged_split_types", Types{kInt64}}};
  ExpectBuildError("ParseExampleV2", {"[2]", "[0]", "[0]", "[0]", "[2]"},
                   "len(ragged_value_types) != len(ragged_split_types): 2 vs. 1", attrs);
}

TEST(ParseExampleV2, Ragged) {
  proto::Example a, b;
  AddInts(a.mutable_features(), "r", {1, 2});
  AddInts(b.mutable_features(), "r", {3});
  OpCase("ParseExampleV2")
      .In(Str({a.SerializeAsString(), "", b.SerializeAsString()}))
      .In(Array(kString, Shape({0})))
      .In(Array(kString, Shape({0})))
      .In(Array(kString, Shape({0})))
      .In(Str({"r"}))
      .Attr("Tdense", std::vector<DataType>())
      .Attr("num_sparse", int64_t{0})
      .Attr("sparse_types", std::vector<DataType>())
      .Attr("ragged_value_types", std::vector<DataType>{kInt64})
      .Attr("ragged_split_types", std::vector<DataType>{kInt32})
      .Attr("dense_shapes", std::vector<PartialShape>())
      .Out(I64({1, 2, 3}))
      .Out(I32({0, 2, 2, 3}))
      .RunEverywhere();
}

}  // namespace
}  // namespace weft
