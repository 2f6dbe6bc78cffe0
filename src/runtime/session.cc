// SPDX-License-Identifier: Apache-2.0
#include "weft/runtime/session.h"

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/runtime/session_impl.h"
#include "weft/runtime/try.h"

namespace weft {
namespace {
thread_local std::vector<Session*> session_stack;

Session& DefaultOrThrow(const char* what) {
  Session* session = Session::Default();
  if (!session) {
    ThrowError(Code::kFailedPrecondition,
               StrCat("Cannot ", what,
                      ": No default session is registered. Use a SessionScope or an "
                      "InteractiveSession, or pass a Session explicitly."));
  }
  return *session;
}
}  // namespace

Session::Session(const Graph& graph, const ConfigProto& config)
    : graph_(graph), impl_(ValueOrThrow(SessionImpl::Create(graph.shared_impl(), config))) {}
Session::~Session() { Close(); }

Array Session::Run(const Fetch& fetch, const Feeds& feeds, const RunOptions& options,
                   RunMetadata* metadata) {
  return std::move(ValueOrThrow(impl_->Run({fetch}, feeds, options, metadata))[0]);
}
std::vector<Array> Session::Run(const std::vector<Fetch>& fetches, const Feeds& feeds,
                                const RunOptions& options, RunMetadata* metadata) {
  return ValueOrThrow(impl_->Run(fetches, feeds, options, metadata));
}
std::map<std::string, Array> Session::Run(const std::map<std::string, Fetch>& fetches,
                                          const Feeds& feeds, const RunOptions& options,
                                          RunMetadata* metadata) {
  std::vector<Fetch> list;
  for (const auto& [name, fetch] : fetches) list.push_back(fetch);
  std::vector<Array> values = Run(list, feeds, options, metadata);
  std::map<std::string, Array> result;
  size_t i = 0;
  for (const auto& [name, fetch] : fetches) result.emplace(name, std::move(values[i++]));
  return result;
}

struct Callable::State {
  std::shared_ptr<SessionImpl> session;
  std::shared_ptr<Plan> plan;
  RunSpec spec;
};

Callable Session::MakeCallable(const std::vector<Fetch>& fetches, const std::vector<Tensor>& feeds,
                               const std::vector<Operation>& targets) {
  auto state = std::make_shared<Callable::State>();
  state->session = impl_;
  for (const Fetch& f : fetches) ThrowIfError(impl_->ResolveFetch(f, &state->spec));
  for (const Tensor& t : feeds)
    state->spec.feeds.push_back(ValueOrThrow(impl_->ResolveFeed(Feed(t, Array()))));
  for (Operation op : targets) state->spec.targets.push_back(op.node());
  state->plan = ValueOrThrow(impl_->GetPlan(state->spec));
  Callable c;
  c.state_ = std::move(state);
  return c;
}

std::vector<Array> Callable::operator()(const std::vector<Array>& feeds) const {
  if (!state_) ThrowError(Code::kFailedPrecondition, "an empty Callable was called");
  if (feeds.size() != state_->spec.feeds.size()) {
    ThrowError(Code::kInvalidArgument, StrCat("the Callable takes ", state_->spec.feeds.size(),
                                              " fed values; ", feeds.size(), " were given"));
  }
  std::vector<const Array*> pointers(feeds.size());
  for (size_t i = 0; i < feeds.size(); ++i) pointers[i] = &feeds[i];
  std::vector<Array> results(state_->spec.fetches.size());
  ThrowIfError(
      state_->session->RunPlan(*state_->plan, pointers.data(), results.data(), {}, nullptr));
  return results;
}

Array Callable::Call(const Array& feed) const {
  if (!state_ || state_->spec.feeds.size() != 1 || state_->spec.fetches.size() != 1)
    ThrowError(Code::kInvalidArgument, "Callable::Call needs exactly one feed and one fetch");
  const Array* pointer = &feed;
  Array result;
  ThrowIfError(state_->session->RunPlan(*state_->plan, &pointer, &result, {}, nullptr));
  return result;
}

void Session::Close() { impl_->Close(); }
bool Session::closed() const { return impl_->closed(); }

std::vector<std::string> Session::ListDevices() const {
  std::vector<std::string> names;
  for (const auto& d : impl_->devices()) names.push_back(d->name());
  return names;
}

void Session::ResetContainers(const std::vector<std::string>& containers) {
  if (containers.empty()) return impl_->resources().Clear();
  for (const std::string& c : containers) impl_->resources().ClearContainer(c);
}

Session* Session::Default() { return session_stack.empty() ? nullptr : session_stack.back(); }

SessionScope::SessionScope(Session& session) : graph_scope_(session.graph()) {
  session_stack.push_back(&session);
}
SessionScope::~SessionScope() { session_stack.pop_back(); }

Array Tensor::Eval() const {
  return DefaultOrThrow("evaluate tensor using Eval()").Run(Fetch(*this));
}
Array Tensor::Eval(Session& session) const { return session.Run(Fetch(*this)); }
void Operation::Run() const { DefaultOrThrow("execute operation using Run()").Run(Fetch(*this)); }

absl::StatusOr<std::vector<Array>> TryRun(Session& session, const std::vector<Fetch>& fetches,
                                          const Feeds& feeds, const RunOptions& options,
                                          RunMetadata* metadata) {
  return session.impl().Run(fetches, feeds, options, metadata);
}

absl::Status Try(const std::function<void()>& f) {
  try {
    f();
    return absl::OkStatus();
  } catch (const Error& e) {
    return ToStatus(e);
  }
}

absl::StatusOr<ImportResult> TryImportGraphDef(const GraphDef& def, const ImportOptions& options,
                                               const Graph& graph) {
  try {
    return ImportGraphDef(def, options, graph);
  } catch (const Error& e) {
    return ToStatus(e);
  }
}

}  // namespace weft
