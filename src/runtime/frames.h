// SPDX-License-Identifier: Apache-2.0
// Which loop frame each node of a plan belongs to.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/runtime/plan.h"

namespace weft {

struct Frame {
  std::string name;  // empty: the graph itself
  Frame* parent = nullptr;
  int depth = 0;
};

inline bool IsEnter(const PlanNode& n) { return n.op == "Enter" || n.op == "RefEnter"; }
inline bool IsExit(const PlanNode& n) { return n.op == "Exit" || n.op == "RefExit"; }
inline bool IsNextIteration(const PlanNode& n) {
  return n.op == "NextIteration" || n.op == "RefNextIteration";
}
inline bool IsSwitch(const PlanNode& n) { return n.op == "Switch" || n.op == "RefSwitch"; }
inline bool IsMerge(const PlanNode& n) { return n.op == "Merge" || n.op == "RefMerge"; }
inline bool IsConstantEnter(const PlanNode& n) {
  const bool* constant = n.FindAttrOf<bool>("is_constant");
  return IsEnter(n) && constant && *constant;
}

// The frames of a graph's nodes: `of` is the frame that a node's outputs are in (an Enter's is the
// frame that it enters, an Exit's the one around its loop).
class Frames {
 public:
  // InvalidArgument if a node has inputs of different frames or leaves a frame that it is not in.
  static absl::StatusOr<Frames> Find(const PlanGraph& graph);

  const Frame* of(const PlanNode* n) const { return of_.at(n); }
  const Frame* root() const { return frames_.front().get(); }
  const std::vector<std::unique_ptr<Frame>>& all() const { return frames_; }
  // Is `inner` the frame `outer`, or within it?
  static bool Within(const Frame* inner, const Frame* outer) {
    while (inner && inner->depth > outer->depth) inner = inner->parent;
    return inner == outer;
  }

 private:
  Frame* Child(Frame* parent, const std::string& name);
  std::vector<std::unique_ptr<Frame>> frames_;
  std::unordered_map<const PlanNode*, Frame*> of_;
};

// A plan with loops, as the executor of execute_frames.cc needs it. Numbers of steps are those of
// the plan; a constant or a feed is what it reads at the beginning.
struct FrameProgram {
  enum class Kind : uint8_t { kPlain, kMerge, kEnter, kExit, kNextIteration, kControlTrigger };
  struct Use {
    int step = 0;
    int input = 0;  // -1: a control edge
    int output = 0;
  };
  struct Node {
    Kind kind = Kind::kPlain;
    bool is_constant = false;  // of an Enter
    int frame = 0;             // that its inputs are in; 0: the graph itself
    int child = -1;            // the frame that an Enter enters
    int pending = 0;           // inputs and control edges that it waits for
    int num_controls = 0;
    size_t first_entry = 0;  // of its inputs, among the entries of its frame
    size_t first_input = 0;  // of its inputs, among those of all steps
    std::vector<Use> uses;
  };
  struct FrameInfo {
    std::string name;
    int parent = -1;
    std::vector<int> steps;
    size_t num_entries = 0;
    int num_enters = 0;
  };
  std::vector<Node> nodes;    // by step
  std::vector<size_t> place;  // by step: its number within its frame
  std::vector<FrameInfo> frames;
  std::vector<std::pair<int, std::vector<Use>>> sources;  // slots of feeds and constants
};

}  // namespace weft
