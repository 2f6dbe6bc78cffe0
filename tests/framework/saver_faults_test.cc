// SPDX-License-Identifier: Apache-2.0
// What is left of a folder of checkpoints when a save is killed, or the disk is full: the last
// complete checkpoint, whole.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <random>

#include "src/core/strings.h"
#include "src/io/file.h"
#include "src/io/file_system.h"
#include "tests/saver_child/saves.h"
#include "tests/support/temporary_folder.h"
#include "weft/weft.h"

namespace weft::train {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSkipped = 77;

// The step of the newest checkpoint, which is checked.
int64_t CheckNewest(const std::string& folder) {
  const Newest newest = FindNewest(folder);
  EXPECT_EQ(newest.problem, "");
  return newest.step;
}

// Starts saver_child, which lies beside this program; `before` runs in the new process first, and
// its result ends it if it is not 0.
pid_t Start(const std::string& mode, const std::string& folder,
            const std::function<int()>& before) {
  // Made before the fork: after it nothing may be allocated.
  const std::string program =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "saver_child").string();
  char* const arguments[] = {const_cast<char*>(program.c_str()), const_cast<char*>(mode.c_str()),
                             const_cast<char*>(folder.c_str()), nullptr};
  const pid_t child = fork();
  if (child != 0) return child;
  if (const int result = before()) _exit(result);
  execv(program.c_str(), arguments);
  _exit(127);
}

// A child whose standard output is read here and whose other output is dropped.
class SavingChild {
 public:
  SavingChild(const std::string& folder, bool sharded) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    out_ = ends[0];
    const int in = ends[1];
    pid_ = Start(sharded ? kSaveShardsForEver : kSaveForEver, folder, [in] {
      dup2(in, STDOUT_FILENO);
      dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
      return 0;
    });
    EXPECT_GT(pid_, 0);
    close(in);
  }
  ~SavingChild() {
    if (pid_ > 0) Kill();
    close(out_);
  }
  // Until the next save begins; false if the child has ended.
  bool AwaitSave() {
    char c = 0;
    while (read(out_, &c, 1) == 1) {
      if (c == kSaveBegins) return true;
    }
    return false;
  }
  void Kill() {
    kill(pid_, SIGKILL);
    int status = 0;
    waitpid(pid_, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the child ended by itself";
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
};

void KillAtRandomMoments(int kills, bool sharded) {
  const test::TemporaryFolder folder;
  std::mt19937 random(20151109);
  int64_t newest = -1, advanced = 0;
  double save_seconds = 0.02;
  int done = 0;
  while (done < kills) {
    SCOPED_TRACE(StrCat("kill ", done));
    SavingChild child(folder.path(), sharded);
    ASSERT_TRUE(child.AwaitSave());
    const auto first = Clock::now();
    // Some saves are left alone, so that the time of one is known and the state goes on.
    const int alone = static_cast<int>(random() % 3);
    for (int i = 0; i < alone; ++i) ASSERT_TRUE(child.AwaitSave());
    if (alone > 0) {
      const double each =
          std::chrono::duration<double>(Clock::now() - first).count() / static_cast<double>(alone);
      save_seconds += (each - save_seconds) / 4;
    }
    usleep(static_cast<useconds_t>(save_seconds * 1e6 *
                                   std::uniform_real_distribution<>(0, 1.1)(random)));
    child.Kill();
    ++done;
    const int64_t step = CheckNewest(folder.path());
    EXPECT_GE(step, newest) << "an older checkpoint than was there before";
    advanced += step > newest;
    newest = step;
    // What a killed program was writing remains; nobody else deletes it.
    for (const std::string& name : TemporariesIn(folder.path())) {
      std::error_code error;
      std::filesystem::remove_all(folder.File(name), error);
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(advanced, kills / 4);
}

TEST(SaverFaults, KilledSavesLeaveTheLastOne) { KillAtRandomMoments(150, false); }

TEST(SaverFaults, KilledSavesOfShardsLeaveTheLastOne) { KillAtRandomMoments(50, true); }

// ---- Disks that are full ------------------------------------------------------------------------

int WriteTo(const char* path, const char* text, size_t n) {
  const int fd = open(path, O_WRONLY);
  const bool good = fd >= 0 && write(fd, text, n) == static_cast<ssize_t>(n);
  if (fd >= 0) close(fd);
  return good ? 0 : kSkipped;
}

TEST(SaverFaults, AFullDiskLeavesTheLastOne) {
  const test::TemporaryFolder folder;
  const std::string map = StrCat("0 ", getuid(), " 1"), groups = StrCat("0 ", getgid(), " 1");
  const std::string path = folder.path();
  const pid_t child = Start(kFillDisk, path, [&] {
    // A file system of 1 MB that only the child sees.
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return kSkipped;
    (void)WriteTo("/proc/self/setgroups", "deny", 4);
    if (WriteTo("/proc/self/uid_map", map.data(), map.size()) != 0) return kSkipped;
    if (WriteTo("/proc/self/gid_map", groups.data(), groups.size()) != 0) return kSkipped;
    if (mount("none", path.c_str(), "tmpfs", 0, "size=1m") != 0) return kSkipped;
    return 0;
  });
  ASSERT_GT(child, 0);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status)) << status;
  if (WEXITSTATUS(status) == kSkipped) GTEST_SKIP() << "a user may not mount a tmpfs here";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "see its lines above";
}

// Where nothing can be mounted: files that can't grow beyond n bytes, for many n. (The code of
// EFBIG is not that of ENOSPC, the way through the program is the same.)
TEST(SaverFaults, AWriteThatFailsLeavesTheLastOne) {
  const test::TemporaryFolder folder;
  Graph graph;
  const GraphScope scope(graph);
  const Model model(1);
  const Saver saver({.max_to_keep = 2});
  Session session(graph, kOneThread);
  session.Run(model.initialize);
  session.Run(model.next);
  saver.Save(session, folder.File("m"), model.step);
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  const rlim_t unlimited = limit.rlim_cur;
  int failed = 0, good = 0;
  // The elements are 4,008 bytes, the meta graph some 10,000, the index and state hundreds.
  for (rlim_t n = 0; n < 20000; n += n < 1000 ? 50 : 500) {
    SCOPED_TRACE(StrCat("files of at most ", n, " bytes"));
    session.Run(model.next);
    const int64_t saved = CheckNewest(folder.path());
    limit.rlim_cur = n;
    setrlimit(RLIMIT_FSIZE, &limit);
    bool done = true;
    try {
      saver.Save(session, folder.File("m"), model.step);
    } catch (const OutOfRangeError&) {
      done = false;
    }
    limit.rlim_cur = unlimited;
    setrlimit(RLIMIT_FSIZE, &limit);
    (done ? good : failed) += 1;
    EXPECT_EQ(CheckNewest(folder.path()) > saved, done);
    EXPECT_THAT(TemporariesIn(folder.path()), testing::IsEmpty());
  }
  std::signal(SIGXFSZ, before);
  EXPECT_GT(failed, 20);
  EXPECT_GT(good, 0);
}

TEST(SaverFaults, AFullDeviceIsResourceExhausted) {
  EXPECT_EQ(ErrnoStatus(ENOSPC, "f").code(), absl::StatusCode::kResourceExhausted);
  if (!io::FileExists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  auto file = io::WritableFile::OpenForAppend("/dev/full");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Append("x").ok());
  EXPECT_EQ((*file)->Flush().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace weft::train
