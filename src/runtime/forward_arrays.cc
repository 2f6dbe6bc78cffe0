// SPDX-License-Identifier: Apache-2.0
// Where all indices are constants, as in a loop that has been unrolled, it is known which write to
// a TensorArray a read sees, and the value can go from one to the other without the array:
//
//   TensorArrayReadV3(h, i) of TensorArrayWriteV3(h, i, x)   -> x
//   TensorArrayReadV3(h, i) of TensorArrayScatterV3(h, [..., i, ...], xs) -> an output of
//   Unpack(xs) TensorArrayGatherV3(h, [i, j, ...])                      -> Pack(x_i, x_j, ...), or
//   xs itself
//
// and so for the arrays of gradients that belong to it (TensorArrayGradV3). A read sees the writes
// that its flow comes from. What a run would refuse (an element read before it is written, written
// twice, or of the wrong dtype or shape) is left as it is, and fails in the run.
//
// Besides: a row of what Pack has put together is that value, and a row of the gradient of taking
// one row is that row's gradient, or zeros, which are left out of sums.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/core/strings.h"
#include "src/runtime/loop.h"
#include "src/runtime/plan_match.h"

namespace weft {
namespace {

constexpr int64_t kMostIndices = 4096;
// Of reads and elements of an array and its gradients: each read looks for its writes.
constexpr size_t kMostPairs = size_t{1} << 20;

bool IsGradient(const PlanNode& n) { return n.op == "TensorArrayGradV3"; }
bool IsWrite(const PlanNode& n) {
  return n.op == "TensorArrayWriteV3" || n.op == "TensorArrayScatterV3";
}
bool IsRead(const PlanNode& n) {
  return n.op == "TensorArrayReadV3" || n.op == "TensorArrayGatherV3";
}

// The constant indices of a read or write, if they are fit for an array of this size.
std::optional<std::vector<int64_t>> IndicesOf(const PlanNode& n, int64_t size, bool grows) {
  const Array* indices = ConstantIntegers(n.inputs[1]);
  const bool many = n.op == "TensorArrayGatherV3" || n.op == "TensorArrayScatterV3";
  if (!indices || indices->rank() != (many ? 1 : 0) || indices->num_elements() > kMostIndices ||
      indices->num_elements() == 0)
    return std::nullopt;
  std::vector<int64_t> values;
  for (int64_t i = 0; i < indices->num_elements(); ++i) {
    values.push_back(IntegerAt(*indices, i));
    if (values.back() < 0 || (values.back() >= size && !grows)) return std::nullopt;
  }
  std::vector<int64_t> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) return std::nullopt;
  return values;
}

// The flow that a write, or an array of gradients, continues; null for other nodes.
const PlanEdge* FlowInto(const PlanNode& n) {
  if (IsWrite(n)) return &n.inputs[3];
  if (IsGradient(n)) return &n.inputs[1];
  return nullptr;
}
// Passes flow on, or the flow of several.
bool JoinsFlows(const PlanNode& n) {
  return n.op == "Identity" || n.op == "AddN" || n.op == "Add" || n.op == "AddV2";
}

// What stands for the only outputs of nodes.
using Values = std::unordered_map<const PlanNode*, PlanEdge>;

// An array and those of its gradients.
class ArrayFamily {
 public:
  ArrayFamily(PlanGraph* graph, const PlanUsers& users, PlanNode* root)
      : graph_(*graph), users_(users), root_(root) {}

  // What stands for the outputs of its reads; nothing if the array has to stay.
  std::optional<Values> Run() {
    const Array* size = ConstantIntegers(root_->inputs[0]);
    const bool* grows = root_->FindAttrOf<bool>("dynamic_size");
    const bool* clears = root_->FindAttrOf<bool>("clear_after_read");
    const DataType* dtype = root_->FindAttrOf<DataType>("dtype");
    if (!size || size->num_elements() != 1 || !grows || !clears || !dtype ||
        root_->device->type() != kCpu)
      return std::nullopt;
    size_ = IntegerAt(*size, 0);
    grows_ = *grows;
    clears_ = *clears;
    dtype_ = *dtype;
    if (!CollectUses(root_, "", 0)) return std::nullopt;
    if (reads_.size() * places_.size() > kMostPairs) return std::nullopt;
    const auto sees_writes = [this](const Use& read) { return SeesWrites(read); };
    if (!std::ranges::all_of(reads_, sees_writes)) return std::nullopt;
    return Connect();
  }

 private:
  // A read or a write.
  struct Use {
    PlanNode* node = nullptr;
    std::string array;  // which one: "", or the source of a gradient
    std::vector<int64_t> indices;
  };
  // A place of the arrays that holds one value: that of a write, or its part of that number.
  struct Place {
    PlanNode* write = nullptr;
    size_t part = 0;
  };
  using Key = std::pair<std::string, int64_t>;  // array, index

  bool CollectUses(PlanNode* handle, const std::string& array, int depth) {
    if (users_.kept(handle)) return false;
    std::unordered_set<const PlanNode*> seen;
    for (PlanNode* n : users_.of(handle)) {
      if (!seen.insert(n).second) continue;
      const bool is_handle = !n->inputs.empty() && n->inputs[0] == PlanEdge{handle, 0};
      const auto as_value =
          std::count_if(n->inputs.begin(), n->inputs.end(),
                        [&](const PlanEdge& e) { return e.node == handle && e.index == 0; });
      if (as_value != (is_handle ? 1 : 0)) return false;
      if (!is_handle) continue;  // its flow, or a control edge
      if (n->device != root_->device) return false;
      if (IsGradient(*n)) {
        const std::string* source = n->FindAttrOf<std::string>("source");
        // An array of gradients is made from what has been written by then: zeros.
        if (depth > 0 || !source || grows_ || !CollectUses(n, "/" + *source, depth + 1))
          return false;
        continue;
      }
      if ((!IsRead(*n) && !IsWrite(*n)) || WaitsForEffects(*n)) return false;
      std::optional<std::vector<int64_t>> indices = IndicesOf(*n, size_, grows_);
      if (!indices || (IsWrite(*n) && !Fits(*n, array))) return false;
      Use use{n, array, *std::move(indices)};
      for (size_t p = 0; IsWrite(*n) && p < use.indices.size(); ++p) {
        if (!places_.try_emplace({array, use.indices[p]}, Place{n, p}).second) return false;
      }
      for (const int64_t i : use.indices) {
        if (IsRead(*n) && clears_ && !read_.insert({array, i}).second) return false;
      }
      if (IsRead(*n)) {
        const DataType* asked = n->FindAttrOf<DataType>("dtype");
        if (!asked || *asked != dtype_) return false;
        reads_.push_back(std::move(use));
      }
    }
    return true;
  }

  // Would the array take what is written, as far as static shapes say? Where all elements are to be
  // of one shape, those of one static shape pass for it: what puts them together looks again.
  bool Fits(const PlanNode& write, const std::string& array) {
    const DataType* type = write.FindAttrOf<DataType>("T");
    const auto* wanted = root_->FindAttrOf<PartialShape>("element_shape");
    const bool* alike = root_->FindAttrOf<bool>("identical_element_shapes");
    const PartialShape* got = StaticShapeOf(write.inputs[2]);
    if (!type || *type != dtype_ || !wanted || IsRefEdge(write.inputs[2])) return false;
    const bool any = array.empty() && !wanted->known_rank() && !(alike && *alike);
    if (!got || !got->known_rank()) return any && write.op == "TensorArrayWriteV3";
    PartialShape element = *got;
    if (write.op == "TensorArrayScatterV3") {
      if (got->rank() < 1 || got->dim(0) != ConstantIntegers(write.inputs[1])->num_elements())
        return false;
      element = PartialShape(got->dims().subspan(1));
    }
    if (any) return true;
    if (!wanted->IsCompatibleWith(element)) return false;
    for (int d = 0; wanted->known_rank() && d < element.rank(); ++d) {
      if (wanted->dim(d) >= 0 && element.dim(d) < 0) return false;
    }
    const PartialShape& first = elements_.try_emplace(array, element).first->second;
    return std::ranges::equal(first.dims(), element.dims());
  }

  // Does the read see a write to each of its indices?
  bool SeesWrites(const Use& read) const {
    std::unordered_set<const PlanNode*> before;
    std::vector<const PlanNode*> stack{read.node->inputs[2].node};
    while (!stack.empty()) {
      const PlanNode* n = stack.back();
      stack.pop_back();
      if (!before.insert(n).second) continue;
      if (const PlanEdge* in = FlowInto(*n)) {
        stack.push_back(in->node);
      } else if (!n->is_feed && JoinsFlows(*n)) {
        for (const PlanEdge& e : n->inputs) stack.push_back(e.node);
      } else if (n->op != "TensorArrayV3" && n->op != "Const") {
        return false;
      }
    }
    return std::ranges::all_of(read.indices, [&](int64_t i) {
      const auto place = places_.find({read.array, i});
      return place != places_.end() && before.contains(place->second.write);
    });
  }

  Values Connect() {
    Values values;
    for (const Use& read : reads_) {
      if (read.node->op == "TensorArrayReadV3") {
        values.emplace(read.node, ValueAt({read.array, read.indices[0]}));
        continue;
      }
      const Place first = places_.at({read.array, read.indices[0]});
      if (first.write->op == "TensorArrayScatterV3" && IsWhole(read, *first.write)) {
        values.emplace(read.node, first.write->inputs[2]);
        continue;
      }
      PlanNode* pack = Add("Pack", *read.node);
      pack->attrs = {
          {"T", dtype_}, {"N", static_cast<int64_t>(read.indices.size())}, {"axis", int64_t{0}}};
      for (const int64_t i : read.indices) pack->inputs.push_back(ValueAt({read.array, i}));
      pack->input_types.assign(pack->inputs.size(), dtype_);
      pack->output_types = {dtype_};
      pack->origin = read.node->origin;  // for its static shape
      values.emplace(read.node, PlanEdge{pack, 0});
    }
    return values;
  }

  // Are these the rows that were written, in that order?
  bool IsWhole(const Use& read, const PlanNode& scatter) const {
    for (size_t p = 0; p < read.indices.size(); ++p) {
      const Place& place = places_.at({read.array, read.indices[p]});
      if (place.write != &scatter || place.part != p) return false;
    }
    return ConstantIntegers(scatter.inputs[1])->num_elements() ==
           static_cast<int64_t>(read.indices.size());
  }

  PlanEdge ValueAt(const Key& key) {
    const Place& place = places_.at(key);
    if (place.write->op == "TensorArrayWriteV3") return place.write->inputs[2];
    PlanNode*& unpack = unpacked_[place.write];
    if (!unpack) {
      const int64_t n = ConstantIntegers(place.write->inputs[1])->num_elements();
      unpack = Add("Unpack", *place.write);
      unpack->attrs = {{"T", dtype_}, {"num", n}, {"axis", int64_t{0}}};
      unpack->inputs = {place.write->inputs[2]};
      unpack->input_types = {dtype_};
      unpack->output_types.assign(static_cast<size_t>(n), dtype_);
    }
    return {unpack, static_cast<int>(place.part)};
  }

  PlanNode* Add(const char* op, const PlanNode& in_place_of) {
    PlanNode* n = graph_.Add();
    n->op = op;
    n->def = OpRegistry::Global().Find(op);
    n->name = in_place_of.name;
    n->order = in_place_of.order;
    n->device = in_place_of.device;
    return n;
  }

  PlanGraph& graph_;
  const PlanUsers& users_;
  PlanNode* root_;
  int64_t size_ = 0;
  bool grows_ = false, clears_ = false;
  DataType dtype_ = kInvalidType;
  std::vector<Use> reads_;
  std::map<Key, Place> places_;
  std::map<std::string, PartialShape> elements_;  // by array
  std::set<Key> read_;
  std::unordered_map<const PlanNode*, PlanNode*> unpacked_;  // by scatter
};

// The size of an array that doesn't grow is what it was made with. True if there were any.
bool FoldSizes(PlanGraph* graph) {
  bool any = false;
  const PlanUsers users(*graph);
  for (const auto& n : graph->nodes) {
    if (n->is_feed || n->op != "TensorArraySizeV3") continue;
    const PlanNode& array = *n->inputs[0].node;
    const bool* grows = array.FindAttrOf<bool>("dynamic_size");
    const auto closes = [](const PlanNode* u) { return u->op == "TensorArrayCloseV3"; };
    if (array.op != "TensorArrayV3" || n->inputs[0].index != 0 || !grows || *grows ||
        std::ranges::any_of(users.of(&array), closes))
      continue;
    const Array* size = ConstantIntegers(array.inputs[0]);
    if (!size || size->dtype() != kInt32 || size->rank() != 0 || IntegerAt(*size, 0) < 0) continue;
    MakeConstant(n.get(), *size);
    n->control_inputs.clear();
    any = true;
  }
  return any;
}

// Makes whoever reads one of these nodes read what stands for it.
void ReadValues(PlanGraph* graph, const Values& values) {
  const auto resolve = [&](PlanEdge e) {
    for (auto found = values.find(e.node); found != values.end(); found = values.find(e.node))
      e = found->second;
    return e;
  };
  for (const auto& n : graph->nodes) {
    for (PlanEdge& e : n->inputs) e = resolve(e);
    std::erase_if(n->control_inputs, [&](const PlanNode* c) { return values.contains(c); });
  }
  for (PlanEdge& e : graph->fetches) {
    if (e.node) e = resolve(e);
  }
  std::erase_if(graph->targets, [&](const PlanNode* t) { return values.contains(t); });
}

bool IsAlongRows(const PlanNode& n) {
  const int64_t* axis = n.FindAttrOf<int64_t>("axis");
  return axis && *axis == 0 && n.device->type() == kCpu && n.control_inputs.empty();
}

// Pack(x_0, x_1, ...)[i] -> x_i
void TakeRowsOfPacks(PlanGraph* graph) {
  Values values;
  for (const auto& n : graph->nodes) {
    if (n->is_feed || n->op != "StridedSlice" || !n->control_inputs.empty()) continue;
    const PlanNode& pack = *n->inputs[0].node;
    if (pack.op != "Pack" || !IsAlongRows(pack)) continue;
    const auto row = RowTaken(*n, 1, static_cast<int64_t>(pack.inputs.size()));
    if (row && !IsRefEdge(pack.inputs[static_cast<size_t>(*row)]))
      values.emplace(n.get(), pack.inputs[static_cast<size_t>(*row)]);
  }
  ReadValues(graph, values);
}

// The rows of StridedSliceGrad for x[i]: dy, and zeros. What adds up such zeros goes without them.
class SparseRows {
 public:
  explicit SparseRows(PlanGraph* graph) : graph_(*graph) {}

  void Run() {
    const size_t count = graph_.nodes.size();
    for (size_t i = 0; i < count; ++i) {
      PlanNode* const n = graph_.nodes[i].get();
      if (n->op == "Unpack" && !n->is_feed && IsAlongRows(*n)) Split(*n);
    }
    if (zeros_.empty()) return;
    Values values;
    for (const auto& n : graph_.nodes) {
      if (n->op == "AddN" && IsFreeFloatNode(*n)) DropZeros(n.get(), &values);
    }
    ReadValues(&graph_, values);
  }

 private:
  void Split(const PlanNode& unpack) {
    const PlanNode& source = *unpack.inputs[0].node;
    if (source.op != "StridedSliceGrad" || source.is_feed || !IsFreeFloatNode(source)) return;
    const Array* shape = ConstantIntegers(source.inputs[0]);
    if (!shape || shape->num_elements() < 1 || shape->num_elements() > kMaxRank) return;
    const auto rows = static_cast<int64_t>(unpack.output_types.size());
    const auto row = RowTaken(source, 1, rows);
    const PartialShape* dy = StaticShapeOf(source.inputs[4]);
    if (!row || IntegerAt(*shape, 0) != rows || !dy || !dy->IsFullyKnown() ||
        dy->rank() + 1 != shape->num_elements())
      return;
    for (int d = 0; d < dy->rank(); ++d) {
      if (dy->dim(d) != IntegerAt(*shape, d + 1)) return;
    }
    PlanNode* zeros = graph_.Add();
    MakeConstant(zeros, Array::Zeros(kFloat32, dy->ToShape()));
    zeros->name = StrCat(source.name, "/_zeros");
    zeros->order = source.order;
    zeros->device = source.device;
    zeros_.insert(zeros);
    for (int64_t r = 0; r < rows; ++r) {
      graph_.Redirect({const_cast<PlanNode*>(&unpack), static_cast<int>(r)},
                      r == *row ? source.inputs[4] : PlanEdge{zeros, 0});
    }
  }

  void DropZeros(PlanNode* sum, Values* values) const {
    std::vector<PlanEdge> left;
    for (const PlanEdge& e : sum->inputs) {
      if (!zeros_.contains(e.node)) left.push_back(e);
    }
    if (left.empty() || left.size() == sum->inputs.size()) return;
    if (left.size() == 1) {
      values->emplace(sum, left[0]);
      return;
    }
    sum->attrs["N"] = static_cast<int64_t>(left.size());
    sum->input_types.resize(left.size());
    sum->inputs = std::move(left);
    sum->origin = nullptr;  // its kernel is not that of the graph's node
  }

  PlanGraph& graph_;
  std::unordered_set<const PlanNode*> zeros_;
};

}  // namespace

void ForwardArrays(SessionImpl* session, PlanGraph* graph) {
  const auto has_arrays = [&] {
    return std::ranges::any_of(graph->nodes,
                               [](const auto& n) { return n->op == "TensorArrayV3"; });
  };
  if (!has_arrays()) return;
  if (FoldSizes(graph)) OptimizeGraph(session, graph);
  std::vector<PlanNode*> roots;
  for (const auto& n : graph->nodes) {
    if (n->op == "TensorArrayV3" && !n->is_feed) roots.push_back(n.get());
  }
  const PlanUsers users(*graph);
  Values values;
  for (PlanNode* root : roots) {
    if (std::optional<Values> found = ArrayFamily(graph, users, root).Run())
      values.merge(*std::move(found));
  }
  if (values.empty()) return;
  ReadValues(graph, values);
  TakeRowsOfPacks(graph);
  graph->RemoveUnused();
  SparseRows(graph).Run();
  OptimizeGraph(session, graph);
}

}  // namespace weft
