// SPDX-License-Identifier: Apache-2.0
#include "tools/weft_conformance/case.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <vector>

#include "proto/weft/graph.pb.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/control_flow_def.h"
#include "tools/golden/container.h"
#include "weft/core/error.h"
#include "weft/gradients/gradients.h"
#include "weft/graph/op_def.h"
#include "weft/runtime/session.h"

namespace weft::conformance {
namespace {

using golden::Compare;
using golden::Container;
using golden::Mismatch;
using golden::NamedArray;

std::string Lower(const std::string& s) { return AsciiLower(s); }

class Runner {
 public:
  explicit Runner(const std::string& file)
      : case_(file), error_(case_.Bytes("error")), is_advisory_(IsAdvisory(file)) {}

  std::string Run() {
    GraphScope scope(graph_);
    // A missing op is a typed error too, but shows nothing about the op.
    if (is_advisory_) CheckOpsExist();
    if (error_.empty()) {
      Import();
      CheckShapes();
      CheckValues();
      CheckGradients();
      return "";
    }
    return RunErrorCase();
  }

 private:
  void Import() {
    ImportOptions options;
    options.prefix = "";
    ImportGraphDef(case_.graph_def(), options, graph_);
    for (const std::string& bytes : case_.Bytes("while_context"))
      ValueOrThrow(WhileContextFromBytes(bytes, "", graph_.impl()));
    for (const std::string& bytes : case_.Bytes("cond_context"))
      ValueOrThrow(CondContextFromBytes(bytes, "", graph_.impl()));
  }

  void CheckOpsExist() {
    const GraphDef def = case_.graph_def();
    std::set<std::string> functions;
    for (const auto& f : def.proto().library().function()) functions.insert(f.signature().name());
    for (const auto& node : def.proto().node()) {
      if (!OpRegistry::Global().Find(node.op()) && !functions.contains(node.op()))
        throw Mismatch(StrCat("Op type not registered '", node.op(), "'"));
    }
  }

  // What an error case wants: a code ("ANY" in advisories: a value is right too), at which stage,
  // with which word. An advisory's error may come from either stage.
  std::string RunErrorCase() {
    const std::string& code = error_[0];
    const std::string& stage = error_[1];
    const std::string word = error_.size() > 2 ? error_[2] : "";
    const bool any = is_advisory_ && code == "ANY";
    try {
      Import();
    } catch (const Error& e) {
      if (any) return "";
      if (stage != "import" && !is_advisory_)
        return StrCat("import failed, although the error is expected from the run: ",
                      CodeName(e.code()), ": ", e.what());
      return CheckError(e, code, word);
    }
    if (stage == "import" && !is_advisory_)
      return StrCat("imported, although ", code, " was expected");
    try {
      Session session(graph_);
      RunTargets(session);
      std::vector<Fetch> fetches;
      for (const NamedArray& n : case_.Arrays("expected")) fetches.push_back(n.name);
      session.Run(fetches, case_.ToFeed());
    } catch (const Error& e) {
      return any ? "" : CheckError(e, code, word);
    }
    return any ? "" : StrCat("ran, although ", code, " was expected");
  }

  static std::string CheckError(const Error& e, const std::string& code, const std::string& word) {
    if (CodeName(e.code()) != code)
      return StrCat("error code ", CodeName(e.code()), ", expected ", code, ": ", e.what());
    if (Lower(e.what()).find(Lower(word)) == std::string::npos)
      return StrCat("the error's text lacks '", word, "': ", e.what());
    return "";
  }

  void RunTargets(Session& session) {
    for (const std::string& target : case_.Nodes("targets"))
      session.Run(Fetch(graph_.OperationByName(target)), case_.ToFeed());
  }

  void CheckShapes() {
    const std::vector<PartialShape> want = case_.Shapes("expected_shapes");
    const std::vector<NamedArray> fetches = case_.Arrays("expected");
    for (size_t i = 0; i < want.size() && i < fetches.size(); ++i) {
      const PartialShape got = graph_.TensorByName(fetches[i].name).shape();
      if (got.IsAtLeastAsPreciseAs(want[i])) continue;
      throw Mismatch(StrCat("static shape of ", fetches[i].name, " is ", got.ToString(),
                            ", expected ", want[i].ToString()));
    }
  }

  void CheckValues() {
    if (case_.Nodes("targets").empty() && case_.Bytes("expected").empty()) return;
    Session session(graph_);
    case_.Check(graph_, session, true);
  }

  void CheckGradients() {
    const std::vector<std::string> y_names = case_.Nodes("grad_ys"),
                                   x_names = case_.Nodes("grad_xs");
    if (y_names.empty()) return;
    std::vector<Tensor> ys, xs;
    for (const std::string& name : y_names) ys.push_back(graph_.TensorByName(name));
    for (const std::string& name : x_names) xs.push_back(graph_.TensorByName(name));
    const std::vector<Grad> gradients = Gradients(ys, xs);
    const std::vector<std::string> none = case_.Nodes("grad_none");
    std::vector<Fetch> fetches;
    std::vector<std::string> names;
    for (size_t i = 0; i < xs.size(); ++i) {
      const bool expect_none = std::find(none.begin(), none.end(), x_names[i]) != none.end();
      if (gradients[i].none() != expect_none)
        throw Mismatch(
            StrCat("the gradient of ", x_names[i], expect_none ? " should be None" : " is None"));
      if (expect_none) continue;
      fetches.push_back(DenseGradient(gradients[i]));
      names.push_back(x_names[i]);
    }
    if (fetches.empty()) return;
    Session session(graph_);
    RunTargets(session);
    const std::vector<Array> got = session.Run(fetches, case_.ToFeed());
    for (const NamedArray& want : case_.Arrays("expected_grads")) {
      const auto at = std::find(names.begin(), names.end(), want.name);
      if (at == names.end()) throw Mismatch(StrCat("no gradient of ", want.name));
      const std::string difference =
          Compare(got[static_cast<size_t>(at - names.begin())], *want.value, case_.tolerance(true));
      if (!difference.empty()) throw Mismatch(StrCat("gradient of ", want.name, ": ", difference));
    }
  }

  Container case_;
  std::vector<std::string> error_;
  bool is_advisory_;
  Graph graph_;
};

}  // namespace

bool IsAdvisory(const std::string& file) {
  return std::filesystem::path(file).parent_path().filename() == "advisories";
}

std::string RunCase(const std::string& file) {
  try {
    return Runner(file).Run();
  } catch (const Mismatch& m) {
    return m.what();
  } catch (const Error& e) {
    return StrCat(CodeName(e.code()), ": ", e.what());
  } catch (const std::exception& e) {
    return StrCat("exception: ", e.what());
  }
}

}  // namespace weft::conformance
