# SPDX-License-Identifier: Apache-2.0
# Finds the libraries that Weft is made from. Also installed, for programs that link the static library.
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_package(GIF REQUIRED)
find_package(Snappy REQUIRED CONFIG)
find_package(leveldb REQUIRED CONFIG)

# Names a library that brings no CMake package, or one that asks for more than its use needs (dnnl: the headers of OpenCL).
function(weft_find_library target header library)
  cmake_parse_arguments(PARSE_ARGV 3 FIND "" "" "SUFFIXES")
  if(TARGET ${target})
    return()
  endif()
  find_path(WEFT_${library}_INCLUDE ${header} PATH_SUFFIXES ${FIND_SUFFIXES} REQUIRED)
  find_library(WEFT_${library}_LIBRARY ${library} PATH_SUFFIXES ${FIND_SUFFIXES} REQUIRED)
  mark_as_advanced(WEFT_${library}_INCLUDE WEFT_${library}_LIBRARY)
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${WEFT_${library}_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${WEFT_${library}_INCLUDE})
endfunction()

# The OpenMP build by its own folder: the default libopenblas.so may be the one with threads of its own.
weft_find_library(OpenBLAS::OpenBLAS cblas.h openblas
                  SUFFIXES openblas-openmp ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp)
weft_find_library(DNNL::dnnl oneapi/dnnl/dnnl.hpp dnnl)
weft_find_library(hwy::hwy hwy/highway.h hwy)
weft_find_library(re2::re2 re2/re2.h re2)
weft_find_library(ICU::uc unicode/ucnv.h icuuc)
weft_find_library(WebP::webp webp/decode.h webp)
