// SPDX-License-Identifier: Apache-2.0
// Every op with a gradient rule is checked against differences, or says why not: see
// gradient_table.h.
#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "gtest/gtest.h"
#include "tests/gradients/gradient_table.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

const GradientTable& Table() {
  static const auto* const table = [] {
    auto* all = new GradientTable();
    for (const auto& part : {MathGradients, ReductionGradients, ArrayGradients, LinalgGradients,
                             NnGradients, ImageGradients, SparseGradients, StateGradients}) {
      for (GradientEntry& e : part()) all->push_back(std::move(e));
    }
    return all;
  }();
  return *table;
}

class AllOps : public ::testing::TestWithParam<size_t> {};

TEST_P(AllOps, Gradient) {
  const GradientEntry& entry = Table()[GetParam()];
  if (!OpRegistry::Global().Find(entry.op)) GTEST_SKIP() << "there is no op " << entry.op;
  if (!entry.reason.empty()) return;
  if (entry.function)
    CheckGradientOf(entry.function, entry.inputs, entry.check, entry.where);
  else
    CheckGradient(entry.op, entry.inputs, entry.check, entry.attrs, entry.where);
}

// "Relu", "Relu_2" for the second entry of the same op.
std::string EntryName(const ::testing::TestParamInfo<size_t>& info) {
  const GradientTable& table = Table();
  const std::string& op = table[info.param].op;
  const auto before = std::count_if(table.begin(), table.begin() + static_cast<long>(info.param),
                                    [&](const GradientEntry& e) { return e.op == op; });
  return before == 0 ? op : op + "_" + std::to_string(before + 1);
}

INSTANTIATE_TEST_SUITE_P(Table, AllOps, ::testing::Range<size_t>(0, Table().size()), EntryName);

TEST(AllOpsTable, HasEveryOpWithARule) {
  std::set<std::string> listed;
  for (const GradientEntry& e : Table()) listed.insert(e.op);
  for (const OpDef* op : OpRegistry::Global().List()) {
    if (!op->gradient() || listed.contains(op->name())) continue;
    ADD_FAILURE_AT(op->where().file_name(), static_cast<int>(op->where().line()))
        << op->name()
        << " has a gradient rule and no entry in tests/gradients/table_*.cc: add a check, or "
           "NotChecked with the reason";
  }
}

// A rule and "no gradient" exclude each other.
TEST(AllOpsTable, RulesAreUnambiguous) {
  for (const OpDef* op : OpRegistry::Global().List())
    EXPECT_FALSE(op->gradient() && !op->no_gradient().empty()) << op->name();
}

}  // namespace
}  // namespace weft
