// SPDX-License-Identifier: Apache-2.0
// A checkpoint's tensors, without any graph.
#include <iostream>

#include "weft/weft.h"

namespace wf = weft;

int main() {
  wf::train::CheckpointReader reader("model/model.ckpt");
  for (const auto& [name, shape] : reader.GetVariableToShapeMap())
    std::cout << name << ' ' << shape.ToString() << '\n';
  std::cout << "Value for variable v1 is " << reader.GetTensor("v1") << '\n';
}
