// SPDX-License-Identifier: Apache-2.0
// What is left of a folder of checkpoints when a save is killed, or the disk is full: the last
// complete checkpoint, whole.
//
// The saving is done by this program, started again for one test (Child...) that is not run
// otherwise. It gets the folder in WEFT_SAVER_FOLDER.
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
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>

#include "src/core/strings.h"
#include "src/io/file.h"
#include "src/io/file_system.h"
#include "tests/support/temporary_folder.h"
#include "weft/framework/meta_graph.h"
#include "weft/weft.h"

namespace weft::train {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kFolderVariable = "WEFT_SAVER_FOLDER";
constexpr int kSkipped = 77;

// Variables that all have the number of the step as each of their elements, and ops to go on.
struct Model {
  explicit Model(int64_t rows = 64) {
    std::vector<Operation> changes;
    for (int i = 0; i < 4; ++i) {
      variables.emplace_back(
          Array::Zeros(kFloat32, Shape({rows, 250})),
          VariableOptions{.name = "v" + std::to_string(i), .use_resource = i % 2 == 1});
      changes.push_back(variables.back().AssignAdd(Ones({rows, 250})).op());
    }
    step = Variable(int64_t{0}, {.name = "step", .trainable = false});
    changes.push_back(step.AssignAdd(int64_t{1}).op());
    next = Group(changes);
    initialize = GlobalVariablesInitializer();
  }
  std::vector<Variable> variables;
  Variable step;
  Operation next, initialize;
};

const ConfigProto kConfig{.intra_op_parallelism_threads = 1};

std::vector<std::string> TemporariesIn(const std::string& folder) {
  const absl::StatusOr<std::vector<std::string>> names = io::ListFolder(folder);
  EXPECT_TRUE(names.ok()) << names.status();
  if (!names.ok()) return {};
  std::vector<std::string> found;
  for (const std::string& name : *names) {
    if (name.find(".tempstate") != std::string::npos || name.ends_with("_temp"))
      found.push_back(name);
  }
  return found;
}

// The step of the newest checkpoint, whose values are checked to be all of that step; -1 if the
// folder has none.
int64_t CheckNewest(const std::string& folder) {
  const std::string latest = LatestCheckpoint(folder);
  if (latest.empty()) {
    EXPECT_FALSE(io::FileExists(io::JoinPath(folder, "checkpoint"))) << "names what isn't there";
    return -1;
  }
  const CheckpointReader reader(latest);
  const int64_t step = reader.GetTensor("step").scalar<int64_t>();
  EXPECT_TRUE(latest.ends_with(StrCat("-", step))) << latest;
  for (int i = 0; i < 4; ++i) {
    const Array value = reader.GetTensor(StrCat("v", i));
    const auto values = value.values<float>();
    EXPECT_TRUE(std::all_of(values.begin(), values.end(),
                            [&](float v) { return v == static_cast<float>(step); }))
        << "v" << i << " of " << latest;
  }
  const MetaGraphDef meta = MetaGraphDef::FromFile(latest + ".meta");
  EXPECT_TRUE(meta.saver_def());
  return step;
}

// ---- Programs that are started ------------------------------------------------------------------

// Starts this program for one disabled test; `before` runs in the new process first, and its result
// ends it if it is not 0.
pid_t Start(const std::string& test, const std::string& folder,
            const std::function<int()>& before) {
  // Made before the fork: after it nothing may be allocated.
  const std::string filter = "--gtest_filter=" + test;
  const std::string variable = StrCat(kFolderVariable, "=", folder);
  std::vector<char*> arguments, environment;
  for (const char* text :
       {"/proc/self/exe", "--gtest_also_run_disabled_tests", "--gtest_brief=1", filter.c_str()})
    arguments.push_back(const_cast<char*>(text));
  arguments.push_back(nullptr);
  for (char** e = environ; *e; ++e) environment.push_back(*e);
  environment.push_back(const_cast<char*>(variable.c_str()));
  environment.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  if (const int result = before()) _exit(result);
  execve("/proc/self/exe", arguments.data(), environment.data());
  _exit(127);
}

std::string Folder() {
  const char* folder = std::getenv(kFolderVariable);
  return folder ? folder : "";
}

// On standard output, among what the test framework prints: a save begins.
constexpr char kSaveBegins = '\1';

// Saves over and over and tells of each; goes on from what is there.
TEST(SaverFaults, DISABLED_ChildSavesForEver) {
  ASSERT_NE(Folder(), "");
  Graph graph;
  const GraphScope scope(graph);
  const Model model;
  const Saver saver({.sharded = getenv("WEFT_SAVER_SHARDED") != nullptr, .max_to_keep = 3});
  Session session(graph, kConfig);
  session.Run(model.initialize);
  if (const auto state = GetCheckpointState(Folder())) {
    saver.RecoverLastCheckpoints(state->all_model_checkpoint_paths);
    saver.Restore(session, LatestCheckpoint(Folder()));
  }
  while (true) {
    session.Run(model.next);
    if (write(STDOUT_FILENO, &kSaveBegins, 1) != 1) return;
    saver.Save(session, io::JoinPath(Folder(), "m"), model.step);
  }
}

// A child whose standard output is read here and whose other output is dropped.
class SavingChild {
 public:
  explicit SavingChild(const std::string& folder) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    out_ = ends[0];
    const int in = ends[1];
    pid_ = Start("SaverFaults.DISABLED_ChildSavesForEver", folder, [in] {
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

void KillAtRandomMoments(int kills) {
  const test::TemporaryFolder folder;
  std::mt19937 random(20151109);
  int64_t newest = -1, advanced = 0;
  double save_seconds = 0.02;
  int done = 0;
  while (done < kills) {
    SCOPED_TRACE(StrCat("kill ", done));
    SavingChild child(folder.path());
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

TEST(SaverFaults, KilledSavesLeaveTheLastOne) { KillAtRandomMoments(150); }

TEST(SaverFaults, KilledSavesOfShardsLeaveTheLastOne) {
  setenv("WEFT_SAVER_SHARDED", "1", 1);
  KillAtRandomMoments(50);
  unsetenv("WEFT_SAVER_SHARDED");
}

// ---- Disks that are full ------------------------------------------------------------------------

// Saves until one fails, with what the disk has left made less and less: the error comes at each
// place of a save. Ends with kSkipped where the folder can't be mounted.
TEST(SaverFaults, DISABLED_ChildFillsItsDisk) {
  ASSERT_NE(Folder(), "");
  Graph graph;
  const GraphScope scope(graph);
  const Model model;
  const Saver saver({.max_to_keep = 1});
  Session session(graph, kConfig);
  session.Run(model.initialize);
  session.Run(model.next);
  const std::string prefix = io::JoinPath(Folder(), "m");
  saver.Save(session, prefix, model.step);
  int64_t saved = CheckNewest(Folder());
  ASSERT_EQ(saved, 1);
  // A page less each time.
  const std::string filler = io::JoinPath(Folder(), "filler");
  int full = 0, good = 0;
  for (int pages = 0; pages < 100; ++pages) {
    SCOPED_TRACE(StrCat(pages, " pages are free"));
    (void)io::DeleteFile(filler);
    {
      auto file = io::WritableFile::Create(filler);
      ASSERT_TRUE(file.ok());
      while ((*file)->Append(std::string(4096, 'x')).ok() && (*file)->Flush().ok()) {
      }
    }
    const auto size = io::GetFileInfo(filler);
    ASSERT_TRUE(size.ok());
    std::filesystem::resize_file(filler, size->size - std::min<uint64_t>(size->size, 4096 * pages));
    session.Run(model.next);
    try {
      saver.Save(session, prefix, model.step);
      ++good;
      EXPECT_GT(CheckNewest(Folder()), saved);
    } catch (const ResourceExhaustedError& e) {
      ++full;
      EXPECT_THAT(e.what(), testing::HasSubstr("No space left on device"));
      EXPECT_EQ(CheckNewest(Folder()), saved);
      // Files that were complete before the error remain; here they would fill the disk for good.
      RemoveCheckpoint(StrCat(prefix, "-", session.Run(model.step).scalar<int64_t>()));
    }
    saved = CheckNewest(Folder());
    EXPECT_THAT(TemporariesIn(Folder()), testing::IsEmpty());
  }
  EXPECT_GT(full, 10);
  EXPECT_GT(good, 10);
}

int WriteTo(const char* path, const char* text, size_t n) {
  const int fd = open(path, O_WRONLY);
  const bool good = fd >= 0 && write(fd, text, n) == static_cast<ssize_t>(n);
  if (fd >= 0) close(fd);
  return good ? 0 : kSkipped;
}

TEST(SaverFaults, AFullDiskLeavesTheLastOne) {
  const test::TemporaryFolder folder;
  const std::string map = StrCat("0 ", getuid(), " 1");
  const std::string path = folder.path();
  const pid_t child = Start("SaverFaults.DISABLED_ChildFillsItsDisk", path, [&] {
    // A file system of 1 MB that only the child sees.
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return kSkipped;
    (void)WriteTo("/proc/self/setgroups", "deny", 4);
    if (WriteTo("/proc/self/uid_map", map.data(), map.size()) != 0) return kSkipped;
    if (mount("none", path.c_str(), "tmpfs", 0, "size=1m") != 0) return kSkipped;
    dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
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
  Session session(graph, kConfig);
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
