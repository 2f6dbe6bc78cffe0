// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/ctc.h"

namespace weft::nn {
namespace {

// Indices of all paths, then their values, then their shapes, then the probabilities.
CtcDecoded Decoded(const std::vector<Tensor>& out, size_t paths) {
  CtcDecoded d;
  for (size_t p = 0; p < paths; ++p)
    d.decoded.push_back({out[p], out[paths + p], out[2 * paths + p]});
  d.log_probability = out[3 * paths];
  return d;
}

}  // namespace

Tensor CtcLoss(const CtcLabels& labels, const Input& inputs, const Input& sequence_length,
               const CtcLossOptions& o) {
  const GraphScope use(GraphOf({&inputs, &sequence_length}));
  Tensor x = AsTensor(inputs, kInvalidType, "logits");
  if (!o.time_major) x = Transpose(x, {1, 0, 2});
  const DataType dtype = RemoveRef(x.dtype());
  x = internal::CastUnlessSame(x, internal::PreciseDtype(dtype));
  const Tensor loss =
      OpBuilder("CTCLoss", NameOptions())
          .In(x)
          .In(labels.indices)
          .In(labels.values)
          .In(sequence_length)
          .Attr("preprocess_collapse_repeated", o.preprocess_collapse_repeated)
          .Attr("ctc_merge_repeated", o.ctc_merge_repeated)
          .Attr("ignore_longer_outputs_than_inputs", o.ignore_longer_outputs_than_inputs)
          .Outputs()[0];
  return internal::CastUnlessSame(loss, dtype);
}

CtcDecoded CtcGreedyDecoder(const Input& inputs, const Input& sequence_length,
                            const CtcGreedyDecoderOptions& o) {
  return Decoded(OpBuilder("CTCGreedyDecoder", NameOptions())
                     .In(inputs)
                     .In(sequence_length)
                     .Attr("merge_repeated", o.merge_repeated)
                     .Attr("blank_index", o.blank_index)
                     .Outputs(),
                 1);
}

CtcDecoded CtcBeamSearchDecoder(const Input& inputs, const Input& sequence_length,
                                const CtcBeamSearchDecoderOptions& o) {
  return Decoded(OpBuilder("CTCBeamSearchDecoder", NameOptions())
                     .In(inputs)
                     .In(sequence_length)
                     .Attr("beam_width", o.beam_width)
                     .Attr("top_paths", o.top_paths)
                     .Attr("merge_repeated", o.merge_repeated)
                     .Outputs(),
                 static_cast<size_t>(o.top_paths));
}

}  // namespace weft::nn
