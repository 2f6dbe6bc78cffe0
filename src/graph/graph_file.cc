// SPDX-License-Identifier: Apache-2.0
#include "src/graph/graph_file.h"

#include <google/protobuf/arena.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "src/core/parallel.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "src/io/file_system.h"
#include "weft/graph/import_serialized.h"

namespace weft {
namespace {

// Contents of fewer bytes are left to the parser.
constexpr size_t kLargeContent = 4096;

// Field numbers, and the one wire type that matters here.
constexpr uint32_t kGraphNode = 1, kNodeName = 1, kNodeOp = 2, kNodeAttr = 5;
constexpr uint32_t kEntryKey = 1, kEntryValue = 2, kAttrTensor = 8, kTensorContent = 4;
constexpr uint32_t kLengthDelimited = 2;

// The fields of a serialised message, one after the other.
class FieldReader {
 public:
  struct Field {
    uint32_t number = 0, wire_type = 0;
    std::string_view whole;    // with tag and length
    std::string_view payload;  // of a length-delimited field
  };
  explicit FieldReader(std::string_view bytes) : rest_(bytes) {}

  // False at the end, and if the bytes are no message: then ok() is false.
  bool Next(Field* f) {
    if (rest_.empty() || !ok_) return false;
    const char* const start = rest_.data();
    uint64_t tag = 0, length = 0;
    if (!(ok_ = TakeVarint(&tag) && tag >> 3 != 0 && tag >> 32 == 0)) return false;
    f->number = static_cast<uint32_t>(tag >> 3);
    f->wire_type = static_cast<uint32_t>(tag & 7);
    f->payload = {};
    switch (f->wire_type) {
      case 0:
        ok_ = TakeVarint(&length);
        length = 0;
        break;
      case 1:
        length = 8;
        break;
      case kLengthDelimited:
        ok_ = TakeVarint(&length);
        break;
      case 5:
        length = 4;
        break;
      default:
        ok_ = false;
    }
    if (!(ok_ = ok_ && length <= rest_.size())) return false;
    if (f->wire_type == kLengthDelimited) f->payload = rest_.substr(0, length);
    rest_.remove_prefix(length);
    f->whole = {start, static_cast<size_t>(rest_.data() - start)};
    return true;
  }
  bool ok() const { return ok_; }

 private:
  bool TakeVarint(uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  std::string_view rest_;
  bool ok_ = true;
};

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

void AppendField(uint32_t number, std::string_view payload, std::string* out) {
  AppendVarint(number << 3 | kLengthDelimited, out);
  AppendVarint(payload.size(), out);
  out->append(payload);
}

// The one field of this number. nullopt if there is none, or more: then the parser has to merge.
std::optional<std::string_view> OnlyField(std::string_view message, uint32_t number) {
  std::optional<std::string_view> found;
  FieldReader reader(message);
  for (FieldReader::Field f; reader.Next(&f);) {
    if (f.number != number || f.wire_type != kLengthDelimited) continue;
    if (found) return std::nullopt;
    found = f.payload;
  }
  return reader.ok() ? found : std::nullopt;
}

// A message with the only field of this number replaced, or left out if `payload` is nullopt.
std::string Replaced(std::string_view message, uint32_t number,
                     std::optional<std::string_view> payload) {
  std::string out;
  FieldReader reader(message);
  for (FieldReader::Field f; reader.Next(&f);) {
    if (f.number != number || f.wire_type != kLengthDelimited) {
      out.append(f.whole);
    } else if (payload) {
      AppendField(number, *payload, &out);
    }
  }
  return out;
}

// A Const node and where the bytes of its value are.
struct LargeConst {
  std::string_view name, tensor, content;
};

std::optional<LargeConst> FindContent(std::string_view node, std::string_view* value_entry) {
  const auto op = OnlyField(node, kNodeOp), name = OnlyField(node, kNodeName);
  if (!op || *op != "Const" || !name) return std::nullopt;
  FieldReader reader(node);
  LargeConst found;
  for (FieldReader::Field f; reader.Next(&f);) {
    if (f.number != kNodeAttr || f.wire_type != kLengthDelimited) continue;
    const auto key = OnlyField(f.payload, kEntryKey), value = OnlyField(f.payload, kEntryValue);
    if (!key || *key != "value" || !value) continue;
    if (found.content.data()) return std::nullopt;  // twice
    const auto tensor = OnlyField(*value, kAttrTensor);
    const auto content = tensor ? OnlyField(*tensor, kTensorContent) : std::nullopt;
    if (!content || content->size() < kLargeContent) return std::nullopt;
    found = {*name, *tensor, *content};
    *value_entry = f.payload;
  }
  return reader.ok() && found.content.data() ? std::optional(found) : std::nullopt;
}

// Where contents are copied from: bytes in memory, or the file that a map of it shows: reading it
// touches no page of the map.
struct ContentSource {
  std::string_view bytes;
  const io::RandomAccessFile* file = nullptr;  // null: bytes in memory
  std::string label;                           // for messages
};

// Contents that are still to be copied, as pieces of a size that several threads can share.
class Copies {
 public:
  explicit Copies(const ContentSource& source) : source_(source) {}
  void Add(uint64_t offset, void* to, size_t size) {
    for (size_t done = 0; done < size; done += kPiece) {
      pieces_.push_back(
          {offset + done, static_cast<char*>(to) + done, std::min(kPiece, size - done)});
    }
  }
  absl::Status Run() {
    std::mutex mu;
    absl::Status status;
    const auto copy = [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        absl::Status s = CopyOne(pieces_[static_cast<size_t>(i)]);
        if (s.ok()) continue;
        std::lock_guard lock(mu);
        status.Update(s);
      }
    };
    const auto n = static_cast<int64_t>(pieces_.size());
    // Little is copied sooner than threads are started.
    if (n < kPiecesForThreads) {
      copy(0, n);
    } else {
      ParallelFor(n, kPieceNanoseconds, copy);
    }
    return status;
  }

 private:
  static constexpr size_t kPiece = size_t{1} << 20;
  static constexpr int64_t kPiecesForThreads = 16;
  static constexpr double kPieceNanoseconds = 1e5;
  struct Piece {
    uint64_t offset;
    char* to;
    size_t size;
  };
  absl::Status CopyOne(const Piece& piece) const {
    if (source_.file) return source_.file->ReadExactlyAt(piece.offset, piece.to, piece.size);
    std::memcpy(piece.to, source_.bytes.data() + piece.offset, piece.size);
    return absl::OkStatus();
  }
  const ContentSource& source_;
  std::vector<Piece> pieces_;
};

class Loader {
 public:
  // What is left of the graph goes to `def`.
  Loader(const ContentSource& source, proto::GraphDef* def)
      : source_(source), bytes_(source.bytes), copies_(source), def_(def) {}

  absl::StatusOr<ConstValues> Load() {
    std::string thin;
    FieldReader reader(bytes_);
    for (FieldReader::Field f; reader.Next(&f);) {
      if (f.number == kGraphNode && f.payload.size() >= kLargeContent) {
        WEFT_ASSIGN_OR_RETURN(const bool taken, TakeContent(f.payload, &thin));
        if (taken) continue;
      }
      thin.append(f.whole);
    }
    if (!reader.ok() || !ParseProto(thin, def_)) {
      return absl::DataLossError(StrCat(source_.label, "Invalid GraphDef: these ", bytes_.size(),
                                        " bytes are no serialised GraphDef"));
    }
    WEFT_RETURN_IF_ERROR(copies_.Run());
    return std::move(values_);
  }

 private:
  // Moves the content of a large constant to `values`, and appends what is left of the node.
  absl::StatusOr<bool> TakeContent(std::string_view node, std::string* thin) {
    std::string_view entry;
    const std::optional<LargeConst> found = FindContent(node, &entry);
    if (!found) return false;
    const std::string tensor = Replaced(found->tensor, kTensorContent, std::nullopt);
    proto::TensorProto header;
    if (!ParseProto(tensor, &header)) return false;
    absl::StatusOr<Array> value = ArrayForContent(header, found->content.size());
    if (absl::IsUnimplemented(value.status())) return false;
    WEFT_RETURN_IF_ERROR(WithNode(value.status(), found->name, "Const"));
    const auto offset = static_cast<uint64_t>(found->content.data() - bytes_.data());
    copies_.Add(offset, value->raw_data(), found->content.size());
    if (!values_.emplace(std::string(found->name), *std::move(value)).second) {
      return absl::InvalidArgumentError(StrCat("Node '", found->name, "' is not unique"));
    }
    const auto old_attr = OnlyField(entry, kEntryValue);
    const std::string attr = Replaced(*old_attr, kAttrTensor, tensor);
    const std::string thin_entry = Replaced(entry, kEntryValue, attr);
    std::string thin_node;
    FieldReader reader(node);
    for (FieldReader::Field f; reader.Next(&f);) {
      if (f.payload.data() == entry.data()) {
        AppendField(kNodeAttr, thin_entry, &thin_node);
      } else {
        thin_node.append(f.whole);
      }
    }
    AppendField(kGraphNode, thin_node, thin);
    return true;
  }

  const ContentSource& source_;
  std::string_view bytes_;
  Copies copies_;
  proto::GraphDef* const def_;
  ConstValues values_;
};

}  // namespace

absl::StatusOr<GraphFile> ReadGraphFile(const std::string& path) {
  WEFT_ASSIGN_OR_RETURN(const auto file, io::RandomAccessFile::Open(path));
  // Only the pages around the contents are touched.
  WEFT_ASSIGN_OR_RETURN(const auto map, io::MappedFile::Open(path));
  const ContentSource source{map->bytes(), file.get(), StrCat(path, ": ")};
  GraphFile graph;
  WEFT_ASSIGN_OR_RETURN(graph.values, Loader(source, &graph.def).Load());
  return graph;
}

ImportResult ImportSerializedGraph(std::string_view bytes, const ImportOptions& options,
                                   const Graph& graph) {
  // Thousands of small messages are gone at once with their arena.
  google::protobuf::Arena arena;
  auto* def = google::protobuf::Arena::CreateMessage<proto::GraphDef>(&arena);
  const ContentSource source{bytes, nullptr, {}};
  const ConstValues values = ValueOrThrow(Loader(source, def).Load());
  return ValueOrThrow(ImportWithValues(*def, values, options, graph.impl()));
}

}  // namespace weft
