// SPDX-License-Identifier: Apache-2.0
#include "src/io/checkpoint_v1.h"

#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "proto/weft/saved_tensor_slice.pb.h"
#include "src/core/strings.h"
#include "src/io/bundle_format.h"
#include "src/io/table.h"
#include "weft/core/complex.h"
#include "weft/core/status_macros.h"

namespace weft::io {
namespace {

using proto::SavedTensorSlices;
using proto::TensorProto;

constexpr int kVersion = 1;
// The key of the list of tensors.
constexpr std::string_view kMetaKey = "";

// ---- Elements as the typed fields of a TensorProto ----------------------------------------------

template <typename T>
constexpr bool kIsBits16 = std::is_same_v<T, half> || std::is_same_v<T, bfloat16>;

// What a field holds of an element, as it is or as a number that it is cast to.
template <typename T, typename Field>
T FromField(const Field& v) {
  if constexpr (kIsBits16<T>) {
    return T::FromBits(static_cast<uint16_t>(v));
  } else if constexpr (std::is_same_v<T, std::string>) {
    return v;
  } else {
    return static_cast<T>(v);
  }
}

// One field value an element; for complex numbers two.
template <typename T, typename List>
absl::Status ReadList(const List& list, Array* out) {
  std::span<T> to = out->mutable_values<T>();
  if (static_cast<size_t>(list.size()) != to.size()) {
    return absl::DataLossError(StrCat("a slice has ", list.size(), " values, not ", to.size()));
  }
  for (size_t i = 0; i < to.size(); ++i) to[i] = FromField<T>(list.Get(static_cast<int>(i)));
  return absl::OkStatus();
}
template <typename Part, typename List>
absl::Status ReadPairs(const List& list, Array* out) {
  const auto n = static_cast<size_t>(out->num_elements());
  if (static_cast<size_t>(list.size()) / 2 != n || list.size() % 2 != 0)
    return absl::DataLossError(StrCat("a slice has ", list.size(), " parts, not 2 x ", n));
  std::memcpy(out->raw_data(), list.data(), 2 * n * sizeof(Part));
  return absl::OkStatus();
}

template <typename T, typename List>
absl::Status WriteList(const Array& value, List* list) {
  for (const T& v : value.values<T>()) {
    if constexpr (kIsBits16<T>) {
      list->Add(v.bits);
    } else if constexpr (std::is_same_v<T, std::string>) {
      *list->Add() = v;
    } else {
      list->Add(v);
    }
  }
  return absl::OkStatus();
}
template <typename Part, typename List>
absl::Status WritePairs(const Array& value, List* list) {
  const auto* parts = static_cast<const Part*>(value.raw_data());
  list->Add(parts, parts + 2 * value.num_elements());
  return absl::OkStatus();
}

absl::Status NoField(DataType dtype) {
  return absl::UnimplementedError(
      StrCat("Data type ", DTypeName(dtype), " is not supported by checkpoints of version 1"));
}

absl::Status ElementsFromProto(const TensorProto& p, Array* out) {
  switch (out->dtype()) {
    case kFloat32:
      return ReadList<float>(p.float_val(), out);
    case kFloat64:
      return ReadList<double>(p.double_val(), out);
    case kInt64:
      return ReadList<int64_t>(p.int64_val(), out);
    case kInt32:
      return ReadList<int32_t>(p.int_val(), out);
    case kInt16:
      return ReadList<int16_t>(p.int_val(), out);
    case kInt8:
      return ReadList<int8_t>(p.int_val(), out);
    case kUint16:
      return ReadList<uint16_t>(p.int_val(), out);
    case kUint8:
      return ReadList<uint8_t>(p.int_val(), out);
    case kQint32:
      return ReadList<qint32>(p.int_val(), out);
    case kQint16:
      return ReadList<qint16>(p.int_val(), out);
    case kQint8:
      return ReadList<qint8>(p.int_val(), out);
    case kQuint16:
      return ReadList<quint16>(p.int_val(), out);
    case kQuint8:
      return ReadList<quint8>(p.int_val(), out);
    case kUint32:
      return ReadList<uint32_t>(p.uint32_val(), out);
    case kUint64:
      return ReadList<uint64_t>(p.uint64_val(), out);
    case kBool:
      return ReadList<bool>(p.bool_val(), out);
    case kFloat16:
      return ReadList<half>(p.half_val(), out);
    case kBfloat16:
      return ReadList<bfloat16>(p.half_val(), out);
    case kString:
      return ReadList<std::string>(p.string_val(), out);
    case kComplex64:
      return ReadPairs<float>(p.scomplex_val(), out);
    case kComplex128:
      return ReadPairs<double>(p.dcomplex_val(), out);
    default:
      return NoField(out->dtype());
  }
}

absl::Status ElementsToProto(const Array& value, TensorProto* p) {
  switch (value.dtype()) {
    case kFloat32:
      return WriteList<float>(value, p->mutable_float_val());
    case kFloat64:
      return WriteList<double>(value, p->mutable_double_val());
    case kInt64:
      return WriteList<int64_t>(value, p->mutable_int64_val());
    case kInt32:
      return WriteList<int32_t>(value, p->mutable_int_val());
    case kInt16:
      return WriteList<int16_t>(value, p->mutable_int_val());
    case kInt8:
      return WriteList<int8_t>(value, p->mutable_int_val());
    case kUint16:
      return WriteList<uint16_t>(value, p->mutable_int_val());
    case kUint8:
      return WriteList<uint8_t>(value, p->mutable_int_val());
    case kQint32:
      return WriteList<qint32>(value, p->mutable_int_val());
    case kQint16:
      return WriteList<qint16>(value, p->mutable_int_val());
    case kQint8:
      return WriteList<qint8>(value, p->mutable_int_val());
    case kQuint16:
      return WriteList<quint16>(value, p->mutable_int_val());
    case kQuint8:
      return WriteList<quint8>(value, p->mutable_int_val());
    case kUint32:
    case kUint64:  // read, but TensorFlow writes neither
      return absl::InvalidArgumentError(StrCat(
          "Tensor slice serialization not implemented for dtype ", DTypeName(value.dtype())));
    case kBool:
      return WriteList<bool>(value, p->mutable_bool_val());
    case kFloat16:
      return WriteList<half>(value, p->mutable_half_val());
    case kString:
      return WriteList<std::string>(value, p->mutable_string_val());
    case kComplex64:
      return WritePairs<float>(value, p->mutable_scomplex_val());
    case kComplex128:
      return WritePairs<double>(value, p->mutable_dcomplex_val());
    default:
      return NoField(value.dtype());
  }
}

// ---- Reading ------------------------------------------------------------------------------------

class CheckpointV1 : public CheckpointFile {
 public:
  absl::Status AddShard(const std::string& path);

  std::string_view format() const override { return "V1"; }
  absl::StatusOr<std::map<std::string, StoredTensor>> List() const override {
    std::map<std::string, StoredTensor> all;
    for (const auto& [name, tensor] : tensors_) all.emplace(name, AsListed(tensor.stored));
    return all;
  }
  absl::StatusOr<StoredTensor> Find(std::string_view name) const override {
    WEFT_ASSIGN_OR_RETURN(const Entry* entry, FindEntry(name));
    return AsListed(entry->stored);
  }
  absl::StatusOr<Array> Read(std::string_view name) const override {
    WEFT_ASSIGN_OR_RETURN(const Entry* entry, FindEntry(name));
    return ReadSlice(name, TensorSlice(entry->stored.shape.rank()));
  }
  absl::StatusOr<Array> ReadSlice(std::string_view name, const TensorSlice& slice) const override;
  absl::StatusOr<std::string> DebugString() const override;

 private:
  struct Entry {
    StoredTensor stored;
    std::vector<const TableReader*> files;  // of each slice
  };
  // A single slice that is all is no slice.
  static StoredTensor AsListed(StoredTensor stored) {
    if (stored.slices.size() == 1 && stored.slices[0].IsFull()) stored.slices.clear();
    return stored;
  }
  absl::StatusOr<const Entry*> FindEntry(std::string_view name) const {
    const auto found = tensors_.find(name);
    if (found != tensors_.end()) return &found->second;
    return absl::NotFoundError(StrCat("Key ", name, " not found in checkpoint"));
  }
  absl::Status AddTensor(const TableReader* file, const proto::SavedSliceMeta& meta);
  absl::StatusOr<Array> ReadStored(std::string_view name, const Entry& entry, size_t i) const;

  std::vector<std::unique_ptr<TableReader>> shards_;
  std::map<std::string, Entry, std::less<>> tensors_;
};

absl::Status CheckpointV1::AddShard(const std::string& path) {
  absl::StatusOr<std::unique_ptr<TableReader>> table =
      TableReader::Open(path, {.keep_blocks = false});
  if (!table.ok()) {
    return absl::DataLossError(StrCat("Unable to open table file ", path, ": ",
                                      table.status().message(),
                                      ": perhaps your file is in a different file format and you "
                                      "need to use a different restore operator?"));
  }
  WEFT_ASSIGN_OR_RETURN(const std::optional<std::string> value, (*table)->Get(kMetaKey));
  SavedTensorSlices message;
  if (!value || !message.ParseFromString(*value)) {
    return absl::InternalError(
        StrCat("Failed to find the saved tensor slices at the beginning of "
               "the checkpoint file: ",
               path));
  }
  WEFT_RETURN_IF_ERROR(CheckVersion(message.meta().versions(), kVersion));
  for (const proto::SavedSliceMeta& meta : message.meta().tensor())
    WEFT_RETURN_IF_ERROR(AddTensor(table->get(), meta));
  shards_.push_back(*std::move(table));
  return absl::OkStatus();
}

absl::Status CheckpointV1::AddTensor(const TableReader* file, const proto::SavedSliceMeta& meta) {
  WEFT_ASSIGN_OR_RETURN(const Shape shape, StoredShape(meta.name(), meta.shape()));
  WEFT_ASSIGN_OR_RETURN(const DataType dtype, StoredDType(meta.name(), meta.type()));
  const auto [found, added] = tensors_.try_emplace(meta.name());
  Entry& entry = found->second;
  if (added) {
    entry.stored.shape = shape;
    entry.stored.dtype = dtype;
  } else if (entry.stored.shape != shape || entry.stored.dtype != dtype) {
    return absl::InternalError(StrCat("Incompatible tensor shapes or dtypes detected for tensor ",
                                      meta.name(), ": existing = ", entry.stored.shape.ToString(),
                                      ", new = ", shape.ToString()));
  }
  for (const auto& slice : meta.slice()) {
    WEFT_ASSIGN_OR_RETURN(TensorSlice parsed, TensorSlice::FromProto(slice));
    WEFT_RETURN_IF_ERROR(parsed.ShapeOf(shape).status());
    entry.stored.slices.push_back(std::move(parsed));
    entry.files.push_back(file);
  }
  return absl::OkStatus();
}

absl::StatusOr<Array> CheckpointV1::ReadStored(std::string_view name, const Entry& entry,
                                               size_t i) const {
  const TensorSlice& slice = entry.stored.slices[i];
  const TableReader& file = *entry.files[i];
  auto corrupt = [&](std::string_view what) {
    return absl::DataLossError(
        StrCat(file.path(), ": slice ", slice.ToString(), " of ", name, ": ", what));
  };
  WEFT_ASSIGN_OR_RETURN(const std::optional<std::string> value, file.Get(SliceKey(name, slice)));
  if (!value) return corrupt("is listed but not there");
  SavedTensorSlices message;
  if (!message.ParseFromString(*value)) return corrupt("can't be parsed");
  WEFT_ASSIGN_OR_RETURN(const Shape shape, slice.ShapeOf(entry.stored.shape));
  // Every element takes a byte of the message at least.
  if (static_cast<uint64_t>(shape.num_elements()) > value->size())
    return corrupt(StrCat("has ", value->size(), " bytes for ", shape.num_elements(), " values"));
  WEFT_ASSIGN_OR_RETURN(Array out, NewArray(entry.stored.dtype, shape));
  const absl::Status status = ElementsFromProto(message.data().data(), &out);
  if (!status.ok()) return absl::Status(status.code(), corrupt(StrCat(status.message())).message());
  return out;
}

absl::StatusOr<Array> CheckpointV1::ReadSlice(std::string_view name,
                                              const TensorSlice& slice) const {
  WEFT_ASSIGN_OR_RETURN(const Entry* entry, FindEntry(name));
  const StoredTensor& stored = entry->stored;
  WEFT_ASSIGN_OR_RETURN(const Shape shape, slice.ShapeOf(stored.shape));
  // An empty tensor shares elements with none of its slices; it has no value to read.
  if (shape.num_elements() == 0) return NewArray(stored.dtype, shape);
  WEFT_ASSIGN_OR_RETURN(const std::vector<size_t> needed,
                        SlicesThatCover(stored.slices, slice, stored.shape, name));
  // All parts first: then the memory of the result is in proportion to bytes that are there.
  std::vector<Array> parts;
  for (const size_t i : needed) {
    WEFT_ASSIGN_OR_RETURN(Array part, ReadStored(name, *entry, i));
    parts.push_back(std::move(part));
  }
  if (parts.size() == 1 && parts[0].shape() == shape) return parts[0];
  WEFT_ASSIGN_OR_RETURN(Array out, NewArray(stored.dtype, shape));
  for (size_t i = 0; i < parts.size(); ++i)
    CopyCommonElements(parts[i], stored.slices[needed[i]], &out, slice, stored.shape);
  return out;
}

absl::StatusOr<std::string> CheckpointV1::DebugString() const {
  std::string text;
  for (const auto& [name, tensor] : tensors_) {
    const StoredTensor& stored = tensor.stored;
    StrAppend(&text, name, " (", proto::DataType_Name(static_cast<proto::DataType>(stored.dtype)),
              ") ", stored.shape.ToString());
    if (stored.slices.size() > 1) StrAppend(&text, ", ", stored.slices.size(), " slices");
    StrAppend(&text, "\n");
  }
  return text;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CheckpointFile>> OpenCheckpointV1(const std::string& pattern) {
  WEFT_ASSIGN_OR_RETURN(const std::vector<std::string> paths, MatchingPaths(pattern));
  if (paths.empty()) {
    return absl::NotFoundError(
        StrCat("Unsuccessful TensorSliceReader constructor: Failed to find any matching files for ",
               pattern));
  }
  auto checkpoint = std::make_unique<CheckpointV1>();
  for (const std::string& path : paths) WEFT_RETURN_IF_ERROR(checkpoint->AddShard(path));
  return std::unique_ptr<CheckpointFile>(std::move(checkpoint));
}

// ---- Writing ------------------------------------------------------------------------------------

CheckpointV1Writer::CheckpointV1Writer(std::string path)
    : path_(std::move(path)), meta_(std::make_unique<proto::SavedTensorSliceMeta>()) {
  meta_->mutable_versions()->set_producer(kVersion);
}
CheckpointV1Writer::~CheckpointV1Writer() = default;

absl::Status CheckpointV1Writer::Add(std::string_view name, const Shape& full_shape,
                                     const TensorSlice& slice, const Array& value) {
  WEFT_ASSIGN_OR_RETURN(const Shape shape, slice.ShapeOf(full_shape));
  const auto dtype = static_cast<proto::DataType>(value.dtype());
  if (shape != value.shape()) {
    return absl::InvalidArgumentError(StrCat("Key ", name, ": slice ", slice.ToString(), " of ",
                                             full_shape.ToString(), " is not of shape ",
                                             value.shape().ToString()));
  }
  if (!google::protobuf::internal::IsStructurallyValidUTF8(name.data(),
                                                           static_cast<int>(name.size())))
    return absl::InvalidArgumentError(
        "Checkpoints of version 1 can't have names that are not UTF-8");
  SavedTensorSlices message;
  proto::SavedSlice* data = message.mutable_data();
  data->set_name(std::string(name));
  slice.ToProto(data->mutable_slice());
  data->mutable_data()->set_dtype(dtype);
  WEFT_RETURN_IF_ERROR(ElementsToProto(value, data->mutable_data()));
  const auto [found, added] = index_.try_emplace(std::string(name), meta_->tensor_size());
  proto::SavedSliceMeta* tensor =
      added ? meta_->add_tensor() : meta_->mutable_tensor(found->second);
  if (added) {
    tensor->set_name(std::string(name));
    ShapeToStored(full_shape, tensor->mutable_shape());
    tensor->set_type(dtype);
  }
  WEFT_ASSIGN_OR_RETURN(const Shape before, StoredShape(name, tensor->shape()));
  if (before != full_shape || tensor->type() != dtype) {
    return absl::InvalidArgumentError(
        StrCat("Key ", name, ": its slices are of several dtypes or full shapes"));
  }
  std::string bytes;
  if (!message.SerializeToString(&bytes))
    return absl::InvalidArgumentError(StrCat("Tensor slice is too large to serialize: ", name));
  if (!data_.emplace(SliceKey(name, slice), std::move(bytes)).second)
    return absl::InvalidArgumentError(StrCat("Adding duplicate key: ", name));
  slice.ToProto(tensor->add_slice());
  return absl::OkStatus();
}

absl::Status CheckpointV1Writer::Finish() {
  SavedTensorSlices message;
  *message.mutable_meta() = *meta_;
  data_[std::string(kMetaKey)] = message.SerializeAsString();
  return WriteTable(path_, data_);
}

}  // namespace weft::io
