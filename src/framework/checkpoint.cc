// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/checkpoint.h"

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/variant_codec.h"
#include "src/io/bundle.h"
#include "src/io/checkpoint.h"

namespace weft::train {

CheckpointReader::CheckpointReader(const std::string& prefix)
    : file_(ValueOrThrow(io::OpenCheckpoint(prefix, CheckpointVariants()))) {}

bool CheckpointReader::HasTensor(std::string_view name) const {
  const absl::StatusOr<io::StoredTensor> found = file_->Find(name);
  if (absl::IsNotFound(found.status())) return false;
  ThrowIfError(found.status());
  return true;
}

std::map<std::string, Shape> CheckpointReader::GetVariableToShapeMap() const {
  std::map<std::string, Shape> shapes;
  for (const auto& [name, tensor] : ValueOrThrow(file_->List())) shapes[name] = tensor.shape;
  return shapes;
}

std::map<std::string, DataType> CheckpointReader::GetVariableToDtypeMap() const {
  std::map<std::string, DataType> dtypes;
  for (const auto& [name, tensor] : ValueOrThrow(file_->List())) dtypes[name] = tensor.dtype;
  return dtypes;
}

Array CheckpointReader::GetTensor(std::string_view name) const {
  return ValueOrThrow(file_->Read(name));
}

Array CheckpointReader::GetSlice(std::string_view name, std::string_view slice) const {
  return ValueOrThrow(file_->ReadSlice(name, ValueOrThrow(io::TensorSlice::Parse(slice))));
}

std::vector<std::string> CheckpointReader::GetSlices(std::string_view name) const {
  std::vector<std::string> texts;
  for (const io::TensorSlice& slice : ValueOrThrow(file_->Find(name)).slices)
    texts.push_back(slice.ToString());
  return texts;
}

std::string CheckpointReader::DebugString() const { return ValueOrThrow(file_->DebugString()); }

CheckpointWriter::CheckpointWriter(const std::string& prefix)
    : writer_(ValueOrThrow(io::BundleWriter::Create(prefix, {.variants = CheckpointVariants()}))) {}
CheckpointWriter::~CheckpointWriter() = default;
CheckpointWriter::CheckpointWriter(CheckpointWriter&&) noexcept = default;
CheckpointWriter& CheckpointWriter::operator=(CheckpointWriter&&) noexcept = default;

void CheckpointWriter::Write(std::string_view name, const Array& value) {
  ThrowIfError(writer_->Add(name, value));
}

void CheckpointWriter::WriteSlice(std::string_view name, const Shape& full_shape,
                                  std::string_view slice, const Array& value) {
  ThrowIfError(
      writer_->AddSlice(name, full_shape, ValueOrThrow(io::TensorSlice::Parse(slice)), value));
}

void CheckpointWriter::Finish() { ThrowIfError(writer_->Finish()); }

CheckpointReader LoadCheckpoint(const std::string& folder_or_prefix) {
  const absl::StatusOr<io::FileInfo> info = io::GetFileInfo(folder_or_prefix);
  if (!info.ok() || !info->is_folder) return CheckpointReader(folder_or_prefix);
  const std::string latest = LatestCheckpoint(folder_or_prefix);
  if (latest.empty()) {
    ThrowError(Code::kNotFound,
               StrCat("Couldn't find 'checkpoint' file or checkpoints in given directory ",
                      folder_or_prefix));
  }
  return CheckpointReader(latest);
}

std::vector<std::pair<std::string, Shape>> ListVariables(const std::string& folder_or_prefix) {
  const std::map<std::string, Shape> shapes =
      LoadCheckpoint(folder_or_prefix).GetVariableToShapeMap();
  return {shapes.begin(), shapes.end()};
}

Array LoadVariable(const std::string& folder_or_prefix, std::string_view name) {
  if (name.ends_with(":0")) name.remove_suffix(2);
  return LoadCheckpoint(folder_or_prefix).GetTensor(name);
}

}  // namespace weft::train
