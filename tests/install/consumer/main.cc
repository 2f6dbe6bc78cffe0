// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include <iostream>

int main() {
  weft::Tensor sum = weft::Constant({1, 2}) + weft::Constant({2, 3});
  weft::Session session;
  std::cout << session.Run(sum) << "\n";
}
