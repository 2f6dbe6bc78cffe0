// SPDX-License-Identifier: Apache-2.0
#include "tests/tensorflow/expected.h"

#include "proto/weft/meta_graph.pb.h"
#include "proto/weft/named_tensor.pb.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "src/io/file.h"

namespace weft::for_tensorflow {
namespace {

void Add(const char* key, const NamedArrays& arrays, proto::MetaGraphDef* to) {
  auto* list = (*to->mutable_collection_def())[key].mutable_bytes_list();
  for (const auto& [name, value] : arrays) {
    proto::NamedTensorProto named;
    named.set_name(name);
    ArrayToProto(value, named.mutable_tensor());
    list->add_value(SerializeProto(named));
  }
}

void Add(const char* key, const std::vector<std::string>& texts, proto::MetaGraphDef* to) {
  if (texts.empty()) return;
  auto* list = (*to->mutable_collection_def())[key].mutable_bytes_list();
  for (const std::string& text : texts) list->add_value(text);
}

}  // namespace

void WriteExpected(const std::filesystem::path& folder, const std::string& kind,
                   const std::string& file, const Expected& expected) {
  proto::MetaGraphDef container;
  Add("feeds", expected.feeds, &container);
  Add("expected", expected.expected, &container);
  Add("gradients", expected.gradients, &container);
  Add("slices", expected.slices, &container);
  Add("tags", expected.tags, &container);
  Add("signature", expected.signature, &container);
  auto& collections = *container.mutable_collection_def();
  auto* targets = collections["targets"].mutable_node_list();
  for (const std::string& target : expected.targets) targets->add_value(target);
  auto* tolerance = collections["tolerance"].mutable_float_list();
  tolerance->add_value(expected.rtol);
  tolerance->add_value(expected.atol);
  ThrowIfError(WriteFileAtomically((folder / "expected.pb").string(), SerializeProto(container)));
  ThrowIfError(
      WriteFileAtomically((folder / "about.json").string(),
                          StrCat("{\"kind\": \"", kind, "\", \"file\": \"", file, "\"}\n")));
}

}  // namespace weft::for_tensorflow
