// SPDX-License-Identifier: Apache-2.0
// Texts: tf.strings.
//
//   wf::Tensor words = wf::strings::Lower(wf::strings::Strip(lines));
//   wf::SparseTensor tokens = wf::strings::Split(words);           // at white space
//   wf::Tensor ids = wf::strings::ToHashBucketFast(tokens.values, 1000);
//
// Each function adds a node to the graph of its inputs; texts are any bytes, and shapes stay as
// they are unless it says otherwise. Nothing here has a gradient. Mistakes in arguments throw
// InvalidArgumentError; texts that break a rule fail when the graph runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/sparse_tensor.h"
#include "weft/ops/int_list.h"

namespace weft::strings {

// What lengths and positions count.
enum class Unit { kByte, kUtf8Char };

struct UnitOptions {
  Unit unit = Unit::kByte;
  std::string name = {};
};
// int32.
Tensor Length(const Input& input, const UnitOptions& options = {});
// At most `len` bytes or characters from `pos` on; a negative pos counts from the end. pos and len
// are integers of one dtype and shape, which is broadcast with the input's. Fails at run where pos
// lies outside of the text.
Tensor Substr(const Input& input, const Input& pos, const Input& len,
              const UnitOptions& options = {});

struct CaseOptions {
  std::string encoding = {};  // "" changes letters of ASCII; "utf-8" those of all scripts
  std::string name = {};
};
Tensor Lower(const Input& input, const CaseOptions& options = {});
Tensor Upper(const Input& input, const CaseOptions& options = {});
// Without white space of ASCII at either end.
Tensor Strip(const Input& input, const NameOptions& options = {});

// Whether the whole text matches a pattern of RE2's syntax. bool. A pattern that is no literal is
// compiled at each run.
Tensor RegexFullMatch(const Input& input, const Input& pattern, const NameOptions& options = {});
struct RegexReplaceOptions {
  bool replace_global = true;  // else the first match alone
  std::string name = {};
};
// `rewrite` may name groups of the match: \1, \2; \0 is the match.
Tensor RegexReplace(const Input& input, const Input& pattern, const Input& rewrite,
                    const RegexReplaceOptions& options = {});

struct JoinOptions {
  std::string separator = {};
  std::string name = {};
};
// The inputs element by element; scalars go with every element.
Tensor Join(const std::vector<Input>& inputs, const JoinOptions& options = {});
struct ReduceJoinOptions {
  std::optional<IntList> axis = {};  // none: all; the dimension named first is joined first
  bool keepdims = false;
  std::string separator = {};
  std::string name = {};
};
Tensor ReduceJoin(const Input& inputs, const ReduceJoinOptions& options = {});
// The texts of each segment in turn. Ids outside of [0, num_segments) fail at run.
Tensor UnsortedSegmentJoin(const Input& inputs, const Input& segment_ids, const Input& num_segments,
                           const JoinOptions& options = {});

struct SplitOptions {
  std::string sep = {};   // a separator as a whole; "": runs of white space
  int64_t maxsplit = -1;  // so many splits at most, if it is positive
  std::string name = {};
};
// The parts of each text of a vector: a sparse matrix with a row for each.
SparseTensor Split(const Input& input, const SplitOptions& options = {});
struct StringSplitOptions {
  std::string delimiter = " ";  // each of its bytes separates; "": every byte is a part
  bool skip_empty = true;
};
// tf.string_split.
SparseTensor StringSplit(const Input& source, const StringSplitOptions& options = {});

struct FormatOptions {
  std::string placeholder = "{}";
  int64_t summarize = 3;  // so many first and last elements of each dimension; -1: all
  std::string name = {};
};
// The template with a summary of the next input for each placeholder: a scalar.
Tensor Format(const std::string& text, const std::vector<Input>& inputs,
              const FormatOptions& options = {});

struct AsStringOptions {
  int64_t precision = -1;   // digits behind the point
  bool scientific = false;  // 1.5e+00
  bool shortest = false;    // the shorter of both notations
  int64_t width = -1;       // so wide at least
  std::string fill = {};    // what fills the width: "0", "+", "-", "#" or " "
  std::string name = {};
};
// Numbers and truth values as texts.
Tensor AsString(const Input& input, const AsStringOptions& options = {});
// (ToNumber, the way back, is in weft/ops/parsing.h.)

// int64 in [0, num_buckets). The fast one gives the same numbers for ever; the strong one's can't
// be foreseen without its key, two numbers.
Tensor ToHashBucketFast(const Input& input, int64_t num_buckets, const NameOptions& options = {});
Tensor ToHashBucketStrong(const Input& input, int64_t num_buckets, const std::vector<int64_t>& key,
                          const NameOptions& options = {});
Tensor ToHashBucket(const Input& input, int64_t num_buckets, const NameOptions& options = {});

// RFC 4648 with the alphabet for web addresses. Decoding takes texts with padding and without.
Tensor EncodeBase64(const Input& input, bool pad = false, const NameOptions& options = {});
Tensor DecodeBase64(const Input& input, const NameOptions& options = {});

// ---- Unicode ----

struct UnicodeOptions {
  // What wrong bytes become: "replace" by replacement_char, "ignore": nothing, "strict": an error.
  std::string errors = "replace";
  int64_t replacement_char = 0xfffd;
  bool replace_control_characters = false;  // U+0000 to U+001F count as wrong
  std::string name = {};
};
// Row i has elements [row_splits[i], row_splits[i + 1]) of the vectors.
struct CodePoints {
  Tensor row_splits;   // int64
  Tensor values;       // int32
  Tensor byte_starts;  // int64: where each character begins in its text; invalid unless asked for
};
// `input_encoding`: any that ICU knows, as "UTF-8". A row for each text.
CodePoints UnicodeDecode(const Input& input, const std::string& input_encoding,
                         const UnicodeOptions& options = {});
CodePoints UnicodeDecodeWithOffsets(const Input& input, const std::string& input_encoding,
                                    const UnicodeOptions& options = {});
// `output_encoding`: "UTF-8", "UTF-16-BE" or "UTF-32-BE". A vector with a text for each row.
Tensor UnicodeEncode(const Input& values, const Input& row_splits,
                     const std::string& output_encoding, const UnicodeOptions& options = {});
Tensor UnicodeTranscode(const Input& input, const std::string& input_encoding,
                        const std::string& output_encoding, const UnicodeOptions& options = {});
// The number that ICU gives the script of each code point (int32); -1 of what is none.
Tensor UnicodeScript(const Input& input, const NameOptions& options = {});

}  // namespace weft::strings
