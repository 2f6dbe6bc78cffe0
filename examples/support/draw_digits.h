// SPDX-License-Identifier: Apache-2.0
// Draws handwritten-looking digits in MNIST's form, for examples that run without any download.
//
// A digit is written as pen strokes (digit_strokes.h) whose points are moved a little, bent by a
// smooth field, slanted, turned and scaled; the pen has a width and pressure of its own. As in
// MNIST, a digit fills about 20 x 20 of 28 x 28 pixels and stands with its centre of mass in the
// middle, white (255) on black (0).
//
// The pictures are a function of the seed alone: any machine and any number of threads gives the
// same bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace weft::examples {

inline constexpr int64_t kDigitSide = 28;  // pixels

struct Digits {
  std::vector<uint8_t> pixels;   // [count, 28, 28]
  std::vector<uint8_t> classes;  // [count], 0 .. 9
};

// Draws `count` digits on `num_threads` threads; at least one is used.
Digits DrawDigits(int64_t count, uint64_t seed, int num_threads = 2);

struct DefaultDigits {
  uint64_t seed = 1;
  int64_t num_train = 60000;  // as many as MNIST has
  int64_t num_test = 10000;
};

// Writes training and test digits under MNIST's file names (mnist_data.h) into `dir`, which is made
// if need be, and returns true. Where all four files are there already (drawn or MNIST's own)
// nothing is done and false is returned. Each file appears complete or not at all, and a file with
// other content is never replaced: with some of the four missing, and one that is there different
// from what would be drawn, FileError (idx.h) is thrown. Two processes may call this at once.
bool WriteDefaultDigits(const std::filesystem::path& dir, const DefaultDigits& what = {});

// The folder that programs read their digits from: `data_dir`, or, if that is empty, one in the
// system's folder for temporary files, where the default digits are drawn (and a line says so)
// unless they are there.
std::filesystem::path DigitsFolder(const std::filesystem::path& data_dir);

}  // namespace weft::examples
