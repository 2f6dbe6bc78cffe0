# SPDX-License-Identifier: Apache-2.0
# Headers, libraries, find_package(Weft) and pkg-config.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Weft)

install(DIRECTORY include/weft DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${PROJECT_BINARY_DIR}/include/weft DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} OPTIONAL
        FILES_MATCHING PATTERN "*.h")  # those made by the build

install(TARGETS weft EXPORT WeftTargets)
install(EXPORT WeftTargets NAMESPACE Weft:: DESTINATION ${package_dir})
if(WEFT_STATIC)
  install(TARGETS weft_static EXPORT WeftStaticTargets)
  install(EXPORT WeftStaticTargets NAMESPACE Weft:: DESTINATION ${package_dir})
  install(FILES cmake/WeftDependencies.cmake DESTINATION ${package_dir})
endif()

configure_package_config_file(cmake/WeftConfig.cmake.in WeftConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(WeftConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/WeftConfig.cmake ${PROJECT_BINARY_DIR}/WeftConfigVersion.cmake
        DESTINATION ${package_dir})

string(REPLACE "::" "_" WEFT_PC_REQUIRES "${WEFT_PUBLIC_PACKAGES}")
list(JOIN WEFT_PC_REQUIRES " " WEFT_PC_REQUIRES)
# Relative, so that the installed tree may be moved.
file(RELATIVE_PATH WEFT_PC_INCLUDE
     ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(cmake/weft.pc.in weft.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/weft.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
