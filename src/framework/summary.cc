// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/summary.h"

#include <cctype>

#include "proto/weft/summary.pb.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/nodes.h"

namespace weft::summary {
namespace {

// Only letters, digits and "_.-/", no slash in front.
std::string CleanTag(const std::string& name) {
  std::string clean = name.substr(std::min(name.find_first_not_of('/'), name.size()));
  for (char& c : clean) {
    const bool fits =
        std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-' || c == '/';
    if (!fits) c = '_';
  }
  return clean;
}

void Collect(const Tensor& t, const std::vector<std::string>& collections) {
  for (const std::string& c : collections) t.graph().AddToCollection(c, {t});
}

// Adds one summary node: `build` is given the tag and the scope, which is the node's name.
template <typename F>
Tensor InSummaryScope(const std::string& name, const Input& value, const std::string& family,
                      const std::string& default_name,
                      const std::optional<std::vector<std::string>>& collections, F&& build) {
  const GraphScope use(value.is_tensor() ? value.source().graph() : Graph::Default());
  std::string base = CleanTag(name), group = CleanTag(family);
  if (base.empty()) base = default_name;
  const NameScope scope(group.empty() ? base : StrCat(group, "/", base));
  std::string tag = scope.name();
  while (!tag.empty() && tag.back() == '/') tag.pop_back();
  if (!group.empty()) tag = StrCat(group, "/", tag);
  const Tensor t = build(tag, scope.name());
  Collect(t, collections ? *collections : std::vector<std::string>{GraphKeys::kSummaries});
  return t;
}

}  // namespace

Tensor Scalar(const std::string& name, const Input& tensor, const SummaryOptions& options) {
  return InSummaryScope(name, tensor, options.family, "ScalarSummary", options.collections,
                        [&](const std::string& tag, const std::string& scope) {
                          return internal::Op("ScalarSummary", {tag, tensor}, scope);
                        });
}

Tensor Histogram(const std::string& name, const Input& values, const SummaryOptions& options) {
  return InSummaryScope(name, values, options.family, "HistogramSummary", options.collections,
                        [&](const std::string& tag, const std::string& scope) {
                          return internal::Op("HistogramSummary", {tag, values}, scope);
                        });
}

Tensor TensorSummary(const std::string& name, const Input& tensor,
                     const TensorSummaryOptions& options) {
  return InSummaryScope(
      name, tensor, options.family, "TensorSummaryV2", options.collections,
      [&](const std::string& tag, const std::string& scope) {
        return internal::Op("TensorSummaryV2", {tag, tensor, options.metadata}, scope);
      });
}

Tensor Text(const std::string& name, const Input& text, const SummaryOptions& options) {
  if (text.dtype() != kString)
    ThrowError(Code::kInvalidArgument, StrCat("Expected tensor ", name,
                                              " to have dtype string, "
                                              "got ",
                                              DTypeName(text.dtype())));
  proto::SummaryMetadata metadata;
  metadata.mutable_plugin_data()->set_plugin_name("text");
  return TensorSummary(name, text,
                       {.metadata = metadata.SerializeAsString(),
                        .collections = options.collections,
                        .family = options.family});
}

Tensor Merge(const std::vector<Tensor>& summaries, const MergeOptions& options) {
  if (summaries.empty())
    ThrowError(Code::kInvalidArgument, "Merge: there are no summaries to merge");
  const GraphScope use(summaries[0].graph());
  const std::string name = CleanTag(options.name);
  const NameScope scope(name.empty() ? "Merge" : name);
  const Tensor t =
      OpBuilder("MergeSummary", name).InList({summaries.begin(), summaries.end()}).Output();
  Collect(t, options.collections);
  return t;
}

Tensor MergeAll(std::string_view key, std::string_view scope, const NameOptions& name) {
  std::vector<Tensor> summaries;
  for (const CollectionItem& item : Graph::Default().GetCollection(key, scope)) {
    const Tensor* t = std::get_if<Tensor>(&item.value);
    if (!t)
      ThrowError(Code::kInvalidArgument,
                 StrCat("collection '", key, "' holds something that is no tensor"));
    summaries.push_back(*t);
  }
  if (summaries.empty()) return Tensor();
  return Merge(summaries, {.name = name.name});
}

}  // namespace weft::summary
