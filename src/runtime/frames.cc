// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/frames.h"

#include <deque>

#include "src/core/status.h"
#include "src/core/strings.h"

namespace weft {

Frame* Frames::Child(Frame* parent, const std::string& name) {
  for (const auto& f : frames_) {
    if (f->parent == parent && f->name == name) return f.get();
  }
  frames_.push_back(std::make_unique<Frame>(Frame{name, parent, parent->depth + 1}));
  return frames_.back().get();
}

absl::StatusOr<Frames> Frames::Find(const PlanGraph& graph) {
  Frames result;
  result.frames_.push_back(std::make_unique<Frame>());
  Frame* const root = result.frames_.front().get();
  std::unordered_map<const PlanNode*, std::vector<PlanNode*>> users;
  std::deque<PlanNode*> queue;
  // The frame that a node's inputs are in, and the input that said so.
  std::unordered_map<const PlanNode*, std::pair<Frame*, const PlanNode*>> inside;
  for (const auto& n : graph.nodes) {
    for (const PlanEdge& e : n->inputs) users[e.node].push_back(n.get());
    for (PlanNode* c : n->control_inputs) users[c].push_back(n.get());
    if (!n->inputs.empty() || !n->control_inputs.empty()) continue;
    inside[n.get()] = {root, nullptr};
    queue.push_back(n.get());
  }
  while (!queue.empty()) {
    PlanNode* n = queue.front();
    queue.pop_front();
    Frame* frame = inside.at(n).first;
    if (IsEnter(*n)) {
      const std::string* name = n->FindAttrOf<std::string>("frame_name");
      frame = result.Child(frame, name ? *name : std::string());
    } else if (IsExit(*n)) {
      if (!frame->parent) {
        return WithNode(absl::InvalidArgumentError(StrCat("Invalid ", n->op, " op '", n->name,
                                                          "': cannot find a corresponding Enter "
                                                          "op")),
                        n->name, n->op);
      }
      frame = frame->parent;
    }
    result.of_[n] = frame;
    for (PlanNode* user : users[n]) {
      const auto [it, first] = inside.try_emplace(user, frame, n);
      if (first) {
        queue.push_back(user);
      } else if (it->second.first != frame) {
        const PlanNode* other = it->second.second;
        return WithNode(
            absl::InvalidArgumentError(StrCat(
                "{{node ", user->name, "}} has inputs from different frames. The input {{node ",
                n->name, "}} is in frame '", frame->name, "'. The input {{node ",
                other ? other->name : user->name, "}} is in frame '", it->second.first->name,
                "'.")),
            user->name, user->op);
      }
    }
  }
  // What is left lies on a cycle that nothing enters.
  for (const auto& n : graph.nodes) {
    if (!result.of_.contains(n.get())) {
      return WithNode(absl::InvalidArgumentError(
                          StrCat("the graph has a cycle through node '", n->name, "' (op type ",
                                 n->op, ") that no Enter leads into: it would wait for itself")),
                      n->name, n->op);
    }
  }
  return result;
}

}  // namespace weft
