// SPDX-License-Identifier: Apache-2.0
// Classic programs, written anew with the library, against the numbers that TensorFlow gave.
#include "tools/weft_interop/programs.h"

#include <string>
#include <vector>

#include "src/core/strings.h"
#include "tools/golden/container.h"
#include "tools/weft_interop/items.h"
#include "weft/runtime/kernel.h"

namespace weft::interop {
namespace {

namespace fs = std::filesystem;
using golden::Mismatch;

// For programs that can't be written before these ops have kernels.
[[noreturn]] void WaitsFor(const std::vector<std::string>& ops) {
  std::vector<std::string> missing;
  for (const std::string& op : ops) {
    if (KernelRegistry::Global().List(op).empty()) missing.push_back(op);
  }
  throw Mismatch(missing.empty() ? "the program isn't written"
                                 : StrCat("ops without a kernel: ", StrJoin(missing, ", ")));
}

// Items of one file; a file with several cases has one item each.
void AddItems(const fs::path& dir, const fs::path& file, std::vector<Item>* items) {
  const std::string name = file.stem().string();
  const auto add = [&](const std::string& item, std::function<void()> run) {
    items->push_back({"programs", StrCat("programs/", item), std::move(run)});
  };
  const Json reference = ReadJson(file);
  if (name == "a_mnist_mlp") {
    const fs::path data = dir.parent_path() / "data" / "mnist";
    add(name, [reference, data] { CheckMnistMlp(reference, data); });
  } else if (name == "b_mnist_cnn") {
    const fs::path data = dir.parent_path() / "data" / "mnist";
    add(name, [reference, data] { CheckMnistCnn(reference, data); });
  } else if (name == "c_sin_lstm") {
    add(name, [] { WaitsFor({"TensorArrayV3", "TensorArrayReadV3", "TensorArrayWriteV3"}); });
  } else if (name == "d_small_programs") {
    for (const Json& program : reference.at("cases"))
      add(StrCat(name, "/", Text(program, "name")), [program] { CheckSmallProgram(program); });
  } else if (name == "e_random_values") {
    add(name, [reference] { CheckRandomValues(reference); });
  } else {
    add(name, [] { throw Mismatch("no such program is known"); });
  }
}

}  // namespace

std::vector<Item> ProgramItems(const fs::path& dir) {
  std::vector<Item> items;
  const fs::path root = dir / "programs";
  if (!fs::is_directory(root)) return items;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.path().extension() == ".json") AddItems(dir, entry.path(), &items);
  }
  return items;
}

}  // namespace weft::interop
