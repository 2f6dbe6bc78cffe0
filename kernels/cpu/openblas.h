// SPDX-License-Identifier: Apache-2.0
// OpenBLAS, loaded at the first call: a program that never needs it starts milliseconds earlier,
// since the loader looks up the fourteen thousand names in its tables at once. Thread-safe. If the
// library isn't installed, that first call ends the process, as the loader would have done.
#pragma once

#include <cblas.h>

#include <atomic>

namespace weft::cpu {

// The address of a function of libopenblas.so.0.
void* OpenBlasSymbol(const char* name);

template <typename F>
class OpenBlasFunction;

// Called like the function itself.
template <typename R, typename... A>
class OpenBlasFunction<R(A...)> {
 public:
  constexpr explicit OpenBlasFunction(const char* name) : name_(name) {}
  OpenBlasFunction(const OpenBlasFunction&) = delete;
  OpenBlasFunction& operator=(const OpenBlasFunction&) = delete;

  R operator()(A... arguments) const {
    void* symbol = symbol_.load(std::memory_order_acquire);
    if (symbol == nullptr) {
      symbol = OpenBlasSymbol(name_);
      symbol_.store(symbol, std::memory_order_release);
    }
    return reinterpret_cast<R (*)(A...)>(symbol)(arguments...);
  }

 private:
  const char* const name_;
  mutable std::atomic<void*> symbol_ = nullptr;
};

// blas::cblas_sgemm and so on, with the types of the library's header.
#define WEFT_OPENBLAS(name) inline const OpenBlasFunction<decltype(::name)> name(#name)
namespace blas {
WEFT_OPENBLAS(openblas_set_num_threads);
WEFT_OPENBLAS(cblas_sgemm);
WEFT_OPENBLAS(cblas_dgemm);
WEFT_OPENBLAS(cblas_cgemm);
WEFT_OPENBLAS(cblas_zgemm);
WEFT_OPENBLAS(cblas_strsm);
WEFT_OPENBLAS(cblas_dtrsm);
WEFT_OPENBLAS(cblas_ctrsm);
WEFT_OPENBLAS(cblas_ztrsm);
WEFT_OPENBLAS(cblas_ssyrk);
WEFT_OPENBLAS(cblas_dsyrk);
WEFT_OPENBLAS(cblas_cherk);
WEFT_OPENBLAS(cblas_zherk);
}  // namespace blas

}  // namespace weft::cpu
