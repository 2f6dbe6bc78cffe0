# SPDX-License-Identifier: Apache-2.0

# weft_layer(NAME [GLOB] [SOURCES file...] [NEEDS layer|package::target...] [PRECOMPILE header...])
#
# Makes the object library weft_NAME, a part of libweft, from the sources named and, with GLOB, from all *.cc and *.cu at or
# below the folder; folders of optional backends have a CMakeLists.txt, and a layer, of their own. NEEDS names the layers
# above it and the packages that it uses. A folder that holds no source yet makes nothing. PRECOMPILE names headers that most
# of the sources include: they are parsed once (WEFT_PRECOMPILE).
function(weft_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 LAYER "GLOB" "" "SOURCES;NEEDS;PRECOMPILE")
  if(LAYER_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "weft_layer(${name}): unknown arguments: ${LAYER_UNPARSED_ARGUMENTS}")
  endif()
  if(LAYER_GLOB)
    file(GLOB_RECURSE found CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.cc *.cu)
    list(FILTER found EXCLUDE REGEX "^(cuda|mpi)/")
    list(APPEND LAYER_SOURCES ${found})
    list(REMOVE_DUPLICATES LAYER_SOURCES)
  endif()
  if(NOT LAYER_SOURCES)
    return()
  endif()
  add_library(weft_${name} OBJECT ${LAYER_SOURCES})
  target_link_libraries(weft_${name} PRIVATE weft_options)
  foreach(need IN LISTS LAYER_NEEDS)
    if(need MATCHES "::")
      target_link_libraries(weft_${name} PUBLIC ${need})
      set_property(GLOBAL APPEND PROPERTY WEFT_PACKAGES ${need})
    elseif(TARGET weft_${need})
      target_link_libraries(weft_${name} PUBLIC weft_${need})
    endif()
  endforeach()
  if(WEFT_PRECOMPILE AND LAYER_PRECOMPILE)
    list(TRANSFORM LAYER_PRECOMPILE REPLACE "(.+)" "$<$<COMPILE_LANGUAGE:CXX>:<\\1$<ANGLE-R>>")
    target_precompile_headers(weft_${name} PRIVATE ${LAYER_PRECOMPILE})
  endif()
  set_property(GLOBAL APPEND PROPERTY WEFT_LAYERS weft_${name})
endfunction()
