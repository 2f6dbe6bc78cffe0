// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/named_resource.h"

#include <vector>

namespace weft {

NamedResource::NamedResource(KernelConstruction& c, const char* type, bool by_reference) {
  handle_.container = c.AttrOr<std::string>("container", "");
  if (handle_.container.empty()) handle_.container = c.resources().default_container();
  handle_.name = c.AttrOr<std::string>("shared_name", "");
  if (handle_.name.empty()) handle_.name = c.UniqueNodeName();
  handle_.type = type;
  handle_.slot = c.resources().Slot(handle_.container, handle_.type, handle_.name);
  if (!by_reference) {
    value_ = Array(handle_);
    return;
  }
  reference_ = std::make_unique<VariableState>(kString, handle_.name, Shape({2}));
  reference_->Replace(Array::FromVector(std::vector<std::string>{handle_.container, handle_.name}));
}

void NamedResource::HandOut(KernelContext& ctx) const {
  if (reference_)
    ctx.set_output_ref(0, reference_.get());
  else
    ctx.set_output(0, value_);
}

absl::StatusOr<std::shared_ptr<Resource>> ResourceByNames(KernelContext& ctx, const char* type) {
  Array names = ctx.input(0);
  if (ctx.input_is_ref(0)) {
    WEFT_ASSIGN_OR_RETURN(VariableState * v, ctx.variable(0));
    names = v->Read();
  }
  if (!names.valid() || names.dtype() != kString) return std::shared_ptr<Resource>();
  if (names.num_elements() != 2) {
    return ctx.InvalidArgument(StrCat("Resource handle must have two elements, but had shape: ",
                                      names.shape().ToString()));
  }
  const std::string *container = names.data<std::string>(), *name = container + 1;
  std::shared_ptr<Resource> any = ctx.resources().Slot(*container, type, *name)->Get();
  if (any) return any;
  return ctx.Error(absl::StatusCode::kNotFound,
                   StrCat("Resource ", *container, "/", *name, "/", type, " does not exist."));
}

absl::Status WithNodeName(const KernelContext& ctx, const absl::Status& s) {
  return s.ok() ? s : ctx.Error(s.code(), StrCat(s.message()));
}

}  // namespace weft
