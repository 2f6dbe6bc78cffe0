// SPDX-License-Identifier: Apache-2.0
#include "src/io/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <thread>
#include <utility>

#include "src/io/file.h"
#include "weft/core/status_macros.h"

namespace weft::io {
namespace {

constexpr size_t kWriteBufferBytes = 1 << 16;
// Linux transfers at most about 2^31 bytes a call.
constexpr size_t kMaxTransfer = size_t{1} << 30;

int OpenRetrying(const std::string& path, int flags) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

// Keeps a file that is about to lose its name until the object goes: file systems take about a
// second for a gigabyte of pages and blocks that nobody has any more, and whoever replaces a
// checkpoint need not wait for it. A thread takes the time, for one file at once: what is replaced
// meanwhile is waited for, so that a disk holds one file more at most.
class LetGoLater {
 public:
  explicit LetGoLater(const std::string& path)
      : fd_(OpenRetrying(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)) {}
  ~LetGoLater() {
    if (fd_ < 0) return;
    static std::atomic<bool> busy{false};
    if (!IsLarge() || busy.exchange(true)) {
      ::close(fd_);
      return;
    }
    const auto let_go = [fd = fd_] {
      ::close(fd);
      busy = false;
    };
    try {
      std::thread(let_go).detach();
    } catch (const std::system_error&) {  // no more threads
      let_go();
    }
  }
  LetGoLater(const LetGoLater&) = delete;
  LetGoLater& operator=(const LetGoLater&) = delete;

 private:
  bool IsLarge() const {
    constexpr off_t kLarge = off_t{16} << 20;
    struct stat info;
    return ::fstat(fd_, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 0 &&
           info.st_size >= kLarge;
  }
  const int fd_;
};

// The descriptor of a plain file and its size.
absl::StatusOr<std::pair<int, uint64_t>> OpenForReading(const std::string& path) {
  const int fd = OpenRetrying(path, O_RDONLY);
  if (fd < 0) return ErrnoStatus(errno, path);
  struct stat info;
  int error = ::fstat(fd, &info) != 0 ? errno : 0;
  if (error == 0 && S_ISDIR(info.st_mode)) error = EISDIR;
  if (error != 0) {
    ::close(fd);
    return ErrnoStatus(error, path);
  }
  return std::pair(fd, static_cast<uint64_t>(std::max<off_t>(info.st_size, 0)));
}

bool HasPattern(std::string_view s) { return s.find_first_of("*?[\\") != std::string_view::npos; }

// Appends the paths below `folder` ("" for the working folder, else ending in '/') that match the
// components of `pattern`.
void Match(const std::string& folder, std::string_view pattern, std::vector<std::string>* found) {
  const size_t slash = pattern.find('/');
  const std::string component(pattern.substr(0, slash));
  const bool last = slash == std::string_view::npos;
  const std::string_view rest = last ? std::string_view() : pattern.substr(slash + 1);
  auto take = [&](const std::string& name) {
    const std::string path = folder + name;
    if (last) {
      if (name.empty() || FileExists(path)) found->push_back(path);
    } else {
      Match(path + "/", rest, found);
    }
  };
  if (!HasPattern(component)) return take(component);
  absl::StatusOr<std::vector<std::string>> names = ListFolder(folder.empty() ? "." : folder);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (::fnmatch(component.c_str(), name.c_str(), FNM_PATHNAME) == 0) take(name);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<RandomAccessFile>> RandomAccessFile::Open(const std::string& path) {
  WEFT_ASSIGN_OR_RETURN(const auto opened, OpenForReading(path));
  return std::unique_ptr<RandomAccessFile>(new RandomAccessFile(path, opened.first, opened.second));
}

RandomAccessFile::~RandomAccessFile() { ::close(fd_); }

absl::StatusOr<size_t> RandomAccessFile::ReadAt(uint64_t offset, void* out, size_t n) const {
  size_t done = 0;
  while (done < n) {
    if (offset + done > static_cast<uint64_t>(INT64_MAX)) break;  // past any file's end
    const ssize_t got =
        ::pread(fd_, static_cast<char*>(out) + done, std::min(n - done, kMaxTransfer),
                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, path_);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

absl::Status RandomAccessFile::ReadExactlyAt(uint64_t offset, void* out, size_t n) const {
  WEFT_ASSIGN_OR_RETURN(const size_t got, ReadAt(offset, out, n));
  if (got == n) return absl::OkStatus();
  return absl::OutOfRangeError(path_ + ": ends after " + std::to_string(got) + " of the " +
                               std::to_string(n) + " bytes at " + std::to_string(offset));
}

absl::StatusOr<std::unique_ptr<MappedFile>> MappedFile::Open(const std::string& path) {
  WEFT_ASSIGN_OR_RETURN(const auto opened, OpenForReading(path));
  const auto [fd, size] = opened;
  if (size == 0) {
    ::close(fd);
    return std::unique_ptr<MappedFile>(new MappedFile({}));
  }
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  const int error = errno;
  ::close(fd);
  if (memory == MAP_FAILED) return ErrnoStatus(error, path);
  return std::unique_ptr<MappedFile>(
      new MappedFile(std::string_view(static_cast<const char*>(memory), size)));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

absl::StatusOr<std::unique_ptr<WritableFile>> WritableFile::Open(const std::string& path,
                                                                 int flags) {
  const int fd = OpenRetrying(path, O_WRONLY | flags);
  if (fd < 0) return ErrnoStatus(errno, path);
  struct stat info;
  if (::fstat(fd, &info) != 0) {
    const int error = errno;
    ::close(fd);
    return ErrnoStatus(error, path);
  }
  return std::unique_ptr<WritableFile>(
      new WritableFile(path, fd, static_cast<uint64_t>(std::max<off_t>(info.st_size, 0))));
}

absl::StatusOr<std::unique_ptr<WritableFile>> WritableFile::Create(const std::string& path) {
  return Open(path, O_CREAT | O_TRUNC);
}
absl::StatusOr<std::unique_ptr<WritableFile>> WritableFile::CreateNew(const std::string& path) {
  return Open(path, O_CREAT | O_EXCL);
}
absl::StatusOr<std::unique_ptr<WritableFile>> WritableFile::OpenForAppend(const std::string& path) {
  return Open(path, O_CREAT | O_APPEND);
}

WritableFile::~WritableFile() { (void)Close(); }

absl::Status WritableFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), std::min(bytes.size(), kMaxTransfer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, path_);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status WritableFile::Append(std::string_view bytes) {
  if (fd_ < 0) return absl::FailedPreconditionError(path_ + ": the file is closed");
  size_ += bytes.size();
  if (buffer_.size() + bytes.size() > kWriteBufferBytes) {
    WEFT_RETURN_IF_ERROR(Flush());
    if (bytes.size() >= kWriteBufferBytes) return Write(bytes);
  }
  buffer_.append(bytes);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> WritableFile::Extend(uint64_t n) {
  WEFT_RETURN_IF_ERROR(Flush());
  const uint64_t offset = size_;
  if (n > static_cast<uint64_t>(INT64_MAX) - offset) return ErrnoStatus(EFBIG, path_);
  if (::lseek(fd_, static_cast<off_t>(offset + n), SEEK_SET) < 0) return ErrnoStatus(errno, path_);
  size_ += n;
  return offset;
}

absl::Status WritableFile::WriteAt(uint64_t offset, std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), std::min(bytes.size(), kMaxTransfer),
                               static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, path_);
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

void WritableFile::StartWriteback(uint64_t offset, uint64_t n) const {
  // If it can't be done, Sync does all of it.
  (void)::sync_file_range(fd_, static_cast<off_t>(offset), static_cast<off_t>(n),
                          SYNC_FILE_RANGE_WRITE);
}

absl::Status WritableFile::Flush() {
  if (fd_ < 0) return absl::FailedPreconditionError(path_ + ": the file is closed");
  const absl::Status status = Write(buffer_);
  buffer_.clear();
  return status;
}

absl::Status WritableFile::Sync() {
  WEFT_RETURN_IF_ERROR(Flush());
  return ::fsync(fd_) == 0 ? absl::OkStatus() : ErrnoStatus(errno, path_);
}

absl::Status WritableFile::Close() {
  if (fd_ < 0) return absl::OkStatus();
  absl::Status status = Flush();
  // Errors of earlier writes may show up only now.
  if (::close(fd_) != 0 && status.ok()) status = ErrnoStatus(errno, path_);
  fd_ = -1;
  return status;
}

absl::StatusOr<FileInfo> GetFileInfo(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, path);
  return FileInfo{static_cast<uint64_t>(std::max<off_t>(info.st_size, 0)),
                  info.st_mtim.tv_sec * int64_t{1000000000} + info.st_mtim.tv_nsec,
                  S_ISDIR(info.st_mode)};
}

bool FileExists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& path) {
  DIR* folder = ::opendir(path.c_str());
  if (!folder) return ErrnoStatus(errno, path);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(folder);
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::vector<std::string>> MatchingPaths(const std::string& pattern) {
  std::vector<std::string> found;
  if (pattern.empty()) return found;
  const bool absolute = IsAbsolutePath(pattern);
  Match(absolute ? "/" : "", std::string_view(pattern).substr(absolute ? 1 : 0), &found);
  std::sort(found.begin(), found.end());
  return found;
}

absl::Status CreateFolder(const std::string& path) {
  return ::mkdir(path.c_str(), 0777) == 0 ? absl::OkStatus() : ErrnoStatus(errno, path);
}

absl::Status CreateFolders(const std::string& path) {
  for (size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (part.empty() || part == "/") continue;
    if (::mkdir(part.c_str(), 0777) == 0) continue;
    const int error = errno;
    // A folder above may exist where this user could not make one.
    struct stat info;
    if (::stat(part.c_str(), &info) != 0) return ErrnoStatus(error, part);
    if (!S_ISDIR(info.st_mode)) return ErrnoStatus(ENOTDIR, part);
  }
  return absl::OkStatus();
}

absl::Status DeleteFile(const std::string& path) {
  const LetGoLater file(path);
  return ::unlink(path.c_str()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, path);
}

absl::Status DeleteFolder(const std::string& path) {
  return ::rmdir(path.c_str()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, path);
}

absl::Status RenameFile(const std::string& from, const std::string& to) {
  const LetGoLater replaced(to);
  return std::rename(from.c_str(), to.c_str()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, from);
}

absl::Status SyncFolder(const std::string& path) {
  const int fd = OpenRetrying(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return ErrnoStatus(errno, path);
  // Some file systems have nothing to sync for a folder and say EINVAL.
  const int error = ::fsync(fd) != 0 && errno != EINVAL ? errno : 0;
  ::close(fd);
  return error == 0 ? absl::OkStatus() : ErrnoStatus(error, path);
}

std::string TemporaryName(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  return path + ".tempstate" + std::to_string(::getpid()) + "_" +
         std::to_string(counter.fetch_add(1, std::memory_order_relaxed));
}

std::string_view Dirname(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string_view Basename(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string JoinPath(std::string_view a, std::string_view b) {
  if (a.empty() || IsAbsolutePath(b)) return std::string(b);
  std::string path(a);
  if (!path.ends_with('/')) path += '/';
  return path.append(b);
}

}  // namespace weft::io
