// SPDX-License-Identifier: Apache-2.0
#include "examples/lstm/text.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "examples/support/mt19937.h"

namespace weft::examples {
namespace {

constexpr std::string_view kEndOfLine = "<eos>", kUnknown = "<unk>";

// Calls f with each token.
template <typename F>
void ForEachToken(std::string_view text, TokenKind kind, F f) {
  if (kind == TokenKind::kCharacter) {
    for (size_t i = 0; i < text.size(); ++i) f(text.substr(i, 1));
    return;
  }
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : '\n';
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') continue;
    if (i > begin) f(text.substr(begin, i - begin));
    if (c == '\n' && i < text.size()) f(kEndOfLine);
    begin = i + 1;
  }
}

// One token a line: the end of a line and the backslash are written with a backslash.
std::string Escaped(std::string_view token) {
  std::string out;
  for (const char c : token) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\\') {
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Unescaped(std::string_view line) {
  std::string out;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      out += line[i];
      continue;
    }
    const char c = line[++i];
    if (c == 'n') {
      out += '\n';
    } else if (c == 'r') {
      out += '\r';
    } else {
      out += c;
    }
  }
  return out;
}

std::vector<std::string> Characters(std::string_view text) {
  std::array<bool, 256> seen{};
  for (const char c : text) seen[static_cast<unsigned char>(c)] = true;
  std::vector<std::string> tokens;
  for (size_t c = 0; c < seen.size(); ++c) {
    if (seen[c]) tokens.emplace_back(1, static_cast<char>(c));
  }
  return tokens;
}

std::vector<std::string> FrequentWords(std::string_view text, int64_t max_size) {
  std::unordered_map<std::string, int64_t> counts;
  ForEachToken(text, TokenKind::kWord, [&](std::string_view w) { ++counts[std::string(w)]; });
  std::vector<std::pair<std::string, int64_t>> words(counts.begin(), counts.end());
  std::sort(words.begin(), words.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  std::vector<std::string> tokens;
  for (auto& [word, count] : words) tokens.push_back(std::move(word));
  if (max_size <= 0 || static_cast<int64_t>(tokens.size()) <= max_size) return tokens;
  tokens.resize(static_cast<size_t>(max_size));
  if (std::find(tokens.begin(), tokens.end(), kUnknown) == tokens.end())
    tokens.back() = std::string(kUnknown);
  return tokens;
}

}  // namespace

Vocabulary::Vocabulary(std::string_view text, TokenKind kind, int64_t max_size) : kind_(kind) {
  tokens_ = kind == TokenKind::kCharacter ? Characters(text) : FrequentWords(text, max_size);
  Index();
}

Vocabulary::Vocabulary(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  if (!std::getline(file, line) || (line != "characters" && line != "words"))
    throw std::runtime_error("'" + path.string() + "' is no vocabulary");
  kind_ = line == "words" ? TokenKind::kWord : TokenKind::kCharacter;
  while (std::getline(file, line)) tokens_.push_back(Unescaped(line));
  Index();
}

void Vocabulary::Write(const std::filesystem::path& path) const {
  // Under another name first: a program that is killed leaves no half of it.
  const std::filesystem::path part = path.string() + ".part";
  {
    std::ofstream file(part, std::ios::binary);
    file << (kind_ == TokenKind::kWord ? "words" : "characters") << '\n';
    for (const std::string& token : tokens_) file << Escaped(token) << '\n';
    if (!file.flush()) throw std::runtime_error("can't write '" + path.string() + "'");
  }
  std::filesystem::rename(part, path);
}

void Vocabulary::Index() {
  for (size_t i = 0; i < tokens_.size(); ++i) ids_.emplace(tokens_[i], static_cast<int32_t>(i));
}

std::vector<int32_t> Vocabulary::Encode(std::string_view text) const {
  const auto unknown = ids_.find(kUnknown);
  std::vector<int32_t> ids;
  ForEachToken(text, kind_, [&](std::string_view token) {
    auto it = ids_.find(token);
    if (it == ids_.end()) it = unknown;
    if (it == ids_.end())
      throw std::runtime_error("the vocabulary lacks '" + Escaped(token) +
                               "', which is in the text");
    ids.push_back(it->second);
  });
  return ids;
}

std::string Vocabulary::Decode(const std::vector<int32_t>& ids) const {
  std::string text;
  for (const int32_t id : ids) {
    const std::string& t = token(id);
    if (kind_ == TokenKind::kCharacter) {
      text += t;
    } else if (t == kEndOfLine) {
      text += '\n';
    } else {
      if (!text.empty() && text.back() != '\n') text += ' ';
      text += t;
    }
  }
  return text;
}

Corpus Split(const std::vector<int32_t>& ids) {
  const auto cut = ids.begin() + static_cast<std::ptrdiff_t>(ids.size() - ids.size() / 10);
  return {{ids.begin(), cut}, {cut, ids.end()}};
}

Windows::Windows(std::vector<int32_t> ids, int64_t batch_size, int64_t steps)
    : ids_(std::move(ids)), batch_size_(batch_size), steps_(steps) {
  if (batch_size < 1 || steps < 1)
    throw std::runtime_error("the batch size and the number of steps must be 1 at least");
  row_ = static_cast<int64_t>(ids_.size()) / batch_size;
  count_ = (row_ - 1) / steps;
  if (row_ < 2 || count_ < 1) {
    throw std::runtime_error("a text of " + std::to_string(ids_.size()) +
                             " tokens is too short for batches of " + std::to_string(batch_size) +
                             " times " + std::to_string(steps));
  }
}

Windows::Window Windows::Get(int64_t w) const {
  const Shape shape({batch_size_, steps_});
  Window window{Array(kInt32, shape), Array(kInt32, shape)};
  for (int64_t b = 0; b < batch_size_; ++b) {
    const int32_t* from = ids_.data() + b * row_ + w % count_ * steps_;
    std::copy_n(from, steps_, window.inputs.mutable_data<int32_t>() + b * steps_);
    std::copy_n(from + 1, steps_, window.targets.mutable_data<int32_t>() + b * steps_);
  }
  return window;
}

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file || text.empty())
    throw std::runtime_error("'" + path.string() + "' can't be read, or is empty");
  return text;
}

// ---- A text of one's own ------------------------------------------------------------------------

namespace {

struct Noun {
  std::string_view one, many;
};
constexpr Noun kPersons[] = {{"sailor", "sailors"},     {"miller", "millers"},
                             {"painter", "painters"},   {"child", "children"},
                             {"fisher", "fishers"},     {"teacher", "teachers"},
                             {"baker", "bakers"},       {"gardener", "gardeners"},
                             {"shepherd", "shepherds"}, {"neighbour", "neighbours"}};
constexpr Noun kThings[] = {{"boat", "boats"},     {"lamp", "lamps"},   {"letter", "letters"},
                            {"basket", "baskets"}, {"stone", "stones"}, {"apple", "apples"},
                            {"book", "books"},     {"bell", "bells"},   {"song", "songs"},
                            {"horse", "horses"},   {"key", "keys"},     {"window", "windows"}};
// What one does, and what many do.
constexpr Noun kActions[] = {{"carries", "carry"},      {"paints", "paint"}, {"finds", "find"},
                             {"remembers", "remember"}, {"sells", "sell"},   {"mends", "mend"},
                             {"watches", "watch"},      {"hides", "hide"},   {"counts", "count"},
                             {"loves", "love"}};
constexpr Noun kStates[] = {{"sleeps", "sleep"}, {"waits", "wait"}, {"sings", "sing"},
                            {"laughs", "laugh"}, {"works", "work"}, {"dreams", "dream"}};
constexpr std::string_view kQualities[] = {"old",    "young", "quiet", "small", "red",
                                           "broken", "happy", "tall",  "lost",  "golden"};
constexpr std::string_view kPlaces[] = {"near the river", "in the harbour",   "behind the mill",
                                        "on the hill",    "under the bridge", "at the market",
                                        "by the sea",     "in the forest"};
constexpr std::string_view kTimes[] = {"in the morning", "at night",        "every winter",
                                       "today",          "before the rain", "after supper"};

class Speaker {
 public:
  explicit Speaker(uint32_t seed) : random_(seed) {}

  std::string Sentence() {
    std::string s;
    const bool time_first = Chance(15);
    if (time_first) s = std::string(Pick(kTimes)) + " ";
    const bool many = Chance(40);
    s += Subject(many) + " ";
    if (Chance(35)) {
      s += Verb(kStates, many) + " " + std::string(Pick(kPlaces));
    } else {
      s += Verb(kActions, many) + " " + Object();
      if (Chance(25)) s += " " + std::string(Pick(kPlaces));
    }
    if (!time_first && Chance(15)) s += " " + std::string(Pick(kTimes));
    if (Chance(10)) {
      const bool also_many = Chance(40);
      s += " and " + Subject(also_many) + " " + Verb(kStates, also_many);
    }
    return s;
  }

 private:
  bool Chance(int64_t percent) { return random_.RandInt(0, 100) < percent; }
  template <typename T, size_t n>
  const T& Pick(const T (&list)[n]) {
    return list[random_.RandInt(0, static_cast<int64_t>(n))];
  }
  template <size_t n>
  std::string Verb(const Noun (&list)[n], bool many) {
    return Form(Pick(list), many);
  }
  static std::string Form(const Noun& noun, bool many) {
    return std::string(many ? noun.many : noun.one);
  }
  std::string Phrase(const Noun& noun, bool many) {
    std::string s = many ? (Chance(50) ? "the " : "many ") : (Chance(70) ? "the " : "one ");
    if (Chance(40)) s += std::string(Pick(kQualities)) + " ";
    return s + Form(noun, many);
  }
  std::string Object() { return Phrase(Pick(kThings), Chance(40)); }
  // Maybe with a clause between the subject and its verb.
  std::string Subject(bool many) {
    std::string s = Phrase(Pick(kPersons), many);
    if (Chance(20)) s += " who " + Verb(kActions, many) + " " + Object();
    return s;
  }

  RandomState random_;
};

}  // namespace

std::string MakeText(int64_t sentences, uint32_t seed, bool plain) {
  Speaker speaker(seed);
  std::string text;
  for (int64_t i = 0; i < sentences; ++i) {
    std::string s = speaker.Sentence();
    if (!plain) {
      s[0] = static_cast<char>(s[0] - 'a' + 'A');
      s += '.';
    }
    text += s + '\n';
  }
  return text;
}

}  // namespace weft::examples
