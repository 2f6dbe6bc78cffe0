// SPDX-License-Identifier: Apache-2.0
// tf.einsum: equations of any number of operands, broken down into contractions of pairs.
#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "src/core/einsum.h"
#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "weft/core/error.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/matmul.h"

namespace weft {
namespace {

[[noreturn]] void Reject(std::string_view equation, std::string_view why) {
  ThrowError(Code::kInvalidArgument,
             StrCat("Einsum: ", why, " in the equation \"", equation, "\""));
}

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// "a...b" as "a.b"; letters only.
std::string ParseSubscript(std::string_view text, std::string_view equation) {
  std::string subscript;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 3) == "...") {
      if (subscript.find(kEllipsis) != std::string::npos)
        Reject(equation, "a subscript has several ellipses");
      subscript += kEllipsis;
      i += 2;
    } else if (IsLetter(text[i])) {
      subscript += text[i];
    } else {
      Reject(equation, StrCat("'", text[i], "' is no label"));
    }
  }
  return subscript;
}

// The labels that occur once, in alphabetical order, after the ellipsis if there is one.
std::string ImpliedOutput(const std::vector<std::string>& inputs) {
  std::map<char, int> counts;
  for (const std::string& input : inputs) {
    for (char label : input) ++counts[label];
  }
  std::string output = counts.erase(kEllipsis) > 0 ? std::string(1, kEllipsis) : std::string();
  for (const auto& [label, count] : counts) {
    if (count == 1) output += label;
  }
  return output;
}

EinsumEquation ParseAnyEquation(std::string_view text) {
  std::string equation;
  std::copy_if(text.begin(), text.end(), std::back_inserter(equation),
               [](char c) { return c != ' '; });
  std::string_view left = equation;
  const size_t arrow = left.find("->");
  left = left.substr(0, arrow);
  EinsumEquation parsed;
  for (size_t begin = 0;;) {
    const size_t comma = left.find(',', begin);
    parsed.inputs.push_back(ParseSubscript(
        left.substr(begin, comma == std::string_view::npos ? comma : comma - begin), text));
    if (comma == std::string_view::npos) break;
    begin = comma + 1;
  }
  parsed.output = arrow == std::string_view::npos
                      ? ImpliedOutput(parsed.inputs)
                      : ParseSubscript(std::string_view(equation).substr(arrow + 2), text);
  std::set<char> seen;
  for (char label : parsed.output) {
    if (!seen.insert(label).second) Reject(text, "the result has a label more than once");
    const bool known =
        std::any_of(parsed.inputs.begin(), parsed.inputs.end(),
                    [label](const std::string& s) { return s.find(label) != std::string::npos; });
    if (!known && label != kEllipsis)
      Reject(text, StrCat("the result has the label '", label, "', which no operand has"));
  }
  return parsed;
}

struct Operand {
  Tensor tensor;
  std::string labels;
};

Tensor Contract(const std::vector<Operand>& operands, const std::string& output) {
  std::vector<Input> inputs;
  std::string equation;
  for (const Operand& operand : operands) {
    equation += (inputs.empty() ? "" : ",") + WrittenSubscript(operand.labels);
    inputs.push_back(operand.tensor);
  }
  return OpBuilder("Einsum", {})
      .InList(inputs)
      .Attr("equation", equation + "->" + WrittenSubscript(output))
      .Output();
}

// Chooses pairs greedily: first that whose result is smallest beside its operands, pairs with a
// common label before others. Unknown sizes count as 1.
class Contraction {
 public:
  Contraction(std::vector<Operand> operands, std::string output)
      : operands_(std::move(operands)), output_(std::move(output)) {
    for (const Operand& operand : operands_) NoteSizes(operand);
  }
  Tensor Run() {
    while (operands_.size() > 2) {
      const auto [i, j] = BestPair();
      const std::string labels = ResultOf(i, j);
      const std::vector<Operand> pair = {operands_[j], operands_[i]};
      operands_.erase(operands_.begin() + static_cast<ptrdiff_t>(j));
      operands_.erase(operands_.begin() + static_cast<ptrdiff_t>(i));
      operands_.push_back({Contract(pair, labels), labels});
    }
    return Contract({operands_[1], operands_[0]}, output_);
  }

 private:
  void NoteSizes(const Operand& operand) {
    const PartialShape& shape = operand.tensor.shape();
    if (!shape.known_rank()) return;
    const int spare = shape.rank() - static_cast<int>(operand.labels.size()) + 1;
    int axis = 0;
    for (char label : operand.labels) {
      double size = 1;
      for (int n = label == kEllipsis ? spare : 1; n > 0 && axis < shape.rank(); --n, ++axis) {
        size *= static_cast<double>(std::max<int64_t>(shape.dim(axis), 1));
      }
      double& known = sizes_.try_emplace(label, 1.0).first->second;
      known = std::max(known, size);
    }
  }
  double SizeOf(char label) const {
    const auto it = sizes_.find(label);
    return it == sizes_.end() ? 1.0 : it->second;
  }
  double SizeOf(const std::string& labels) const {
    double size = 1;
    for (char label : labels) size *= SizeOf(label);
    return size;
  }
  // The labels that something after the contraction of i and j needs, small ones first.
  std::string ResultOf(size_t i, size_t j) const {
    std::string later = output_;
    for (size_t k = 0; k < operands_.size(); ++k) {
      if (k != i && k != j) later += operands_[k].labels;
    }
    std::string labels = operands_[i].labels + operands_[j].labels;
    std::sort(labels.begin(), labels.end());
    labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
    std::erase_if(labels, [&](char label) { return later.find(label) == std::string::npos; });
    std::stable_sort(labels.begin(), labels.end(),
                     [this](char a, char b) { return SizeOf(a) < SizeOf(b); });
    return labels;
  }
  std::pair<size_t, size_t> BestPair() const {
    std::pair<size_t, size_t> best = {0, 1};
    std::pair<bool, double> best_cost = {true, std::numeric_limits<double>::infinity()};
    for (size_t i = 0; i < operands_.size(); ++i) {
      for (size_t j = i + 1; j < operands_.size(); ++j) {
        const std::string &a = operands_[i].labels, &b = operands_[j].labels;
        const bool apart = a.find_first_of(b) == std::string::npos;
        const std::pair<bool, double> cost = {apart,
                                              SizeOf(ResultOf(i, j)) - SizeOf(a) - SizeOf(b)};
        if (cost < best_cost) {
          best_cost = cost;
          best = {i, j};
        }
      }
    }
    return best;
  }

  std::vector<Operand> operands_;
  std::string output_;
  std::map<char, double> sizes_;
};

}  // namespace

Tensor Einsum(std::string_view equation_text, const std::vector<Input>& inputs,
              const NameOptions& options) {
  const EinsumEquation equation = ParseAnyEquation(equation_text);
  if (equation.inputs.size() != inputs.size()) {
    Reject(equation_text,
           StrCat(inputs.size(), " operands are given, ", equation.inputs.size(), " wanted"));
  }
  DataType dtype = kInvalidType;
  const Input* first = &inputs[0];
  for (const Input& input : inputs) {
    if (dtype == kInvalidType) dtype = DtypeOf({&input});
    if (!first->is_tensor() && input.is_tensor()) first = &input;
  }
  const OpScope scope(options.name, "einsum", {first});
  std::vector<Operand> operands;
  for (size_t i = 0; i < inputs.size(); ++i) {
    operands.push_back({AsTensor(inputs[i], dtype, StrCat("inputs_", i)), equation.inputs[i]});
  }
  if (operands.size() <= 2) return Contract(operands, equation.output);
  return Contraction(std::move(operands), equation.output).Run();
}

}  // namespace weft
