// SPDX-License-Identifier: Apache-2.0
// Nest: one value, or a list of nests. The structures that Python writes as nested tuples: the
// state of a recurrent cell, the sizes of such a state.
//
//   RnnState state = cell.ZeroState(32, kFloat32);
//   Tensor h = state[1][1].leaf();                       // second cell, second part
//   std::vector<Tensor> all = state.Flatten();           // depth first
//   RnnState same = state.Pack(all);                     // in the structure of `state`
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "weft/core/error.h"

namespace weft {

template <typename T>
class Nest {
 public:
  Nest() = default;                                             // nothing
  Nest(T leaf) : leaf_(std::move(leaf)), kind_(Kind::kLeaf) {}  // NOLINT: conversions are the point
  static Nest List(std::vector<Nest> parts) {
    Nest n;
    n.parts_ = std::move(parts);
    n.kind_ = Kind::kList;
    return n;
  }

  bool none() const { return kind_ == Kind::kNone; }
  bool is_leaf() const { return kind_ == Kind::kLeaf; }
  bool is_list() const { return kind_ == Kind::kList; }
  // InvalidArgumentError if it is none.
  const T& leaf() const {
    if (!is_leaf()) throw InvalidArgumentError("a list or nothing stands where one value must be");
    return leaf_;
  }
  // Of a list; 0 of a leaf.
  size_t size() const { return parts_.size(); }
  const Nest& operator[](size_t i) const {
    if (i >= parts_.size()) throw InvalidArgumentError("there is no such part of the structure");
    return parts_[i];
  }

  std::vector<T> Flatten() const {
    std::vector<T> flat;
    AppendTo(&flat);
    return flat;
  }
  // The same structure of other values, which are as many.
  template <typename U>
  Nest<U> Pack(const std::vector<U>& flat) const {
    size_t next = 0;
    Nest<U> packed = PackFrom(flat, &next);
    if (next != flat.size()) throw InvalidArgumentError("more values than the structure has");
    return packed;
  }
  template <typename U>
  bool SameStructure(const Nest<U>& o) const {
    if (none() != o.none() || is_leaf() != o.is_leaf() || size() != o.size()) return false;
    for (size_t i = 0; i < size(); ++i) {
      if (!parts_[i].SameStructure(o[i])) return false;
    }
    return true;
  }

 private:
  template <typename U>
  friend class Nest;
  enum class Kind : unsigned char { kNone, kLeaf, kList };

  void AppendTo(std::vector<T>* flat) const {
    if (is_leaf()) flat->push_back(leaf_);
    for (const Nest& part : parts_) part.AppendTo(flat);
  }
  template <typename U>
  Nest<U> PackFrom(const std::vector<U>& flat, size_t* next) const {
    if (none()) return {};
    if (is_leaf()) {
      if (*next >= flat.size()) throw InvalidArgumentError("fewer values than the structure has");
      return Nest<U>(flat[(*next)++]);
    }
    std::vector<Nest<U>> parts;
    parts.reserve(parts_.size());
    for (const Nest& part : parts_) parts.push_back(part.PackFrom(flat, next));
    return Nest<U>::List(std::move(parts));
  }

  T leaf_{};
  std::vector<Nest> parts_;
  Kind kind_ = Kind::kNone;
};

}  // namespace weft
