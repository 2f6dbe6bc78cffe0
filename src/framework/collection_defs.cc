// SPDX-License-Identifier: Apache-2.0
#include "src/framework/collection_defs.h"

#include <map>

#include "proto/weft/saver.pb.h"
#include "src/core/status.h"
#include "src/framework/saver_proto.h"
#include "src/graph/control_flow_def.h"
#include "src/graph/proto_convert.h"
#include "weft/framework/saver.h"
#include "weft/framework/variable.h"

namespace weft::train::saving {
namespace {

std::optional<std::string> VariableToBytes(const std::shared_ptr<void>& object,
                                           const std::string& export_scope) {
  std::string bytes =
      Variable(std::static_pointer_cast<Variable::Data>(object)).ToVariableDef(export_scope);
  if (bytes.empty()) return std::nullopt;
  return bytes;
}
std::shared_ptr<void> VariableFromBytes(std::string_view bytes, const std::string& import_scope,
                                        const Graph& graph) {
  return Variable::FromVariableDef(bytes, import_scope, graph).data();
}

std::optional<std::string> SaverToBytes(const std::shared_ptr<void>& object,
                                        const std::string& export_scope) {
  SaverDef def = Saver(std::static_pointer_cast<Saver::State>(object)).AsSaverDef();
  for (std::string* name :
       {&def.filename_tensor_name, &def.save_tensor_name, &def.restore_op_name}) {
    if (!name->starts_with(export_scope)) return std::nullopt;
    name->erase(0, export_scope.size());
  }
  proto::SaverDef message;
  SaverDefToProto(def, &message);
  return SerializeProto(message);
}
std::shared_ptr<void> SaverFromBytes(std::string_view bytes, const std::string& import_scope,
                                     const Graph&) {
  proto::SaverDef def;
  if (!ParseProto(bytes, &def)) ThrowError(Code::kDataLoss, "the bytes are no SaverDef");
  return Saver::FromDef(SaverDefFromProto(def), import_scope).state();
}

template <typename Context>
std::optional<std::string> ContextBytes(const std::shared_ptr<void>& object,
                                        const std::string& export_scope) {
  return ContextToBytes(*std::static_pointer_cast<Context>(object), export_scope);
}
// Scopes are given with a slash at the end here.
std::string_view WithoutSlash(std::string_view scope) {
  if (scope.ends_with('/')) scope.remove_suffix(1);
  return scope;
}
std::shared_ptr<void> CondFromBytes(std::string_view bytes, const std::string& import_scope,
                                    const Graph& graph) {
  return ValueOrThrow(CondContextFromBytes(bytes, WithoutSlash(import_scope), graph.impl()));
}
std::shared_ptr<void> WhileFromBytes(std::string_view bytes, const std::string& import_scope,
                                     const Graph& graph) {
  return ValueOrThrow(WhileContextFromBytes(bytes, WithoutSlash(import_scope), graph.impl()));
}

}  // namespace

const CollectionType* FindCollectionType(std::string_view collection) {
  static const auto& types = *[] {
    const CollectionType variables{VariableToBytes, VariableFromBytes};
    return new std::map<std::string, CollectionType, std::less<>>{
        {GraphKeys::kGlobalVariables, variables},
        {GraphKeys::kTrainableVariables, variables},
        {GraphKeys::kLocalVariables, variables},
        {GraphKeys::kModelVariables, variables},
        {GraphKeys::kMetricVariables, variables},
        {GraphKeys::kMovingAverageVariables, variables},
        {GraphKeys::kGlobalStep, variables},
        {GraphKeys::kCondContext, {ContextBytes<CondContext>, CondFromBytes}},
        {GraphKeys::kWhileContext, {ContextBytes<WhileContext>, WhileFromBytes}},
        {GraphKeys::kSavers, {SaverToBytes, SaverFromBytes}},
    };
  }();
  const auto found = types.find(collection);
  return found == types.end() ? nullptr : &found->second;
}

}  // namespace weft::train::saving
