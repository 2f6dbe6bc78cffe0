// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/openblas.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

namespace weft::cpu {

void* OpenBlasSymbol(const char* name) {
  static void* const library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  void* const symbol = library != nullptr ? dlsym(library, name) : nullptr;
  if (symbol == nullptr) {
    std::fprintf(stderr, "Weft needs OpenBLAS (Debian's libopenblas0-pthread): %s\n", dlerror());
    std::abort();
  }
  return symbol;
}

}  // namespace weft::cpu
