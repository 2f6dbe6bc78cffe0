// SPDX-License-Identifier: Apache-2.0
#include "src/io/file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "src/io/file.h"
#include "tests/support/temporary_folder.h"

namespace weft::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(FileSystem, WritesAppendsAndReadsAtPositions) {
  const test::TemporaryFolder folder;
  const std::string path = folder.File("f");
  {
    auto file = WritableFile::Create(path);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Append("hello").ok());
    ASSERT_TRUE((*file)->Append(std::string(200000, 'x')).ok());
    EXPECT_EQ((*file)->size(), 200005u);
    ASSERT_TRUE((*file)->Sync().ok());
    ASSERT_TRUE((*file)->Close().ok());
    EXPECT_EQ((*file)->Append("late").code(), absl::StatusCode::kFailedPrecondition);
  }
  {
    auto file = WritableFile::OpenForAppend(path);
    ASSERT_TRUE(file.ok());
    EXPECT_EQ((*file)->size(), 200005u);
    ASSERT_TRUE((*file)->Append("end").ok());
  }
  EXPECT_EQ(WritableFile::CreateNew(path).status().code(), absl::StatusCode::kAlreadyExists);
  auto file = RandomAccessFile::Open(path);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->size(), 200008u);
  char text[6] = {};
  EXPECT_TRUE((*file)->ReadExactlyAt(200003, text, 5).ok());
  EXPECT_STREQ(text, "xxend");
  EXPECT_EQ(*(*file)->ReadAt(200006, text, 5), 2u);
  EXPECT_EQ(*(*file)->ReadAt(300000, text, 5), 0u);
  EXPECT_EQ(*(*file)->ReadAt(UINT64_MAX - 1, text, 5), 0u);
  EXPECT_EQ((*file)->ReadExactlyAt(200006, text, 5).code(), absl::StatusCode::kOutOfRange);
  auto mapped = MappedFile::Open(path);
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ((*mapped)->bytes().size(), 200008u);
  EXPECT_EQ((*mapped)->bytes().substr(0, 5), "hello");
}

TEST(FileSystem, ErrorsNameThePath) {
  const test::TemporaryFolder folder;
  const absl::Status missing = RandomAccessFile::Open(folder.File("no")).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("/no; No such file or directory"));
  EXPECT_EQ(MappedFile::Open(folder.path()).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(DeleteFile(folder.File("no")).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(GetFileInfo(folder.File("no")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(FileExists(folder.File("no")));
}

TEST(FileSystem, EmptyFilesMap) {
  const test::TemporaryFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder.File("empty"), "").ok());
  auto mapped = MappedFile::Open(folder.File("empty"));
  ASSERT_TRUE(mapped.ok());
  EXPECT_TRUE((*mapped)->bytes().empty());
}

// Files of this process that have no name any more.
int OpenFilesWithoutName() {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
    count += !gone && target.ends_with("replaced (deleted)");
  }
  return count;
}

// They are let go of later, but they are: one at once by a thread, others before the call returns.
TEST(FileSystem, LargeFilesThatAreReplacedOrDeletedGo) {
  const test::TemporaryFolder folder;
  const std::string path = folder.File("replaced"), next = folder.File("next");
  const auto write = [](const std::string& to, char c) {
    auto file = WritableFile::Create(to);
    return file.ok() && (*file)->Append(std::string(17 << 20, c)).ok() && (*file)->Close().ok();
  };
  ASSERT_TRUE(write(path, 'a'));
  for (const char c : {'b', 'c', 'd'}) {
    ASSERT_TRUE(write(next, c));
    ASSERT_TRUE(RenameFile(next, path).ok());
    const auto contents = ReadFile(path);
    ASSERT_TRUE(contents.ok());
    EXPECT_EQ(*contents, std::string(17 << 20, c));
    EXPECT_LE(OpenFilesWithoutName(), 1);
  }
  ASSERT_TRUE(DeleteFile(path).ok());
  EXPECT_FALSE(FileExists(path));
  EXPECT_EQ(DeleteFile(path).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(RenameFile(next, path).code(), absl::StatusCode::kNotFound);
  for (int i = 0; i < 1000 && OpenFilesWithoutName() > 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(OpenFilesWithoutName(), 0);
}

TEST(FileSystem, FoldersAndPatterns) {
  const test::TemporaryFolder folder;
  ASSERT_TRUE(CreateFolders(folder.File("a/b/c")).ok());
  ASSERT_TRUE(CreateFolders(folder.File("a/b/c")).ok());
  EXPECT_EQ(CreateFolder(folder.File("a")).code(), absl::StatusCode::kAlreadyExists);
  for (const char* name : {"a/x1.txt", "a/x2.txt", "a/.x3.txt", "a/b/x4.txt", "a/x5.bin"})
    ASSERT_TRUE(WriteFileAtomically(folder.File(name), "1").ok());
  EXPECT_EQ(CreateFolders(folder.File("a/x1.txt/d")).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(*ListFolder(folder.File("a")),
              ElementsAre(".x3.txt", "b", "x1.txt", "x2.txt", "x5.bin"));
  EXPECT_THAT(
      *MatchingPaths(folder.File("a/*.txt")),
      ElementsAre(folder.File("a/.x3.txt"), folder.File("a/x1.txt"), folder.File("a/x2.txt")));
  EXPECT_THAT(*MatchingPaths(folder.File("*/?/x[4-5]*")), ElementsAre(folder.File("a/b/x4.txt")));
  EXPECT_THAT(*MatchingPaths(folder.File("a/x\\1.txt")), ElementsAre(folder.File("a/x1.txt")));
  EXPECT_THAT(*MatchingPaths(folder.File("a/x1.txt")), ElementsAre(folder.File("a/x1.txt")));
  EXPECT_THAT(*MatchingPaths(folder.File("none/*")), IsEmpty());
  EXPECT_THAT(*MatchingPaths(""), IsEmpty());
  EXPECT_TRUE(GetFileInfo(folder.File("a"))->is_folder);
  EXPECT_EQ(GetFileInfo(folder.File("a/x1.txt"))->size, 1u);
  ASSERT_TRUE(RenameFile(folder.File("a/x1.txt"), folder.File("a/x2.txt")).ok());
  EXPECT_FALSE(FileExists(folder.File("a/x1.txt")));
  EXPECT_TRUE(SyncFolder(folder.path()).ok());
  ASSERT_TRUE(DeleteFolder(folder.File("a/b/c")).ok());
  EXPECT_FALSE(DeleteFolder(folder.File("a/b")).ok());
}

TEST(FileSystem, Paths) {
  EXPECT_EQ(Dirname("a/b/c"), "a/b");
  EXPECT_EQ(Dirname("c"), "");
  EXPECT_EQ(Dirname("/c"), "/");
  EXPECT_EQ(Basename("a/b/c"), "c");
  EXPECT_EQ(Basename("c"), "c");
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
  EXPECT_EQ(JoinPath("a", "/b"), "/b");
}

}  // namespace
}  // namespace weft::io
