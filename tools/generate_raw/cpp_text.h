// SPDX-License-Identifier: Apache-2.0
// Names, types and literals of C++ for what a schema holds.
#pragma once

#include <string>
#include <string_view>

#include "weft/graph/op_def.h"

namespace weft::raw {

// `name` as a name of a parameter or member: keywords of C++ and names that the generated functions
// use themselves get an underscore.
std::string Identifier(std::string_view name);

// The type of an attribute's value: "int64_t", "std::vector<DataType>"; "" for a type of attribute
// that is not known.
std::string TypeOf(const AttrDef& attr);
// The same as a parameter: large ones by reference.
std::string ParameterTypeOf(const AttrDef& attr);

// An expression for the value, which initialises a variable of that type.
std::string Literal(const AttrValue& value);

// "kFloat32".
std::string DTypeConstant(DataType dtype);

// `text` as comment lines of at most 100 columns, the first and the others indented as given.
std::string Comment(std::string_view text, std::string_view first = "",
                    std::string_view others = "");

// A declaration or call, broken between its arguments where it is longer than a line.
std::string Wrapped(std::string_view code);

}  // namespace weft::raw
