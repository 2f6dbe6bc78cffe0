// SPDX-License-Identifier: Apache-2.0
// The C++ function of one op.
#pragma once

#include <string>
#include <vector>

#include "weft/graph/op_def.h"

namespace weft::raw {

// Inputs come first, then the attributes that have no default and don't follow from the inputs;
// those with a default are members of an options struct. The function returns the node's only
// output argument, a struct of several, or the Operation if there is none.
class RawFunction {
 public:
  explicit RawFunction(const OpDef& op);

  // With its documentation and the structs it needs.
  std::string Declaration() const;
  std::string Definition() const;
  // Empty, or why there can be no such function.
  const std::string& error() const { return error_; }

 private:
  struct Value {
    std::string name;  // in C++
    const ArgDef* arg = nullptr;
    const AttrDef* attr = nullptr;
  };
  bool HasOptions() const { return !options_.empty(); }
  std::string OptionsType() const;
  std::string ReturnType() const;
  std::string Signature(bool with_default) const;
  std::string Documentation() const;
  std::string Structs() const;
  std::string ReturnStatements() const;

  const OpDef& op_;
  std::vector<Value> inputs_, required_, options_, outputs_;
  std::string error_;
};

}  // namespace weft::raw
