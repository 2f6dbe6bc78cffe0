// SPDX-License-Identifier: Apache-2.0
// Checkpoints of version 2 ("tensor bundles"): an index table "<prefix>.index" and data files
// "<prefix>.data-00000-of-00001". Byte by byte: README.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/io/checkpoint.h"
#include "src/io/file_system.h"

namespace weft::io {

// "<prefix>.index", "<prefix>.data-00001-of-00003".
std::string BundleIndexName(std::string_view prefix);
std::string BundleDataName(std::string_view prefix, int shard, int num_shards);

// NotFound, DataLoss, InvalidArgument for a version of another time, Unimplemented for files of
// big-endian machines.
absl::StatusOr<std::unique_ptr<CheckpointFile>> OpenBundle(const std::string& prefix,
                                                           const VariantCodec& variants = {});

// Writes a bundle of one data file:
//
//   auto writer = BundleWriter::Create("/models/m.ckpt");
//   writer->Add("w", w); writer->AddSlice("emb", {10, 4}, slice, rows); writer->Finish();
//
// All is written under temporary names and reaches the disk before Finish gives the files their
// names, the index last; a writer that goes without Finish leaves nothing behind. Not thread-safe.
class BundleWriter {
 public:
  struct Options {
    // Tensors begin at multiples of this many bytes.
    int data_alignment = 1;
    VariantCodec variants = {};
    // Values stay as they are until Finish, which writes those that are not small, all at once by
    // all threads.
    bool values_stay = false;
  };
  // Makes the folder if need be.
  static absl::StatusOr<std::unique_ptr<BundleWriter>> Create(const std::string& prefix,
                                                              Options options);
  ~BundleWriter();
  BundleWriter(const BundleWriter&) = delete;
  BundleWriter& operator=(const BundleWriter&) = delete;

  // InvalidArgument for a key that was added already or is empty.
  absl::Status Add(std::string_view key, const Array& value);
  // The part `slice` of a tensor of shape `full_shape`; other parts may be in this bundle too or in
  // one that is merged with it.
  absl::Status AddSlice(std::string_view key, const Shape& full_shape, const TensorSlice& slice,
                        const Array& value);
  absl::Status Finish();

 private:
  struct Entries;
  BundleWriter(std::string prefix, Options options, std::unique_ptr<WritableFile> data);
  absl::Status WriteValue(const Array& value, uint32_t* crc);
  absl::Status Append(std::string_view bytes, uint32_t* crc);
  absl::Status WriteDeferred();
  absl::Status Pad();

  std::string prefix_;
  Options options_;
  std::unique_ptr<WritableFile> data_;
  std::unique_ptr<Entries> entries_;
};

struct MergeOptions {
  // Deletes the folders of the parts too, if they are empty and not that of the result.
  bool delete_old_dirs = true;
  // Parts that aren't there are left out; one must be.
  bool allow_missing_files = false;
};
// Makes one bundle of several: renames their data files to shards of `merged_prefix`, writes one
// index and deletes theirs.
absl::Status MergeBundles(const std::vector<std::string>& prefixes,
                          const std::string& merged_prefix, const MergeOptions& options);

}  // namespace weft::io
