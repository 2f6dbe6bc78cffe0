// SPDX-License-Identifier: Apache-2.0
#include "tools/golden/isolate.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace weft::golden {
namespace {

struct Child {
  pid_t pid = -1;
  int pipe = -1;
  size_t item = 0;
  std::string text;
  std::string directory;
};

[[noreturn]] void RunInChild(size_t item, int out, const std::string& directory,
                             const Limits& limits, const std::function<std::string(size_t)>& work) {
  if (chdir(directory.c_str()) != 0) _exit(3);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  rlimit data{};
  data.rlim_cur = data.rlim_max = static_cast<rlim_t>(limits.bytes);
  setrlimit(RLIMIT_DATA, &data);
#endif
  rlimit core{};
  setrlimit(RLIMIT_CORE, &core);
  alarm(static_cast<unsigned>(limits.seconds));
  const std::string text = work(item) + "\n.";  // the last byte tells that the item ended by itself
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = write(out, text.data() + done, text.size() - done);
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  _exit(0);
}

Child Start(size_t item, const Limits& limits, const std::function<std::string(size_t)>& work) {
  Child child;
  child.item = item;
  std::string name = (std::filesystem::temp_directory_path() / "weft_case_XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) std::abort();
  child.directory = name;
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  child.pid = fork();
  if (child.pid == 0) {
    close(ends[0]);
    RunInChild(item, ends[1], child.directory, limits, work);
  }
  close(ends[1]);
  child.pipe = ends[0];
  return child;
}

std::string Finish(Child& child, const Limits& limits) {
  int status = 0;
  waitpid(child.pid, &status, 0);
  close(child.pipe);
  std::error_code ignored;
  std::filesystem::remove_all(child.directory, ignored);
  if (child.text.ends_with("\n.")) return child.text.substr(0, child.text.size() - 2);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    return "still running after " + std::to_string(limits.seconds) + " s";
  if (WIFSIGNALED(status)) return std::string("crashed: ") + strsignal(WTERMSIG(status));
  return "ended with exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

std::vector<std::string> RunIsolated(size_t n, int jobs,
                                     const std::function<Limits(size_t)>& limits,
                                     const std::function<std::string(size_t)>& work) {
  std::vector<std::string> texts(n);
  std::vector<Child> running;
  size_t next = 0;
  while (next < n || !running.empty()) {
    for (; next < n && static_cast<int>(running.size()) < jobs; ++next)
      running.push_back(Start(next, limits(next), work));
    std::vector<pollfd> fds;
    for (const Child& c : running) fds.push_back({c.pipe, POLLIN, 0});
    if (poll(fds.data(), fds.size(), -1) < 0) continue;
    for (size_t i = fds.size(); i-- > 0;) {
      if (fds[i].revents == 0) continue;
      char buffer[4096];
      const ssize_t got = read(running[i].pipe, buffer, sizeof buffer);
      if (got > 0) {
        running[i].text.append(buffer, static_cast<size_t>(got));
        continue;
      }
      texts[running[i].item] = Finish(running[i], limits(running[i].item));
      running.erase(running.begin() + static_cast<ptrdiff_t>(i));
    }
  }
  return texts;
}

}  // namespace weft::golden
