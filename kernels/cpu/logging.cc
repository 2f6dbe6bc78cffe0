// SPDX-License-Identifier: Apache-2.0
// Print, PrintV2, Assert, Timestamp.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// One call, so that lines of several threads don't mix.
void WriteLine(std::FILE* stream, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

class Print final : public Kernel {
 public:
  explicit Print(KernelConstruction& c)
      : message_(c.Attr<std::string>("message")),
        first_n_(c.Attr<int64_t>("first_n")),
        summarize_(c.Attr<int64_t>("summarize")) {}

  absl::Status Compute(KernelContext& ctx) override {
    if (first_n_ < 0 || calls_.fetch_add(1, std::memory_order_relaxed) < first_n_) {
      std::string line = message_;
      for (int i = 1; i < ctx.num_inputs(); ++i)
        StrAppend(&line, "[", ctx.input(i).Summarize(summarize_), "]");
      line.push_back('\n');
      WriteLine(stderr, line);
    }
    ctx.set_output(0, ctx.input(0));
    return absl::OkStatus();
  }

 private:
  std::string message_;
  int64_t first_n_, summarize_;
  std::atomic<int64_t> calls_{0};
};

// Where PrintV2 writes.
class PrintTarget {
 public:
  // False if the name is none of those known.
  bool Parse(std::string_view name) {
    constexpr std::string_view kFile = "file://";
    if (name.starts_with(kFile)) {
      path_ = name.substr(kFile.size());
      return true;
    }
    if (name == "stdout") {
      stream_ = stdout;
      return true;
    }
    stream_ = stderr;
    if (name == "log(info)") prefix_ = "I ";
    if (name == "log(warning)") prefix_ = "W ";
    if (name == "log(error)") prefix_ = "E ";
    return name == "stderr" || !prefix_.empty();
  }

  absl::Status Write(KernelContext& ctx, const std::string& text, const std::string& end) const {
    if (stream_) {
      WriteLine(stream_, prefix_.empty()
                             ? text + end
                             : StrCat(prefix_, text, end, end.ends_with('\n') ? "" : "\n"));
      return absl::OkStatus();
    }
    std::FILE* file = std::fopen(path_.c_str(), "ab");
    if (!file) return CannotWrite(ctx, errno);
    const std::string all = text + end;
    const bool written = std::fwrite(all.data(), 1, all.size(), file) == all.size();
    const int error = errno;
    const bool closed = std::fclose(file) == 0;
    return written && closed ? absl::OkStatus() : CannotWrite(ctx, error);
  }

 private:
  absl::Status CannotWrite(KernelContext& ctx, int error) const {
    return ctx.Error(absl::StatusCode::kFailedPrecondition,
                     StrCat("can't append to ", path_, ": ", std::strerror(error)));
  }
  std::FILE* stream_ = nullptr;
  std::string prefix_, path_;
};

class PrintV2 final : public Kernel {
 public:
  explicit PrintV2(KernelConstruction& c) : end_(c.Attr<std::string>("end")) {
    const std::string stream = c.Attr<std::string>("output_stream");
    if (!target_.Parse(stream)) {
      c.Fail(absl::InvalidArgumentError(StrCat(
          "Unknown output stream: ", stream,
          ", must be one of stdout, stderr, log(info), log(warning), log(error), file://<path>")));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array& text = ctx.input(0);
    if (text.rank() != 0)
      return ctx.InvalidArgument(
          StrCat("Input is expected to be scalar, but got ", text.shape().ToString()));
    return target_.Write(ctx, *text.data<std::string>(), end_);
  }

 private:
  std::string end_;
  PrintTarget target_;
};

class Assert final : public Kernel {
 public:
  explicit Assert(KernelConstruction& c) : summarize_(c.Attr<int64_t>("summarize")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& condition = ctx.input(0);
    if (condition.rank() != 0) {
      return ctx.InvalidArgument(
          StrCat("In[0] should be a scalar: ", condition.shape().ToString()));
    }
    if (*condition.data<bool>()) return absl::OkStatus();
    std::string text = "assertion failed: ";
    for (int i = 1; i < ctx.num_inputs(); ++i)
      StrAppend(&text, i > 1 ? " " : "", "[", ctx.input(i).Summarize(summarize_), "]");
    return ctx.InvalidArgument(text);
  }

 private:
  int64_t summarize_;
};

absl::Status Timestamp(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, Shape()));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  *y->mutable_data<double>() = std::chrono::duration<double>(now).count();
  return absl::OkStatus();
}

}  // namespace

void RegisterLoggingKernels(KernelRegistry& kernels) {
  kernels.Add<Print>("Print", kCpu, {});
  kernels.Add<PrintV2>("PrintV2", kCpu, {});
  kernels.Add<Assert>("Assert", kCpu, {});
  kernels.Add("Timestamp", kCpu, {}, Timestamp);
}

}  // namespace weft
