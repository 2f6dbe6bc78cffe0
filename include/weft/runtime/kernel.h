// SPDX-License-Identifier: Apache-2.0
// Kernels: the code that computes an op on a device, and the registry they are found in.
//
// For authors of kernels (inside the library and outside).
//
//   template <typename T>
//   absl::Status Relu(weft::KernelContext& ctx) {
//     const Array& x = ctx.input(0);
//     WEFT_ASSIGN_OR_RETURN(Array* y, ctx.ForwardOrAllocate({0}, 0, x.shape()));
//     ...
//     return absl::OkStatus();
//   }
//   void RegisterMyKernels(weft::KernelRegistry& kernels) {
//     kernels.Add("Relu", kCpu, {{"T", kFloat32}}, Relu<float>);
//     kernels.Add<MatMulKernel<float>>("MatMul", kCpu, {{"T", kFloat32}});      // a class:
//     attributes are read once
//   }
//
// One kernel object serves one node of a Session and may be run by many threads at once: Compute
// must not change the object without a lock. A kernel runs on the thread of the run; it uses
// ctx.ParallelFor for more, and must not block unless it is asynchronous.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/core/array.h"
#include "weft/core/complex.h"
#include "weft/core/status_macros.h"
#include "weft/graph/attr_value.h"
#include "weft/runtime/resource.h"

namespace weft {

inline constexpr std::string_view kCpu = "CPU";
inline constexpr std::string_view kGpu = "GPU";
// A device for tests: computes on the host, in a memory space of its own.
inline constexpr std::string_view kTestDevice = "TEST";

class CancellationManager;
class Stream;
class Device;
class KernelContext;
class FunctionLibrary;
class Rendezvous;

// What a kernel's constructor is given.
class KernelConstruction {
 public:
  virtual ~KernelConstruction() = default;
  virtual const std::string& name() const = 0;
  virtual const std::string& op() const = 0;
  virtual std::string_view device_type() const = 0;
  virtual int num_inputs() const = 0;
  virtual int num_outputs() const = 0;
  virtual DataType input_dtype(int i) const = 0;   // may be a reference
  virtual DataType output_dtype(int i) const = 0;  // may be a reference
  virtual const AttrValue* FindAttr(std::string_view name) const = 0;
  // Resources that live as long as the Session's devices.
  virtual ResourceManager& resources() const = 0;
  // An identity of the node in its session, for resources that are private to it ("_0_MyQueue").
  virtual std::string UniqueNodeName() const = 0;

  // The attribute; Fail()s and returns T() if it is absent or of another kind.
  template <typename T>
  T Attr(std::string_view name) {
    const AttrValue* v = FindAttr(name);
    const T* typed = v ? v->Get<T>() : nullptr;
    if (typed) return *typed;
    Fail(absl::InvalidArgumentError(
        std::string("attribute '") + std::string(name) + "' of " + op() + " node '" + this->name() +
        "' is " + (v ? "a " + v->KindName() + ", not what the kernel needs" : "missing")));
    return T();
  }
  template <typename T>
  T AttrOr(std::string_view name, T otherwise) const {
    const AttrValue* v = FindAttr(name);
    const T* typed = v ? v->Get<T>() : nullptr;
    return typed ? *typed : otherwise;
  }
  // Makes the construction fail; the first one counts.
  void Fail(absl::Status s) {
    if (status_.ok()) status_ = std::move(s);
  }
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

// How the rows of a kernel's arrays, that is the indices of their first dimension, may be divided.
struct RowUse {
  // By input: a row of the outputs needs the same row of it and no other. Empty: nothing of the
  // kind, the outputs are made as a whole.
  std::vector<bool> split;
  double row_ns = 0;  // a rough cost of one row in nanoseconds
  // The outputs, of floats, are sums over the rows: what each part of the rows gives, added up in
  // the order of the parts.
  bool sums = false;
  // Output 0 is this input, whose value the kernel adds to; it sets no output in a lane. -1: not
  // so.
  int passes_on = -1;
};

class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual absl::Status Compute(KernelContext& ctx) = 0;

  // A kernel whose outputs can be made some rows at a time. Where several of them follow each
  // other, the executor gives some rows of all of them to each thread (a lane), so that threads
  // meet once and not at each kernel: that is what makes steps of small recurrent nets fit for
  // several threads.
  virtual bool works_by_rows() const { return false; }
  // Of a kernel that works by rows: may Compute be called, in place of once as in the run that
  // `ctx` is of, once for each part of the rows, the smallest of `rows` rows, with those rows of
  // some inputs and the others whole? All outputs then consist of those rows, are from
  // AllocateOutput or ForwardOrAllocate, and have the bits that they have otherwise.
  virtual RowUse DivideRows(const KernelContext& ctx, int64_t rows) const {
    static_cast<void>(ctx), static_cast<void>(rows);
    return {};
  }
};

// A kernel that may have to wait (queues, staging, receives): the executor gives it a continuation
// and no compute thread waits for it.
class AsyncKernel : public Kernel {
 public:
  using Done = std::function<void(absl::Status)>;
  virtual void ComputeAsync(KernelContext& ctx, Done done) = 0;
  // Waits for ComputeAsync.
  absl::Status Compute(KernelContext& ctx) final;
};

// One value as the executor holds it.
struct Value {
  Array array;
  VariableState* ref = nullptr;  // of a reference output: what it refers to
  bool dead = false;             // the branch was not taken
};

struct ValuePlace {
  // The memory of the plan's arena that AllocateOutput may hand out for the value; null: none.
  const void* fresh_data = nullptr;
};
// Where the executor keeps the value of an output. A run of a large graph takes as long as this
// takes to come from memory: a value of up to three dimensions is read and made anew within one
// cache line.
struct alignas(kAllocatorAlignment) ValueSlot : ValuePlace, Value {
  ValueSlot() = default;
  ValueSlot(ValueSlot&&) = default;
  // Values come and go, their place stays.
  using Value::operator=;
  ValueSlot& operator=(const ValueSlot&) = delete;
};
static_assert(sizeof(ValueSlot) <= 2 * kAllocatorAlignment);

// What a planned output may use without allocating.
struct OutputPlan {
  // An Array over the arena; invalid if there is none. If it shares its memory with no input, that
  // is the slot's fresh_data too.
  Array prepared;
  int8_t forward_from = -1;  // the input whose buffer the plan lets this output share; -1: none,
                             // -2: it shares some input's
  // Who reads it takes its rows from several places (src/core/parted_rows.h).
  bool takes_parts = false;
};

// What a kernel sees of one execution of its node. Made once per plan and reused: nothing here is
// looked up by name.
class KernelContext {
 public:
  int num_inputs() const { return num_inputs_; }
  int num_outputs() const { return num_outputs_; }
  // The value of input i (references are read).
  const Array& input(int i) const { return *inputs_[i]; }
  // Inputs that may be missing or dead: Merge.
  bool input_dead(int i) const { return binding_->input_values[i]->dead; }
  // Whether output o may be a value in parts (src/core/parted_rows.h): of kernels that pass on what
  // they have been given.
  bool takes_parts(int o) const;
  DataType output_dtype(int o) const { return binding_->output_dtypes[o]; }

  // The variable behind a reference input or a resource handle input, e.g.
  //   WEFT_ASSIGN_OR_RETURN(VariableState* v, ctx.variable(0));
  //   std::lock_guard lock(v->mu());
  // NotFound / FailedPrecondition if the handle's variable doesn't exist.
  absl::StatusOr<VariableState*> variable(int i);
  // Output o refers to what input i refers to.
  void ForwardRef(int i, int o) { output_values_[o].ref = binding_->input_values[i]->ref; }
  void set_output_ref(int o, VariableState* v) { output_values_[o].ref = v; }
  bool input_is_ref(int i) const { return binding_->input_values[i]->ref != nullptr; }

  // The resource behind handle input i. NotFound if it is gone, InvalidArgument if it is of another
  // class.
  template <typename R>
  absl::StatusOr<std::shared_ptr<R>> resource(int i) {
    WEFT_ASSIGN_OR_RETURN(std::shared_ptr<Resource> any, AnyResource(i));
    std::shared_ptr<R> r = std::dynamic_pointer_cast<R>(any);
    if (!r) return WrongResource(i);
    return r;
  }

  // A fresh output. Its contents are undefined (strings etc.: empty). ResourceExhausted if memory
  // can't be had.
  absl::StatusOr<Array*> AllocateOutput(int o, const Shape& shape) {
    ValueSlot& slot = output_values_[o];
    // In a planned run the output is still bound to its place in the arena from the run before.
    if (slot.fresh_data && slot.array.raw_data() == slot.fresh_data && slot.array.shape() == shape)
      return &slot.array;
    return AllocateOutputSlow(o, shape);
  }
  // Output o takes over the buffer of one of the inputs if nobody else needs it and dtype size and
  // number of elements agree; else as AllocateOutput. The kernel may read the input while writing
  // the same element.
  absl::StatusOr<Array*> ForwardOrAllocate(std::initializer_list<int> inputs, int o,
                                           const Shape& shape);
  // Output o is this value (an input reshaped, a value made elsewhere). Shares the buffer.
  void set_output(int o, Array value);
  absl::StatusOr<Array> AllocateTemp(DataType dtype, const Shape& shape);
  // A value that may be kept beyond the run: itself, or a copy if its memory is the plan's.
  Array Persist(const Array& value) const;
  // This output and all that depend on it are not computed.
  void set_output_dead(int o) { output_values_[o].dead = true; }

  // Calls work(begin, end) over [0, n) in pieces, on several threads if n * cost_ns is worth it.
  // `cost_ns` is a rough cost of one item in nanoseconds. Pieces don't depend on the number of
  // threads unless... they do: work must not depend on where pieces begin.
  void ParallelFor(int64_t n, double cost_ns, absl::FunctionRef<void(int64_t, int64_t)> work);
  int num_threads() const;  // 1 in a lane
  // Is the kernel called for some of the rows, and for which part of them? 0 if it is not.
  bool in_lane() const { return lane_ >= 0; }
  int lane() const { return lane_ >= 0 ? lane_ : 0; }
  // Where the parts begin that so many rows would be divided into; {0} in a lane.
  std::vector<int64_t> RowParts(int64_t rows) const;

  const std::string& node_name() const;
  const std::string& op_type() const;
  Device& device() const;
  // Null on a CPU.
  Stream* stream() const;
  // Live as long as the Session's devices / as this run.
  ResourceManager& resources() const;
  ResourceManager& step_resources() const;
  CancellationManager* cancellation() const;
  int64_t step_id() const;

  // Errors that name the node: "Relu 'layer/Relu': ...".
  absl::Status Error(absl::StatusCode code, std::string_view message) const;
  absl::Status InvalidArgument(std::string_view message) const {
    return Error(absl::StatusCode::kInvalidArgument, message);
  }

 private:
  friend class SessionImpl;
  friend struct ExecState;
  friend class RowLanes;
  absl::StatusOr<Array*> AllocateOutputSlow(int o, const Shape& shape);
  absl::StatusOr<std::shared_ptr<Resource>> AnyResource(int i);
  absl::Status WrongResource(int i) const;

  // What a small kernel doesn't ask for lies elsewhere, so that the rest is one cache line together
  // with the call.
  struct alignas(kAllocatorAlignment) Binding {
    OutputPlan* plans = nullptr;
    const uint8_t* last_use = nullptr;  // per input: this node is the last reader of the value
    const DataType* output_dtypes = nullptr;
    const ValueSlot* const* input_values = nullptr;
    const struct PlanNode* node = nullptr;
    struct RunState* run = nullptr;  // what all nodes of a run share
    // By input, once there is one: what variable(i) found by a handle.
    std::unique_ptr<std::shared_ptr<Resource>[]> held;
  };

  const Array* const* inputs_ = nullptr;
  ValueSlot* output_values_ = nullptr;
  Binding* binding_ = nullptr;
  int32_t num_inputs_ = 0;
  int32_t num_outputs_ = 0;
  int32_t lane_ = -1;
};

using KernelFn = absl::Status (*)(KernelContext&);
using RowsFn = RowUse (*)(const KernelContext&, int64_t rows);  // Kernel::DivideRows
using KernelFactory = std::function<std::unique_ptr<Kernel>(KernelConstruction&)>;

// The library registers thousands of kernels, each by a call of its own: what such a call is given
// are plain values, which cost it no code to build and none to destroy. The registry copies the
// names.

// A dtype that an attribute of the node has to have.
struct KernelConstraint {
  std::string_view attr;
  DataType dtype = kInvalidType;
};
// Which nodes a kernel is for. A view of a braced list: to be passed on, not to be kept or
// returned.
using KernelConstraints = std::initializer_list<KernelConstraint>;

// Up to eight names of arguments (std::length_error beyond).
class ArgumentNames {
 public:
  ArgumentNames() = default;
  ArgumentNames(std::initializer_list<std::string_view> names);
  const std::string_view* begin() const { return names_; }
  const std::string_view* end() const { return names_ + size_; }

 private:
  std::string_view names_[8];
  int size_ = 0;
};

struct KernelOptions {
  // Arguments whose tensors live in host memory even on a device with memory of its own (shapes,
  // axes, ...).
  ArgumentNames host_arguments = {};
  // Of several kernels that fit, the highest priority wins.
  int priority = 0;
  // The kernel serves nodes with this value of the "_kernel" attribute.
  std::string_view label = {};
  // Of a kernel that is a function and works by rows.
  RowsFn rows = nullptr;
};
inline constexpr KernelOptions kDefaultKernelOptions;

// What the registry keeps of a kernel. Names live as long as the registry.
struct KernelEntry {
  std::string_view op;
  std::string_view device;
  std::span<const KernelConstraint> constraints;
  std::span<const std::string_view> host_arguments;
  std::string_view label;
  KernelFactory factory;
  std::source_location where;
  const KernelEntry* next = nullptr;  // of the same op
  int priority = 0;
};

// Thread-safe.
class KernelRegistry {
 public:
  static KernelRegistry& Global();
  KernelRegistry();
  ~KernelRegistry();

  // Cold, as the functions that call them thereby become: registration runs once, and lies
  // together.
  [[gnu::cold]] void Add(std::string_view op, std::string_view device,
                         KernelConstraints constraints, KernelFn fn,
                         const KernelOptions& options = kDefaultKernelOptions,
                         std::source_location where = std::source_location::current());
  template <typename K>
  void Add(std::string_view op, std::string_view device, KernelConstraints constraints,
           const KernelOptions& options = kDefaultKernelOptions,
           std::source_location where = std::source_location::current()) {
    AddClass(
        op, device, constraints,
        [](KernelConstruction& c) -> std::unique_ptr<Kernel> { return std::make_unique<K>(c); },
        options, where);
  }
  [[gnu::cold]] void AddFactory(std::string_view op, std::string_view device,
                                KernelConstraints constraints, KernelFactory factory,
                                const KernelOptions& options = kDefaultKernelOptions,
                                std::source_location where = std::source_location::current());
  // The entry for a node's attributes on a type of device; NotFound, listing what is registered, if
  // there is none.
  absl::StatusOr<const KernelEntry*> Find(std::string_view op, std::string_view device,
                                          const AttrMap& attrs) const;
  bool HasAny(std::string_view op, std::string_view device) const;
  std::vector<const KernelEntry*> List(std::string_view op) const;

 private:
  [[gnu::cold]] void AddClass(std::string_view op, std::string_view device,
                              KernelConstraints constraints,
                              std::unique_ptr<Kernel> (*make)(KernelConstruction&),
                              const KernelOptions& options, std::source_location where);

  struct State;
  const std::unique_ptr<State> state_;
};

// The table of the library's CPU kernel families (defined in kernels/cpu/register.cc).
void RegisterAllCpuKernels(KernelRegistry& kernels);

// Calls f.template operator()<T>() for each T: registers a kernel for several dtypes.
//   ForTypes<float, double>([&]<typename T>() { kernels.Add("Relu", kCpu, {{"T", dtype_of<T>}},
//   Relu<T>); });
template <typename... T, typename F>
void ForTypes(F&& f) {
  (f.template operator()<T>(), ...);
}

}  // namespace weft
