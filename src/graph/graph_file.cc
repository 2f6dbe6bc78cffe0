// SPDX-License-Identifier: Apache-2.0
#include "src/graph/graph_file.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "src/core/parallel.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "src/graph/wire.h"
#include "src/io/file_system.h"
#include "weft/graph/import_serialized.h"

namespace weft {
namespace {

using wire::kLengthDelimited, wire::Field, wire::FieldReader, wire::OnlyField, wire::Replaced,
    wire::AppendField;

// Contents of fewer bytes are left to the parser.
constexpr size_t kLargeContent = 4096;

// Field numbers.
constexpr uint32_t kGraphNode = 1, kNodeName = 1, kNodeOp = 2, kNodeAttr = 5;
constexpr uint32_t kEntryKey = 1, kEntryValue = 2, kAttrTensor = 8, kTensorContent = 4;

// A Const node and where the bytes of its value are.
struct LargeConst {
  std::string_view name, tensor, content;
};

std::optional<LargeConst> FindContent(std::string_view node, std::string_view* value_entry) {
  const auto op = OnlyField(node, kNodeOp), name = OnlyField(node, kNodeName);
  if (!op || *op != "Const" || !name) return std::nullopt;
  FieldReader reader(node);
  LargeConst found;
  for (Field f; reader.Next(&f);) {
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

// A graph that was read, without a message of its nodes.
struct LoadedGraph {
  GraphView view;  // of the source's bytes, and
  ConstValues values;
  std::deque<std::string> thin_nodes;  // those whose contents went to `values`
};

class Loader {
 public:
  Loader(const ContentSource& source, LoadedGraph* graph)
      : source_(source), bytes_(source.bytes), copies_(source), graph_(*graph) {}

  absl::Status Load() {
    std::string rest;
    bool valid = true;
    FieldReader reader(bytes_);
    for (Field f; reader.Next(&f);) {
      if (f.number != kGraphNode || f.wire_type != kLengthDelimited) {
        rest.append(f.whole);
        continue;
      }
      if (f.payload.size() >= kLargeContent) {
        WEFT_ASSIGN_OR_RETURN(const bool taken, TakeContent(f.payload, &valid));
        if (taken) continue;
      }
      valid = valid && graph_.view.AddField(f.whole, f.payload);
    }
    if (valid && reader.at_group()) return LoadWhole();
    if (!valid || !reader.ok() || !graph_.view.SetRest(rest)) return Invalid();
    return copies_.Run();
  }

 private:
  absl::Status LoadWhole() {
    graph_.values.clear();
    return graph_.view.SetWhole(bytes_) ? absl::OkStatus() : Invalid();
  }
  absl::Status Invalid() const {
    return absl::DataLossError(StrCat(source_.label, "Invalid GraphDef: these ", bytes_.size(),
                                      " bytes are no serialised GraphDef"));
  }

  // Moves the content of a large constant to the graph's values, and adds what is left of the node.
  absl::StatusOr<bool> TakeContent(std::string_view node, bool* valid) {
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
    const auto [named, is_new] = graph_.values.emplace(std::string(found->name), *std::move(value));
    if (!is_new) {
      return absl::InvalidArgumentError(StrCat("Node '", found->name, "' is not unique"));
    }
    const auto old_attr = OnlyField(entry, kEntryValue);
    const std::string attr = Replaced(*old_attr, kAttrTensor, tensor);
    const std::string thin_entry = Replaced(entry, kEntryValue, attr);
    std::string& thin_node = graph_.thin_nodes.emplace_back();
    FieldReader reader(node);
    for (Field f; reader.Next(&f);) {
      if (f.payload.data() == entry.data()) {
        AppendField(kNodeAttr, thin_entry, &thin_node);
      } else {
        thin_node.append(f.whole);
      }
    }
    *valid = *valid && graph_.view.AddNode(thin_node, &named->second);
    return true;
  }

  const ContentSource& source_;
  std::string_view bytes_;
  Copies copies_;
  LoadedGraph& graph_;
};

// A file that is being read. Only the pages around the contents of its map are touched.
struct OpenFile {
  std::unique_ptr<io::RandomAccessFile> file;
  std::unique_ptr<io::MappedFile> map;
  ContentSource source;
};

absl::StatusOr<OpenFile> OpenGraphFile(const std::string& path) {
  OpenFile open;
  WEFT_ASSIGN_OR_RETURN(open.file, io::RandomAccessFile::Open(path));
  WEFT_ASSIGN_OR_RETURN(open.map, io::MappedFile::Open(path));
  open.source = {open.map->bytes(), open.file.get(), StrCat(path, ": ")};
  return open;
}

}  // namespace

absl::StatusOr<GraphFile> ReadGraphFile(const std::string& path) {
  WEFT_ASSIGN_OR_RETURN(const OpenFile open, OpenGraphFile(path));
  LoadedGraph loaded;
  WEFT_RETURN_IF_ERROR(Loader(open.source, &loaded).Load());
  return GraphFile{loaded.view.ToMessage(), std::move(loaded.values)};
}

absl::StatusOr<ImportResult> ImportGraphFile(const std::string& path, const ImportOptions& options,
                                             GraphImpl& graph) {
  WEFT_ASSIGN_OR_RETURN(const OpenFile open, OpenGraphFile(path));
  LoadedGraph loaded;
  WEFT_RETURN_IF_ERROR(Loader(open.source, &loaded).Load());
  return ImportView(loaded.view, options, graph);
}

ImportResult ImportSerializedGraph(std::string_view bytes, const ImportOptions& options,
                                   const Graph& graph) {
  const ContentSource source{bytes, nullptr, {}};
  LoadedGraph loaded;
  ThrowIfError(Loader(source, &loaded).Load());
  return ValueOrThrow(ImportView(loaded.view, options, graph.impl()));
}

}  // namespace weft
