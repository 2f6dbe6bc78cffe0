// SPDX-License-Identifier: Apache-2.0
// ImmutableConst: a constant whose elements are a file, mapped into memory.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <string>

#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// The file's first bytes as an array.
absl::StatusOr<Array> MapFile(const std::string& name, DataType dtype, const Shape& shape) {
  const auto failed = [&](absl::StatusCode code, const std::string& why) {
    return absl::Status(code, StrCat(name, "; ", why));
  };
  const int file = open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    const absl::StatusCode code =
        errno == ENOENT ? absl::StatusCode::kNotFound : absl::StatusCode::kPermissionDenied;
    return failed(code, std::strerror(errno));
  }
  struct stat info = {};
  const bool known = fstat(file, &info) == 0 && S_ISREG(info.st_mode);
  if (!IsPlain(dtype)) {
    close(file);
    return failed(absl::StatusCode::kUnimplemented, "texts can't be taken from a file");
  }
  size_t bytes = 0;
  const bool counted =
      !__builtin_mul_overflow(static_cast<size_t>(shape.num_elements()), DTypeSize(dtype), &bytes);
  if (!known || !counted || static_cast<size_t>(info.st_size) < bytes) {
    close(file);
    return failed(absl::StatusCode::kResourceExhausted,
                  StrCat("the file is too small: it has ", known ? info.st_size : 0,
                         " bytes, a tensor of shape ", shape.ToString(), " needs ", bytes));
  }
  if (bytes == 0) {
    close(file);
    return Array(dtype, shape);
  }
  // Private: who owns the array alone may write to it, and the file stays as it is.
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  const int error = errno;
  close(file);
  if (memory == MAP_FAILED) return failed(absl::StatusCode::kInternal, std::strerror(error));
  return Array::FromRawMemory(dtype, memory, shape, [memory, bytes] { munmap(memory, bytes); });
}

class ImmutableConst final : public Kernel {
 public:
  explicit ImmutableConst(KernelConstruction& c)
      : dtype_(c.Attr<DataType>("dtype")),
        shape_(c.Attr<PartialShape>("shape")),
        file_(c.Attr<std::string>("memory_region_name")) {
    if (dtype_ == kResource || dtype_ == kVariant) {
      c.Fail(absl::InvalidArgumentError("Resource and variant dtypes are invalid for this op."));
    }
    if (!shape_.IsFullyKnown())
      c.Fail(absl::InvalidArgumentError(StrCat("shape must be known, not ", shape_.ToString())));
  }

  absl::Status Compute(KernelContext& ctx) override {
    std::lock_guard lock(mu_);
    if (!value_.valid()) {
      absl::StatusOr<Array> mapped = MapFile(file_, dtype_, shape_.ToShape());
      if (!mapped.ok()) return ctx.Error(mapped.status().code(), StrCat(mapped.status().message()));
      value_ = *std::move(mapped);
    }
    ctx.set_output(0, value_);
    return absl::OkStatus();
  }

 private:
  const DataType dtype_;
  const PartialShape shape_;
  const std::string file_;
  std::mutex mu_;
  Array value_;
};

}  // namespace

void RegisterImmutableConstKernels(KernelRegistry& kernels) {
  kernels.Add<ImmutableConst>("ImmutableConst", kCpu, {});
}

}  // namespace weft
