// SPDX-License-Identifier: Apache-2.0
// Checkpoints that TensorFlow wrote: every value, and the same bytes when they are written again.
// data/checkpoints.golden is made by tests/support/make_checkpoints_golden.py; the files are copies
// of some in the interop corpus, which is read too where it lies beside the project.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "proto/weft/tensor_bundle.pb.h"
#include "src/core/strings.h"
#include "src/io/bundle.h"
#include "src/io/crc32c.h"
#include "src/io/file.h"
#include "src/io/table.h"
#include "tests/support/temporary_folder.h"

namespace weft::io {
namespace {

constexpr const char* kCopies = "tests/io/data/checkpoints";
constexpr const char* kCorpus = "../shared/interop/checkpoints";

struct Line {
  std::string name, slice, dtype, shape, crc;
};

std::map<std::string, std::vector<Line>> Golden() {
  std::map<std::string, std::vector<Line>> all;
  std::ifstream in("tests/io/data/checkpoints.golden");
  for (std::string text; std::getline(in, text);) {
    std::istringstream fields(text);
    std::string prefix;
    Line line;
    for (std::string* field :
         {&prefix, &line.name, &line.slice, &line.dtype, &line.shape, &line.crc})
      std::getline(fields, *field, '|');
    all[prefix].push_back(line);
  }
  return all;
}

std::string CrcOf(const Array& a) {
  uint32_t crc = 0;
  if (a.dtype() == kString) {
    for (const std::string& s : a.values<std::string>()) {
      const uint64_t length = s.size();
      crc = Crc32cExtend(crc, &length, sizeof length);
      crc = Crc32cExtend(crc, s.data(), s.size());
    }
  } else {
    crc = Crc32c(a.raw_data(), a.num_bytes());
  }
  char text[9];
  std::snprintf(text, sizeof text, "%08x", crc);
  return text;
}

void CheckLine(const CheckpointFile& file, const Line& line) {
  SCOPED_TRACE(line.name + " " + line.slice);
  absl::StatusOr<Array> value = absl::UnknownError("not read");
  if (line.slice.empty()) {
    value = file.Read(line.name);
  } else {
    auto spec = ParseShapeAndSlice(line.slice);
    ASSERT_TRUE(spec.ok()) << spec.status();
    value = file.ReadSlice(line.name, spec->slice);
  }
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(DTypeName(value->dtype()), line.dtype);
  EXPECT_EQ(StrJoin(value->shape().dims(), ","), line.shape);
  EXPECT_EQ(CrcOf(*value), line.crc);
}

int CheckFolder(const std::string& folder) {
  int found = 0;
  for (const auto& [prefix, lines] : Golden()) {
    SCOPED_TRACE(prefix);
    const std::string path = folder + "/" + prefix;
    if (!FileExists(BundleIndexName(path)) && !FileExists(path)) continue;
    ++found;
    auto file = OpenCheckpoint(path);
    EXPECT_TRUE(file.ok()) << file.status();
    if (!file.ok()) continue;
    size_t wholes = 0;
    for (const Line& line : lines) {
      CheckLine(**file, line);
      wholes += line.slice.empty();
    }
    EXPECT_EQ((*file)->List()->size(), wholes);
  }
  return found;
}

// In data/checkpoints.golden are those of the corpus that are large too.
constexpr int kCopied = 9;

TEST(CheckpointGolden, CopiesRead) { EXPECT_EQ(CheckFolder(kCopies), kCopied); }

TEST(CheckpointGolden, CorpusReads) {
  if (!FileExists(kCorpus)) GTEST_SKIP() << "no " << kCorpus;
  EXPECT_EQ(CheckFolder(kCorpus), 13);
}

// Writes all tensors again, in the order of their bytes in the data file.
void Rewrite(const std::string& from, const std::string& to) {
  struct Item {
    int64_t offset;
    std::string key;
    std::string slice_of;
    TensorSlice slice;
    Shape full;
  };
  auto file = OpenBundle(from);
  ASSERT_TRUE(file.ok()) << file.status();
  auto table = TableReader::Open(BundleIndexName(from), {});
  ASSERT_TRUE(table.ok());
  std::map<std::string, proto::BundleEntryProto> entries;
  ASSERT_TRUE((*table)
                  ->ForEach([&](std::string_view key, std::string_view value) {
                    if (!key.empty()) entries[std::string(key)].ParseFromString(std::string(value));
                    return absl::OkStatus();
                  })
                  .ok());
  std::vector<Item> items;
  for (const auto& [key, entry] : entries) {
    if (key[0] == '\0') continue;
    const Shape full = (*file)->Find(key)->shape;
    if (entry.slices().empty())
      items.push_back({entry.offset(), key, "", TensorSlice(full.rank()), full});
    for (const auto& proto : entry.slices()) {
      const TensorSlice slice = *TensorSlice::FromProto(proto);
      items.push_back({entries.at(SliceKey(key, slice)).offset(), key, key, slice, full});
    }
  }
  std::stable_sort(items.begin(), items.end(),
                   [](const Item& a, const Item& b) { return a.offset < b.offset; });
  auto writer = BundleWriter::Create(to, {});
  ASSERT_TRUE(writer.ok());
  for (const Item& item : items) {
    auto value = (*file)->ReadSlice(item.key, item.slice);
    ASSERT_TRUE(value.ok()) << value.status();
    ASSERT_TRUE((*writer)->AddSlice(item.key, item.full, item.slice, *value).ok());
  }
  ASSERT_TRUE((*writer)->Finish().ok());
}

void ExpectSameBytes(const std::string& prefix) {
  SCOPED_TRACE(prefix);
  const test::TemporaryFolder folder;
  Rewrite(prefix, folder.File("again"));
  for (const char* suffix : {".index", ".data-00000-of-00001"}) {
    EXPECT_TRUE(*ReadFile(prefix + suffix) == *ReadFile(folder.File(std::string("again") + suffix)))
        << suffix;
  }
  EXPECT_EQ(ListFolder(folder.path())->size(), 2u);
}

TEST(CheckpointGolden, WritesTheSameBytes) {
  ExpectSameBytes(std::string(kCopies) + "/all_dtypes/model.ckpt");
  ExpectSameBytes(std::string(kCopies) + "/partitioned/model.ckpt");
  ExpectSameBytes(std::string(kCopies) + "/object_graph/ckpt-1");
}

TEST(CheckpointGolden, WritesTheSameBytesOfManyBlocks) {
  if (!FileExists(kCorpus)) GTEST_SKIP() << "no " << kCorpus;
  ExpectSameBytes(std::string(kCorpus) + "/big/model.ckpt");
}

// What a reader of any file may do: see CheckpointFile. True if all went well.
bool ReadsAll(const std::string& prefix) {
  auto file = OpenCheckpoint(prefix);
  if (!file.ok()) return false;
  bool good = (*file)->DebugString().ok();
  auto list = (*file)->List();
  if (!list.ok()) return false;
  for (const auto& [name, tensor] : *list) {
    good &= (*file)->Find(name).ok();
    good &= (*file)->Read(name).ok();
    for (size_t i = 0; i < std::min<size_t>(tensor.slices.size(), 20); ++i)
      good &= (*file)->ReadSlice(name, tensor.slices[i]).ok();
  }
  return good;
}

TEST(CheckpointGolden, HostileFilesEndWithErrors) {
  const std::filesystem::path root = "tests/io/data/hostile_checkpoints";
  // Legal, or harmless in the part that is read.
  const std::vector<std::string> may_read = {"block_shared_prefix", "header_missing", "key_path",
                                             "slices_many", "string_count_huge"};
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("state_")) continue;
    ++count;
    const bool good = ReadsAll((entry.path() / "m").string());
    if (std::find(may_read.begin(), may_read.end(), name) == may_read.end()) {
      EXPECT_FALSE(good) << name;
    }
  }
  EXPECT_GT(count, 30);
}

}  // namespace
}  // namespace weft::io
