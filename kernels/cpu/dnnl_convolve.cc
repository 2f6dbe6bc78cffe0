// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/dnnl_convolve.h"

#include <algorithm>
#include <dnnl.hpp>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "kernels/cpu/team_size.h"
#include "kernels/cpu/winograd.h"
#include "src/core/strings.h"

namespace weft::cpu {
namespace {

using dnnl::memory;

// Shapes that a node keeps primitives for.
constexpr size_t kMaxKept = 8;

const dnnl::engine& Engine() {
  static const auto* const engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}
dnnl::stream& Stream() {
  thread_local dnnl::stream stream(Engine());
  return stream;
}

size_t RoundUp(size_t bytes) { return (bytes + 63) / 64 * 64; }

// Flat images have no planes for oneDNN either: its kernels for them are the better ones.
bool IsFlat(const ConvGeometry& g) {
  const SlideDim& d = g.space[0];
  return d.in == 1 && d.out == 1 && d.size == 1 && d.before == 0;
}

// ---- descriptors of tensors ---------------------------------------------------------------------

memory::desc ImageDesc(const ConvGeometry& g, bool in) {
  memory::dims dims{g.batch, in ? g.in_channels : g.out_channels};
  for (size_t d = IsFlat(g) ? 1 : 0; d < 3; ++d)
    dims.push_back(in ? g.space[d].in : g.space[d].out);
  return memory::desc(dims, memory::data_type::f32,
                      IsFlat(g) ? memory::format_tag::nhwc : memory::format_tag::ndhwc);
}

memory::dims FilterDims(const ConvGeometry& g) {
  memory::dims dims;
  if (g.groups() > 1) dims.push_back(g.groups());
  dims.push_back(g.group_out_channels());
  dims.push_back(g.filter_channels);
  for (size_t d = IsFlat(g) ? 1 : 0; d < 3; ++d) dims.push_back(g.space[d].size);
  return dims;
}

// As TensorFlow stores it.
memory::desc PlainFilterDesc(const ConvGeometry& g) {
  memory::dims strides;
  if (g.groups() > 1) strides.push_back(g.group_out_channels());
  strides.push_back(1);
  strides.push_back(g.out_channels);
  const int64_t columns = g.filter_channels * g.out_channels;
  const int64_t rows = columns * g.space[2].size, planes = rows * g.space[1].size;
  if (!IsFlat(g)) strides.push_back(planes);
  strides.push_back(rows);
  strides.push_back(columns);
  return memory::desc(FilterDims(g), memory::data_type::f32, strides);
}

// How windows slide, in oneDNN's terms.
struct Sliding {
  memory::dims strides, dilations, before, after;
};
Sliding SlidingOf(const ConvGeometry& g) {
  Sliding s;
  for (size_t d = IsFlat(g) ? 1 : 0; d < 3; ++d) {
    const SlideDim& dim = g.space[d];
    s.strides.push_back(dim.stride);
    s.dilations.push_back(dim.dilation - 1);
    s.before.push_back(dim.before);
    const int64_t reach = (dim.out - 1) * dim.stride + (dim.size - 1) * dim.dilation + 1;
    s.after.push_back(std::max<int64_t>(0, reach - dim.in - dim.before));
  }
  return s;
}

// ---- primitives ---------------------------------------------------------------------------------

struct Tensors {
  memory::desc x, filter, bias, y;
};

struct Choice {
  dnnl::primitive primitive;
  Tensors used;
  memory::desc workspace;
  std::string_view implementation;
};

dnnl::primitive_attr Attributes(const ConvEpilogue& e) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops after;
  if (e.add) after.append_sum(1.f);
  if (e.activation == ConvActivation::kRelu)
    after.append_eltwise(1.f, dnnl::algorithm::eltwise_relu, 0.f, 0.f);
  if (e.activation == ConvActivation::kRelu6)
    after.append_eltwise(1.f, dnnl::algorithm::eltwise_clip, 0.f, 6.f);
  attr.set_post_ops(after);
  return attr;
}

// Which of oneDNN's ways.
struct Method {
  dnnl::algorithm algorithm = dnnl::algorithm::convolution_direct;
  // Winograd's form only: whether the filter comes as its transform, or is transformed at each run.
  bool transformed_filter = true;
};

dnnl::convolution_forward::primitive_desc ForwardDesc(const Sliding& s, const Tensors& t,
                                                      const Method& method, bool inference,
                                                      const dnnl::primitive_attr& attr) {
  const auto kind = inference && method.transformed_filter ? dnnl::prop_kind::forward_inference
                                                           : dnnl::prop_kind::forward_training;
  const dnnl::algorithm algorithm = method.algorithm;
  const dnnl::convolution_forward::desc desc =
      t.bias.is_zero()
          ? dnnl::convolution_forward::desc(kind, algorithm, t.x, t.filter, t.y, s.strides,
                                            s.dilations, s.before, s.after)
          : dnnl::convolution_forward::desc(kind, algorithm, t.x, t.filter, t.bias, t.y, s.strides,
                                            s.dilations, s.before, s.after);
  return dnnl::convolution_forward::primitive_desc(desc, attr, Engine());
}

// May throw dnnl::error.
Choice Choose(ConvPass pass, const ConvEpilogue& e, const ConvGeometry& g, const Tensors& t,
              const Method& method = {}) {
  const Sliding s = SlidingOf(g);
  const dnnl::algorithm algorithm = method.algorithm;
  dnnl::primitive_attr attr = Attributes(e);
  if (pass == ConvPass::kForward) {
    const auto d = ForwardDesc(s, t, method, /*inference=*/true, attr);
    return {dnnl::convolution_forward(d),
            {d.src_desc(), d.weights_desc(), t.bias, d.dst_desc()},
            d.scratchpad_desc(),
            d.impl_info_str()};
  }
  const auto hint = ForwardDesc(s, t, method, /*inference=*/false, {});
  if (pass == ConvPass::kBackInput) {
    const dnnl::convolution_backward_data::primitive_desc d(
        {algorithm, t.x, t.filter, t.y, s.strides, s.dilations, s.before, s.after}, attr, Engine(),
        hint);
    return {dnnl::convolution_backward_data(d),
            {d.diff_src_desc(), d.weights_desc(), t.bias, d.diff_dst_desc()},
            d.scratchpad_desc(),
            d.impl_info_str()};
  }
  const dnnl::convolution_backward_weights::primitive_desc d(
      {algorithm, t.x, t.filter, t.y, s.strides, s.dilations, s.before, s.after}, attr, Engine(),
      hint);
  return {dnnl::convolution_backward_weights(d),
          {d.src_desc(), d.diff_weights_desc(), t.bias, d.diff_dst_desc()},
          d.scratchpad_desc(),
          d.impl_info_str()};
}

bool IsSlow(std::string_view implementation) { return implementation.starts_with("ref"); }

memory::desc AnyOrder(const memory::desc& d) {
  return memory::desc(d.dims(), d.data_type(), memory::format_tag::any);
}

// ---- Winograd's form ----------------------------------------------------------------------------

// Its working memory may take this much; images are kept in the order of oneDNN's kernels besides.
constexpr size_t kMaxWinogradBytes = size_t{64} << 20;

// Tiles of 4 x 4 output pixels that the kernels work on.
int64_t Tiles(const ConvGeometry& g, bool in) {
  const auto tiles = [in](const SlideDim& d) { return ((in ? d.in : d.out) + 3) / 4; };
  return g.batch * tiles(g.space[1]) * tiles(g.space[2]);
}

// Whether it is faster than sums of products, as measured on processors with AVX-512: filters are
// transformed for fewer than a few tens of tiles at a loss, unless that is done beforehand. Depends
// on sizes alone, so that equal runs give equal bits.
bool WinogradPays(ConvPass pass, const ConvGeometry& g, bool constant_filter) {
  if (!WinogradFits(g, 3)) return false;
  if (std::min(g.in_channels, g.out_channels) < 32) return false;
  const double products =
      static_cast<double>(g.pixels() * g.window()) * static_cast<double>(g.out_channels);
  if (products < 1.5e7) return false;
  // Transformed filters are 16 / 9 as large: with few pixels reading them costs what is saved.
  if (constant_filter) return g.pixels() >= 100;
  return Tiles(g, pass == ConvPass::kBackInput) >= (pass == ConvPass::kBackFilter ? 40 : 32);
}

// Nothing if oneDNN has no kernel for it on this processor.
std::optional<Choice> ChooseWinograd(ConvPass pass, const ConvEpilogue& e, const ConvGeometry& g,
                                     const Tensors& plain, bool constant_filter) {
  if (!WinogradPays(pass, g, constant_filter)) return std::nullopt;
  const Tensors any = {AnyOrder(plain.x), AnyOrder(plain.filter), plain.bias, AnyOrder(plain.y)};
  // Kernels that transform the filter themselves have larger tiles, which pay where there are many.
  const Method method = {.algorithm = dnnl::algorithm::convolution_winograd,
                         .transformed_filter = constant_filter && Tiles(g, false) < 150};
  try {
    Choice choice = Choose(pass, e, g, any, method);
    if (choice.workspace.get_size() > kMaxWinogradBytes) return std::nullopt;
    return choice;
  } catch (const dnnl::error&) {
    return std::nullopt;
  }
}

}  // namespace

// A primitive, and how its tensors come from TensorFlow's orders.
struct DnnlConvolution::Prepared {
  // A tensor that the primitive wants in another order lives at `offset` of the workspace.
  struct Operand {
    memory::desc plain, used;
    bool converts = false;
    dnnl::reorder convert;
    dnnl::reorder load;  // of y, where a sum is added to what it held
    size_t offset = 0;
  };

  Prepared(const ConvGeometry& geometry, int team) : g(geometry), threads(team) {}

  void SetOperand(Operand* o, const memory::desc& plain, const memory::desc& used, bool written) {
    o->plain = plain;
    o->used = used;
    o->converts = plain != used;
    if (!o->converts) return;
    const memory::desc &from = written ? used : plain, &to = written ? plain : used;
    o->convert = dnnl::reorder(dnnl::reorder::primitive_desc(Engine(), from, Engine(), to));
    o->offset = workspace_bytes;
    workspace_bytes += RoundUp(used.get_size());
  }

  memory Place(const Operand& o, float* plain, char* workspace) const {
    return memory(o.used, Engine(), o.converts ? static_cast<void*>(workspace + o.offset) : plain);
  }
  static void Convert(const Operand& o, float* plain, memory& used, bool written) {
    if (!o.converts) return;
    memory outside(o.plain, Engine(), plain);
    o.convert.execute(Stream(), written ? used : outside, written ? outside : used);
  }

  const ConvGeometry g;
  const int threads;
  Choice choice;
  Operand x, filter, y;
  size_t scratch_offset = 0, workspace_bytes = 0;
};

struct DnnlConvolution::Packed {
  memory::desc order;
  Array filter;
};

DnnlConvolution::DnnlConvolution(ConvPass pass, ConvEpilogue epilogue, bool constant_filter,
                                 Array filter_scale)
    : pass_(pass),
      epilogue_(epilogue),
      constant_filter_(constant_filter),
      filter_scale_(std::move(filter_scale)) {}

DnnlConvolution::~DnnlConvolution() = default;

absl::Status DnnlConvolution::Find(const ConvGeometry& g, int threads,
                                   std::shared_ptr<Prepared>* found) {
  std::lock_guard lock(mu_);
  for (size_t i = 0; i < kept_.size(); ++i) {
    if (kept_[i]->threads != threads || !(kept_[i]->g == g)) continue;
    std::rotate(kept_.begin(), kept_.begin() + static_cast<long>(i),
                kept_.begin() + static_cast<long>(i) + 1);
    *found = kept_.front();
    return absl::OkStatus();
  }
  auto p = std::make_shared<Prepared>(g, threads);
  const Tensors plain = {
      ImageDesc(g, true), PlainFilterDesc(g),
      epilogue_.bias ? memory::desc({g.out_channels}, memory::data_type::f32, memory::format_tag::a)
                     : memory::desc(),
      ImageDesc(g, false)};
  Tensors wanted = plain;
  wanted.filter = AnyOrder(plain.filter);
  if (auto winograd = ChooseWinograd(pass_, epilogue_, g, plain, constant_filter_)) {
    p->choice = *std::move(winograd);
  } else {
    p->choice = Choose(pass_, epilogue_, g, wanted);
  }
  if (IsSlow(p->choice.implementation) && !epilogue_.add) {
    // Maybe there is a better one for other orders of the images.
    wanted.x = AnyOrder(plain.x);
    wanted.y = AnyOrder(plain.y);
    Choice other = Choose(pass_, epilogue_, g, wanted);
    if (!IsSlow(other.implementation)) p->choice = std::move(other);
  }
  if (IsSlow(p->choice.implementation))
    return absl::UnimplementedError("oneDNN has only its reference for this convolution");
  const Tensors& used = p->choice.used;
  p->SetOperand(&p->x, plain.x, used.x, pass_ == ConvPass::kBackInput);
  const size_t before_filter = p->workspace_bytes;
  p->SetOperand(&p->filter, plain.filter, used.filter, pass_ == ConvPass::kBackFilter);
  if (constant_filter_) p->workspace_bytes = before_filter;  // it has memory of its own
  p->SetOperand(&p->y, plain.y, used.y, pass_ == ConvPass::kForward);
  if (epilogue_.add && p->y.converts) {
    p->y.load =
        dnnl::reorder(dnnl::reorder::primitive_desc(Engine(), plain.y, Engine(), p->y.used));
  }
  p->scratch_offset = p->workspace_bytes;
  p->workspace_bytes += RoundUp(p->choice.workspace.get_size());
  kept_.insert(kept_.begin(), p);
  if (kept_.size() > kMaxKept) kept_.pop_back();
  *found = std::move(p);
  return absl::OkStatus();
}

absl::StatusOr<Array> DnnlConvolution::ScaledFilter(KernelContext& ctx, const Array& filter) const {
  if (!filter_scale_.valid()) return filter;
  WEFT_ASSIGN_OR_RETURN(Array scaled, ctx.AllocateTemp(kFloat32, filter.shape()));
  const float *from = filter.data<float>(), *scale = filter_scale_.data<float>();
  float* to = scaled.mutable_data<float>();
  // Output channels are the innermost dimension; a depthwise filter's are the inner two.
  const int64_t n = filter_scale_.num_elements();
  for (int64_t i = 0; i < filter.num_elements(); i += n) {
    for (int64_t c = 0; c < n; ++c) to[i + c] = from[i + c] * scale[c];
  }
  return scaled;
}

absl::StatusOr<Array> DnnlConvolution::PackedFilter(KernelContext& ctx, const ConvGeometry& g,
                                                    const Prepared& p, const float* filter) {
  std::lock_guard lock(mu_);
  for (const Packed& known : packed_) {
    if (known.order == p.filter.used) return known.filter;
  }
  const int64_t size = g.taps() * g.filter_channels * g.out_channels;
  Array plain = Array::FromMemory(filter, Shape({size}));
  WEFT_ASSIGN_OR_RETURN(plain, ScaledFilter(ctx, plain));
  if (p.filter.converts) {
    const auto bytes = static_cast<int64_t>(p.filter.used.get_size());
    WEFT_ASSIGN_OR_RETURN(Array packed, ctx.AllocateTemp(kUint8, Shape({bytes})));
    memory to(p.filter.used, Engine(), packed.mutable_data<uint8_t>());
    Prepared::Convert(p.filter, static_cast<float*>(plain.raw_data()), to, false);
    Stream().wait();
    plain = std::move(packed);
  }
  packed_.push_back({p.filter.used, plain});
  return plain;
}

absl::StatusOr<Array> ConvWorkspace(KernelContext& ctx, int output, const Shape& bytes) {
  if (output >= ctx.num_outputs()) return ctx.AllocateTemp(kUint8, bytes);
  WEFT_ASSIGN_OR_RETURN(Array * memory, ctx.AllocateOutput(output, bytes));
  return *memory;
}

absl::Status DnnlConvolution::Run(KernelContext& ctx, int workspace_output, const ConvGeometry& g,
                                  const ConvTensors& t) try {
  const TeamSize team(ctx.num_threads());
  std::shared_ptr<Prepared> p;
  WEFT_RETURN_IF_ERROR(Find(g, ctx.num_threads(), &p));
  WEFT_ASSIGN_OR_RETURN(
      Array workspace,
      ConvWorkspace(ctx, workspace_output, Shape({static_cast<int64_t>(p->workspace_bytes)})));
  char* const room = reinterpret_cast<char*>(workspace.mutable_data<uint8_t>());
  memory x = p->Place(p->x, t.x, room), filter = p->Place(p->filter, t.filter, room),
         y = p->Place(p->y, t.y, room);
  memory scratch(p->choice.workspace, Engine(), room + p->scratch_offset);

  if (pass_ != ConvPass::kBackInput) Prepared::Convert(p->x, t.x, x, false);
  if (pass_ != ConvPass::kForward) Prepared::Convert(p->y, t.y, y, false);
  if (epilogue_.add && p->y.converts) {
    memory outside(p->y.plain, Engine(), t.y);
    p->y.load.execute(Stream(), outside, y);
  }
  Array packed;
  if (constant_filter_ && (p->filter.converts || filter_scale_.valid())) {
    WEFT_ASSIGN_OR_RETURN(packed, PackedFilter(ctx, g, *p, t.filter));
    filter.set_data_handle(packed.raw_data());
  } else if (pass_ != ConvPass::kBackFilter) {
    Prepared::Convert(p->filter, t.filter, filter, false);
  }

  const bool forward = pass_ == ConvPass::kForward;
  std::unordered_map<int, memory> arguments{{DNNL_ARG_SCRATCHPAD, scratch}};
  arguments.emplace(pass_ == ConvPass::kBackInput ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, x);
  arguments.emplace(pass_ == ConvPass::kBackFilter ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS,
                    filter);
  arguments.emplace(forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, y);
  if (epilogue_.bias)
    arguments.emplace(DNNL_ARG_BIAS,
                      memory(p->choice.used.bias, Engine(), const_cast<float*>(t.bias)));
  p->choice.primitive.execute(Stream(), arguments);

  if (pass_ == ConvPass::kBackInput) Prepared::Convert(p->x, t.x, x, true);
  if (pass_ == ConvPass::kBackFilter) Prepared::Convert(p->filter, t.filter, filter, true);
  if (forward) Prepared::Convert(p->y, t.y, y, true);
  Stream().wait();
  return absl::OkStatus();
} catch (const dnnl::error& e) {
  if (e.status == dnnl_unimplemented || e.status == dnnl_invalid_arguments)
    return absl::UnimplementedError(e.message);
  return ctx.Error(e.status == dnnl_out_of_memory ? absl::StatusCode::kResourceExhausted
                                                  : absl::StatusCode::kInternal,
                   StrCat("oneDNN: ", e.message));
}

}  // namespace weft::cpu
