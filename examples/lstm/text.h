// SPDX-License-Identifier: Apache-2.0
// Text for language models: tokens (characters or words), windows for truncated back-propagation,
// and a text that needs no file.
//
// Throws std::runtime_error with a text for users: files that can't be read, texts that are too
// short or that have tokens which the vocabulary lacks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/array.h"

namespace weft::examples {

enum class TokenKind {
  kCharacter,  // bytes
  kWord,       // whatever stands between spaces; the end of a line is "<eos>"
};

// A number for each token. Of a text it depends on nothing but the text.
class Vocabulary {
 public:
  // Characters in their order, or words by falling frequency. Of more than max_size words the
  // rarest are "<unk>"; 0: no limit.
  Vocabulary(std::string_view text, TokenKind kind, int64_t max_size = 0);
  // A file that Write wrote.
  explicit Vocabulary(const std::filesystem::path& path);
  void Write(const std::filesystem::path& path) const;

  TokenKind kind() const { return kind_; }
  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
  const std::string& token(int64_t id) const { return tokens_.at(static_cast<size_t>(id)); }
  // Words that are not known are "<unk>", if there is such a token.
  std::vector<int32_t> Encode(std::string_view text) const;
  std::string Decode(const std::vector<int32_t>& ids) const;

 private:
  void Index();

  TokenKind kind_ = TokenKind::kCharacter;
  std::vector<std::string> tokens_;
  std::map<std::string, int32_t, std::less<>> ids_;
};

// Tokens to learn from, and tokens to judge by.
struct Corpus {
  std::vector<int32_t> train, valid;
};
// The last tenth judges.
Corpus Split(const std::vector<int32_t>& ids);

// Cuts tokens into `batch_size` rows that are read side by side, `steps` tokens at a time: row b of
// window w+1 goes on where row b of window w ends, so that a net may keep its state between them.
class Windows {
 public:
  Windows(std::vector<int32_t> ids, int64_t batch_size, int64_t steps);

  int64_t count() const { return count_; }
  struct Window {
    Array inputs, targets;  // int32 [batch, steps]: a target is the token after its input
  };
  // Of window w mod count().
  Window Get(int64_t w) const;

 private:
  std::vector<int32_t> ids_;
  int64_t batch_size_, steps_, row_, count_;
};

std::string ReadText(const std::filesystem::path& path);

// Sentences of a small grammar, one a line, the same ones for the same seed: a verb agrees with its
// subject, which may stand a clause before it. Plain text has neither capitals nor stops.
std::string MakeText(int64_t sentences, uint32_t seed, bool plain);

}  // namespace weft::examples
