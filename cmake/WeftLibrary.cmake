# SPDX-License-Identifier: Apache-2.0
# Links the objects of all layers into libweft.so and, if WEFT_STATIC is set, into libweft.a.
get_property(layers GLOBAL PROPERTY WEFT_LAYERS)
get_property(packages GLOBAL PROPERTY WEFT_PACKAGES)
list(REMOVE_DUPLICATES packages)
if(TARGET weft_proto)
  list(APPEND layers weft_proto)
  list(APPEND packages protobuf::libprotobuf)
endif()
list(TRANSFORM layers REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")

# What the public headers themselves include; all else stays inside.
set(WEFT_PUBLIC_PACKAGES absl::status absl::statusor absl::strings absl::span absl::function_ref)

# The programs of one machine share one libweft; what a layer uses is linked once, here.
function(weft_library target kind)
  add_library(${target} ${kind} ${layers})
  add_library(Weft::${target} ALIAS ${target})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME weft LINKER_LANGUAGE CXX
                        VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PUBLIC ${WEFT_PUBLIC_PACKAGES} PRIVATE ${packages} $<BUILD_INTERFACE:weft_options>)
endfunction()

include(GNUInstallDirs)
weft_library(weft SHARED)
# The library calls its own functions directly: half of the names that the dynamic loader looks up at each start.
target_link_options(weft PRIVATE -Wl,--as-needed -Wl,-Bsymbolic-functions)
if(NOT WEFT_SANITIZE)  # the sanitizers' own functions come from the program
  target_link_options(weft PRIVATE -Wl,--no-undefined)
endif()
if(WEFT_STATIC)
  weft_library(weft_static STATIC)
endif()
