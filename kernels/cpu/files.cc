// SPDX-License-Identifier: Apache-2.0
// ShardedFilename, ShardedFilespec, MatchingFiles, ReadFile, WriteFile.
#include "kernels/cpu/files.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "src/core/strings.h"
#include "src/io/file.h"
#include "src/io/file_system.h"

namespace weft {
namespace {

absl::Status WantScalar(KernelContext& ctx, int i, std::string_view what) {
  if (ctx.input(i).rank() == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat(
      "Input ", what, " must be a scalar, but had shape: ", ctx.input(i).shape().ToString()));
}

absl::Status SetText(KernelContext& ctx, std::string text) {
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  *out->mutable_data<std::string>() = std::move(text);
  return absl::OkStatus();
}

absl::Status ShardedFilename(KernelContext& ctx) {
  constexpr const char* kInputs[] = {"basename", "shard", "num_shards"};
  for (int i = 0; i < 3; ++i) WEFT_RETURN_IF_ERROR(WantScalar(ctx, i, kInputs[i]));
  char suffix[48];
  std::snprintf(suffix, sizeof suffix, "-%05d-of-%05d", *ctx.input(1).data<int32_t>(),
                *ctx.input(2).data<int32_t>());
  return SetText(ctx, StrCat(*ctx.input(0).data<std::string>(), suffix));
}

absl::Status ShardedFilespec(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(WantScalar(ctx, 0, "basename"));
  WEFT_RETURN_IF_ERROR(WantScalar(ctx, 1, "num_shards"));
  char suffix[32];
  std::snprintf(suffix, sizeof suffix, "-\?\?\?\?\?-of-%05d", *ctx.input(1).data<int32_t>());
  return SetText(ctx, StrCat(*ctx.input(0).data<std::string>(), suffix));
}

absl::Status MatchingFiles(KernelContext& ctx) {
  std::vector<std::string> all;
  for (const std::string& pattern : ctx.input(0).values<std::string>()) {
    WEFT_ASSIGN_OR_RETURN(const std::vector<std::string> found, io::MatchingPaths(pattern));
    all.insert(all.end(), found.begin(), found.end());
  }
  std::sort(all.begin(), all.end());
  WEFT_ASSIGN_OR_RETURN(Array * out,
                        ctx.AllocateOutput(0, Shape({static_cast<int64_t>(all.size())})));
  std::move(all.begin(), all.end(), out->mutable_data<std::string>());
  return absl::OkStatus();
}

absl::Status ReadWholeFile(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(WantScalar(ctx, 0, "filename"));
  WEFT_ASSIGN_OR_RETURN(std::string contents, ReadFile(*ctx.input(0).data<std::string>()));
  return SetText(ctx, std::move(contents));
}

absl::Status WriteWholeFile(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(WantScalar(ctx, 0, "filename"));
  WEFT_RETURN_IF_ERROR(WantScalar(ctx, 1, "contents"));
  const std::string& path = *ctx.input(0).data<std::string>();
  const std::string folder(io::Dirname(path));
  if (!folder.empty()) WEFT_RETURN_IF_ERROR(io::CreateFolders(folder));
  return WriteFileAtomically(path, *ctx.input(1).data<std::string>());
}

}  // namespace

void RegisterFileKernels(KernelRegistry& kernels) {
  kernels.Add("ShardedFilename", kCpu, {}, ShardedFilename);
  kernels.Add("ShardedFilespec", kCpu, {}, ShardedFilespec);
  kernels.Add("MatchingFiles", kCpu, {}, MatchingFiles);
  kernels.Add("ReadFile", kCpu, {}, ReadWholeFile);
  kernels.Add("WriteFile", kCpu, {}, WriteWholeFile);
}

}  // namespace weft
