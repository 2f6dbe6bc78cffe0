// SPDX-License-Identifier: Apache-2.0
#include "src/io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "src/io/file_system.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::StatusCode CodeOfErrno(int error) {
  switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case ESRCH:
      return absl::StatusCode::kNotFound;
    case EEXIST:
    case EADDRINUSE:
      return absl::StatusCode::kAlreadyExists;
    case EPERM:
    case EACCES:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOTEMPTY:
    case EISDIR:
    case ENOTDIR:
    case EBADF:
    case EBUSY:
      return absl::StatusCode::kFailedPrecondition;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EMLINK:
      return absl::StatusCode::kResourceExhausted;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case EILSEQ:
      return absl::StatusCode::kInvalidArgument;
    case EFBIG:
    case EOVERFLOW:
    case ERANGE:
      return absl::StatusCode::kOutOfRange;
    case EAGAIN:
    case EINTR:
    case ENOLCK:
      return absl::StatusCode::kUnavailable;
    case ENOSYS:
    case ENOTSUP:
      return absl::StatusCode::kUnimplemented;
    default:
      return absl::StatusCode::kUnknown;
  }
}

// On the disk when it returns.
absl::Status WriteNewFile(const std::string& path, std::string_view contents) {
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<io::WritableFile> file,
                        io::WritableFile::CreateNew(path));
  WEFT_RETURN_IF_ERROR(file->Append(contents));
  WEFT_RETURN_IF_ERROR(file->Sync());
  return file->Close();
}

}  // namespace

absl::Status ErrnoStatus(int error, std::string_view path) {
  return absl::Status(CodeOfErrno(error),
                      std::string(path) + "; " + std::generic_category().message(error));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return ErrnoStatus(errno, path);
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return ErrnoStatus(errno, path);
  if (S_ISDIR(info.st_mode)) return ErrnoStatus(EISDIR, path);
  std::string contents;
  // The size is a hint only: pipes have none, and files may grow.
  size_t wanted = static_cast<size_t>(std::max<off_t>(info.st_size, 0)) + 1;
  while (true) {
    const size_t have = contents.size();
    contents.resize(have + wanted);
    const ssize_t n = ::read(file.get(), contents.data() + have, wanted);
    contents.resize(have + static_cast<size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, path);
    if (n == 0) return contents;
    wanted = std::clamp<size_t>(wanted - static_cast<size_t>(n), 1 << 16, wanted + (1 << 16));
  }
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view contents) {
  const std::string temporary = io::TemporaryName(path);
  absl::Status status = WriteNewFile(temporary, contents);
  if (status.ok()) status = io::RenameFile(temporary, path);
  if (status.ok()) return io::SyncFolder(std::string(io::Dirname(path)));
  (void)io::DeleteFile(temporary);
  // The caller knows nothing of the other name.
  std::string_view text(status.message().data(), status.message().size());
  if (!text.starts_with(temporary)) return status;
  text.remove_prefix(temporary.size());
  return absl::Status(status.code(), path + std::string(text));
}

}  // namespace weft
