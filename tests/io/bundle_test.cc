// SPDX-License-Identifier: Apache-2.0
#include "src/io/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "src/io/checkpoint_v1.h"
#include "src/io/file.h"
#include "tests/support/temporary_folder.h"
#include "weft/core/complex.h"

namespace weft::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Array Iota(const Shape& shape) {
  Array a(kFloat32, shape);
  std::iota(a.mutable_values<float>().begin(), a.mutable_values<float>().end(), 0.f);
  return a;
}

std::string Message(const absl::Status& s) { return std::string(s.message()); }

// A value of each dtype that a checkpoint may hold, and of some odd shapes.
std::map<std::string, Array> ValuesOfAllKinds() {
  std::map<std::string, Array> values = {
      {"text", Array({std::string("a"), std::string(), std::string(300, 'x')})},
      {"no_text", Array(kString, Shape({0, 3}))},
      {"scalar", Array(3.5f)},
      {"empty", Array(kInt32, Shape({2, 0, 4}))},
      {"rank6", Iota(Shape({1, 2, 1, 3, 2, 1}))},
      {"n\u00e4me with \x01 and /", Array(int64_t{-7})},
  };
  for (const DataType dtype :
       {kFloat32,    kFloat64, kFloat16, kBfloat16, kInt8,   kInt16,  kInt32,
        kInt64,      kUint8,   kUint16,  kUint32,   kUint64, kBool,   kComplex64,
        kComplex128, kQint8,   kQint16,  kQint32,   kQuint8, kQuint16}) {
    Array a = Array::Zeros(dtype, Shape({2, 3}));
    for (size_t i = 0; i < a.num_bytes(); ++i)
      static_cast<char*>(a.raw_data())[i] = static_cast<char>(dtype == kBool ? i % 2 : i + 1);
    values["of_" + DTypeName(dtype)] = a;
  }
  return values;
}

void Write(const std::string& prefix, const std::map<std::string, Array>& values) {
  auto writer = BundleWriter::Create(prefix, {});
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (const auto& [name, value] : values) {
    const absl::Status added = (*writer)->Add(name, value);
    ASSERT_TRUE(added.ok()) << added;
  }
  const absl::Status finished = (*writer)->Finish();
  ASSERT_TRUE(finished.ok()) << finished;
}

TEST(Bundle, KeepsAllKindsOfValues) {
  const test::TemporaryFolder folder;
  const auto values = ValuesOfAllKinds();
  Write(folder.File("new/folder/m"), values);
  auto file = OpenCheckpoint(folder.File("new/folder/m"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->List()->size(), values.size());
  for (const auto& [name, value] : values) {
    auto read = (*file)->Read(name);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(*read == value) << name;
  }
  EXPECT_EQ((*file)->Find("scalar")->shape, Shape());
  const absl::Status missing = (*file)->Read("v").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Message(missing), "Key v not found in checkpoint");
  EXPECT_EQ((*file)->Read("").status().code(), absl::StatusCode::kNotFound);
}

TEST(Bundle, VersionOneKeepsAllKindsOfValues) {
  const test::TemporaryFolder folder;
  const auto values = ValuesOfAllKinds();
  CheckpointV1Writer writer(folder.File("v1"));
  // As TensorFlow's writer: it reads these.
  const auto refused = [](const Array& value) {
    return value.dtype() == kUint32 || value.dtype() == kUint64 || value.dtype() == kBfloat16;
  };
  for (const auto& [name, value] : values) {
    if (name == "empty" || name == "no_text") continue;
    const absl::Status added = writer.Add(name, value.shape(), TensorSlice(value.rank()), value);
    ASSERT_EQ(added.ok(), !refused(value)) << name << added;
    if (added.ok()) continue;
    EXPECT_EQ(added.code(), value.dtype() == kBfloat16 ? absl::StatusCode::kUnimplemented
                                                       : absl::StatusCode::kInvalidArgument);
  }
  ASSERT_TRUE(writer.Finish().ok());
  auto file = OpenCheckpoint(folder.File("v1"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->format(), "V1");
  for (const auto& [name, value] : values) {
    if (name == "empty" || name == "no_text" || refused(value)) continue;
    auto read = (*file)->Read(name);
    ASSERT_TRUE(read.ok()) << name << read.status();
    EXPECT_TRUE(*read == value) << name;
  }
  EXPECT_THAT(*ListFolder(folder.path()), ElementsAre("v1"));
  EXPECT_EQ(writer.Add("\xff", Shape(), TensorSlice(0), Array(1.f)).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(writer.Add("v", Shape(), TensorSlice(0), Array(kVariant, Shape())).code(),
            absl::StatusCode::kUnimplemented);
}

TEST(Bundle, LargeTensorsAreReadInPieces) {
  const test::TemporaryFolder folder;
  const Array large = Iota(Shape({1031, 1027}));  // 4.2 MB, no multiple of a piece
  Write(folder.File("m"), {{"a", Array(1.f)}, {"large", large}});
  auto file = OpenBundle(folder.File("m"));
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(*(*file)->Read("large") == large);
  // A byte of one of the pieces.
  {
    std::fstream data(folder.File("m.data-00000-of-00001"));
    data.seekp(3000000);
    data.put('x');
  }
  file = OpenBundle(folder.File("m"));
  const absl::Status damaged = (*file)->Read("large").status();
  EXPECT_EQ(damaged.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(damaged), HasSubstr("Checksum does not match: stored "));
  EXPECT_TRUE((*file)->Read("a").ok());  // only its own bytes count
}

// All by one call: the same files, the same values, and an error if one is damaged.
TEST(Bundle, ManyTensorsAtOnce) {
  const test::TemporaryFolder folder;
  auto values = ValuesOfAllKinds();
  values["large"] = Iota(Shape({1031, 1027}));
  values["other"] = Iota(Shape({100, 1000}));
  values["z"] = Array(2.f);
  Write(folder.File("m"), values);
  auto writer = BundleWriter::Create(folder.File("n"), {.values_stay = true});
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (const auto& [name, value] : values) ASSERT_TRUE((*writer)->Add(name, value).ok());
  ASSERT_TRUE((*writer)->Finish().ok());
  for (const char* suffix : {".index", ".data-00000-of-00001"}) {
    EXPECT_TRUE(*ReadFile(folder.File("m") + suffix) == *ReadFile(folder.File("n") + suffix))
        << suffix;
  }
  std::vector<std::string_view> names;
  for (const auto& [name, value] : values) names.push_back(name);
  auto read = (*OpenBundle(folder.File("n")))->ReadAll(names);
  ASSERT_TRUE(read.ok()) << read.status();
  for (size_t i = 0; i < names.size(); ++i)
    EXPECT_TRUE((*read)[i] == values[std::string(names[i])]) << names[i];
  names.push_back("v");
  EXPECT_EQ((*OpenBundle(folder.File("n")))->ReadAll(names).status().code(),
            absl::StatusCode::kNotFound);
  names.pop_back();
  {
    std::fstream data(folder.File("n.data-00000-of-00001"));
    data.seekp(3000000);
    data.put('x');
  }
  EXPECT_EQ((*OpenBundle(folder.File("n")))->ReadAll(names).status().code(),
            absl::StatusCode::kDataLoss);
}

// Every way to cut a [6,4] tensor, read by every way.
TEST(Bundle, AnyPartitioningReadsAnyOther) {
  const test::TemporaryFolder folder;
  const Array full = Iota(Shape({6, 4}));
  const std::vector<std::vector<std::string>> cuts = {
      {"-:-"},
      {"0,2:-", "2,3:0,4", "5,1:0,4"},
      {"0,6:0,1", "-:1,3"},
      {"0,3:0,2", "0,3:2,2", "3,3:0,3", "3,3:3,1"},
  };
  auto part_of = [&](const TensorSlice& slice) {
    Array part(kFloat32, *slice.ShapeOf(full.shape()));
    CopyCommonElements(full, TensorSlice(2), &part, slice, full.shape());
    return part;
  };
  for (size_t i = 0; i < cuts.size(); ++i) {
    const std::string v2 = folder.File("v2_" + std::to_string(i)),
                      v1 = folder.File("v1_" + std::to_string(i));
    auto writer = BundleWriter::Create(v2, {});
    CheckpointV1Writer old_writer(v1);
    for (const std::string& cut : cuts[i]) {
      const TensorSlice slice = *TensorSlice::Parse(cut);
      ASSERT_TRUE((*writer)->AddSlice("w", full.shape(), slice, part_of(slice)).ok());
      ASSERT_TRUE(old_writer.Add("w", full.shape(), slice, part_of(slice)).ok());
    }
    ASSERT_TRUE((*writer)->Finish().ok());
    ASSERT_TRUE(old_writer.Finish().ok());
    for (const std::string& prefix : {v2, v1}) {
      auto file = OpenCheckpoint(prefix);
      ASSERT_TRUE(file.ok()) << file.status();
      EXPECT_TRUE(*(*file)->Read("w") == full);
      EXPECT_THAT(*(*file)->List(), SizeIs(1));
      EXPECT_THAT((*file)->Find("w")->slices, SizeIs(cuts[i].size() == 1 ? 0 : cuts[i].size()));
      for (const auto& other : cuts) {
        for (const std::string& cut : other) {
          const TensorSlice slice = *TensorSlice::Parse(cut);
          auto part = (*file)->ReadSlice("w", slice);
          ASSERT_TRUE(part.ok()) << part.status();
          EXPECT_TRUE(*part == part_of(slice)) << prefix << " " << cut;
        }
      }
    }
  }
}

TEST(Bundle, MissingPartsAndBadSlicesAreErrors) {
  const test::TemporaryFolder folder;
  auto writer = BundleWriter::Create(folder.File("m"), {});
  const TensorSlice first = *TensorSlice::Parse("0,2:-");
  ASSERT_TRUE((*writer)->AddSlice("w", Shape({6, 4}), first, Iota(Shape({2, 4}))).ok());
  const absl::Status twice = (*writer)->AddSlice("w", Shape({6, 4}), first, Iota(Shape({2, 4})));
  EXPECT_EQ(twice.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ((*writer)
                ->AddSlice("w", Shape({8, 4}), *TensorSlice::Parse("2,2:-"), Iota(Shape({2, 4})))
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ((*writer)
                ->AddSlice("w", Shape({6, 4}), *TensorSlice::Parse("5,2:-"), Iota(Shape({2, 4})))
                .code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ((*writer)->Add("", Array(1.f)).code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE((*writer)->Add("a", Array(1.f)).ok());
  EXPECT_EQ(Message((*writer)->Add("a", Array(1.f))), "Adding duplicate key: a");
  EXPECT_EQ((*writer)->Add("r", Array(kResource, Shape())).code(),
            absl::StatusCode::kUnimplemented);
}

TEST(Bundle, UnfinishedWritersLeaveNothing) {
  const test::TemporaryFolder folder;
  Write(folder.File("m"), {{"a", Array(1.f)}});
  {
    auto writer = BundleWriter::Create(folder.File("m"), {});
    ASSERT_TRUE((*writer)->Add("a", Array(2.f)).ok());
  }
  EXPECT_THAT(*ListFolder(folder.path()), ElementsAre("m.data-00000-of-00001", "m.index"));
  EXPECT_TRUE(*(*OpenBundle(folder.File("m")))->Read("a") == Array(1.f));
}

TEST(Bundle, MergesShards) {
  const test::TemporaryFolder folder;
  const std::string parts = folder.File("m_temp");
  Write(parts + "/part-00000", {{"a", Array(1.f)}, {"b", Array(2.f)}});
  for (const auto& [name, cut] :
       std::map<std::string, std::string>{{"/part-00001", "0,1:-"}, {"/part-00002", "1,1:-"}}) {
    auto writer = BundleWriter::Create(parts + name, {});
    const TensorSlice slice = *TensorSlice::Parse(cut);
    ASSERT_TRUE((*writer)->AddSlice("w", Shape({2, 2}), slice, Iota(Shape({1, 2}))).ok());
    ASSERT_TRUE((*writer)->Finish().ok());
  }
  const std::vector<std::string> all = {parts + "/part-00000", parts + "/part-00001",
                                        parts + "/part-00002"};
  ASSERT_TRUE(MergeBundles(all, folder.File("m"), {}).ok());
  EXPECT_THAT(*ListFolder(folder.path()),
              ElementsAre("m.data-00000-of-00003", "m.data-00001-of-00003", "m.data-00002-of-00003",
                          "m.index"));
  auto file = OpenBundle(folder.File("m"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(*(*file)->Read("b") == Array(2.f));
  EXPECT_TRUE(*(*file)->Read("w") == Array({{0.f, 1.f}, {0.f, 1.f}}));

  EXPECT_EQ(MergeBundles({folder.File("none")}, folder.File("n"), {}).code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(
      MergeBundles({folder.File("none")}, folder.File("n"), {.allow_missing_files = true}).code(),
      absl::StatusCode::kInvalidArgument);
  Write(folder.File("x"), {{"a", Array(1.f)}});
  EXPECT_THAT(Message(MergeBundles({folder.File("x"), folder.File("m")}, folder.File("y"), {})),
              HasSubstr("Duplicate tensor keyed by a encountered, when merging prefix: "));
}

// ---- Damage -------------------------------------------------------------------------------------

void Overwrite(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), bytes.size());
}

// Whatever was done to the files: what can be read is what was written, or it is an error. True if
// all was read.
bool ReadsTheseOrFails(const std::string& prefix, const std::map<std::string, Array>& values) {
  auto file = OpenCheckpoint(prefix);
  if (!file.ok()) return false;
  bool all = true;
  (void)(*file)->List();
  for (const auto& [name, value] : values) {
    auto read = (*file)->Read(name);
    all &= read.ok();
    if (read.ok()) {
      EXPECT_TRUE(*read == value) << name;
    }
  }
  return all;
}

class Damage : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    values_ = {{"a", Array({{1.f, 2.f}, {3.f, 4.f}})},
               {"text", Array({std::string("one"), std::string("two")})},
               {"w", Iota(Shape({4, 2}))}};
    const TensorSlice low = *TensorSlice::Parse("0,2:-"), high = *TensorSlice::Parse("2,2:-");
    const Array rows = values_["w"];
    prefix_ = folder_.File("m");
    if (std::string_view(GetParam()) == "v1") {
      CheckpointV1Writer writer(prefix_);
      ASSERT_TRUE(writer.Add("a", Shape({2, 2}), TensorSlice(2), values_["a"]).ok());
      ASSERT_TRUE(writer.Add("text", Shape({2}), TensorSlice(1), values_["text"]).ok());
      ASSERT_TRUE(writer.Add("w", Shape({4, 2}), low, rows.SliceRows(0, 2)).ok());
      ASSERT_TRUE(writer.Add("w", Shape({4, 2}), high, rows.SliceRows(2, 4)).ok());
      ASSERT_TRUE(writer.Finish().ok());
      path_ = prefix_;
      return;
    }
    auto writer = BundleWriter::Create(prefix_, {});
    ASSERT_TRUE((*writer)->Add("a", values_["a"]).ok());
    ASSERT_TRUE((*writer)->Add("text", values_["text"]).ok());
    ASSERT_TRUE((*writer)->AddSlice("w", Shape({4, 2}), low, rows.SliceRows(0, 2)).ok());
    ASSERT_TRUE((*writer)->AddSlice("w", Shape({4, 2}), high, rows.SliceRows(2, 4)).ok());
    ASSERT_TRUE((*writer)->Finish().ok());
    path_ = prefix_ + GetParam();
  }
  test::TemporaryFolder folder_;
  std::map<std::string, Array> values_;
  std::string prefix_, path_;
};

TEST_P(Damage, EveryDamagedByteIsFound) {
  const std::string good = *ReadFile(path_);
  ASSERT_TRUE(ReadsTheseOrFails(prefix_, values_));
  // The padding of the footer carries nothing.
  const size_t padding_begin = good.size() - 48, padding_end = good.size() - 8;
  const bool has_footer = path_ != prefix_ + ".data-00000-of-00001";
  for (size_t i = 0; i < good.size(); ++i) {
    for (const int flip : {1 << (i % 8), 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      Overwrite(path_, bad);
      const bool read = ReadsTheseOrFails(prefix_, values_);
      if (!has_footer || i < padding_begin || i >= padding_end) {
        EXPECT_FALSE(read) << "byte " << i << " flipped by " << flip;
      }
    }
  }
}

TEST_P(Damage, EveryTruncationIsFound) {
  const std::string good = *ReadFile(path_);
  for (size_t n = 0; n < good.size(); ++n) {
    Overwrite(path_, std::string_view(good).substr(0, n));
    EXPECT_FALSE(ReadsTheseOrFails(prefix_, values_)) << n;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, Damage, ::testing::Values(".index", ".data-00000-of-00001", "v1"));

}  // namespace
}  // namespace weft::io
