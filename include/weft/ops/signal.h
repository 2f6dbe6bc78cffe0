// SPDX-License-Identifier: Apache-2.0
// Fourier transforms, windows and frames of signals: tf.signal.
//
//   // Magnitudes of a sound [batch, samples], by frames of 25 ms every 10 ms at 16 kHz:
//   wf::Tensor s = wf::Abs(wf::signal::Stft(sound, 400, 160));
//
// Transforms are over the last one, two or three dimensions, without a factor forwards and with
// 1 / n backwards, as numpy's. complex64 and complex128; the real ones take and give float32 and
// float64. Any length is fine, products of small primes are fastest. All have gradients.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "weft/graph/input.h"
#include "weft/ops/int_list.h"

namespace weft::signal {

Tensor Fft(const Input& input, const NameOptions& options = {});
Tensor Ifft(const Input& input, const NameOptions& options = {});
Tensor Fft2d(const Input& input, const NameOptions& options = {});
Tensor Ifft2d(const Input& input, const NameOptions& options = {});
Tensor Fft3d(const Input& input, const NameOptions& options = {});
Tensor Ifft3d(const Input& input, const NameOptions& options = {});

struct RealFftOptions {
  // Of the real signal, one for each dimension: it is cut or filled up with zeros to it. None: the
  // signal's own, backwards 2 (n - 1) for the last dimension.
  std::optional<IntList> fft_length = {};
  std::string name = {};
};
// The n / 2 + 1 frequencies that are not negative.
Tensor Rfft(const Input& input, const RealFftOptions& options = {});
Tensor Irfft(const Input& input, const RealFftOptions& options = {});
Tensor Rfft2d(const Input& input, const RealFftOptions& options = {});
Tensor Irfft2d(const Input& input, const RealFftOptions& options = {});

struct WindowOptions {
  bool periodic = true;  // else symmetric
  DataType dtype = kFloat32;
  std::string name = {};
};
// a - (1 - a) cos(2 pi i / n) with a = 0.5, and a = 0.54; n = window_length, one less if symmetric
// or of odd length.
Tensor HannWindow(int64_t window_length, const WindowOptions& options = {});
Tensor HammingWindow(int64_t window_length, const WindowOptions& options = {});

struct FrameOptions {
  bool pad_end = false;  // frames that reach over the end are there too, filled up
  Input pad_value = 0;
  std::string name = {};
};
// The last dimension in frames that may overlap: [..., frames, frame_length].
Tensor Frame(const Input& signal, int64_t frame_length, int64_t frame_step,
             const FrameOptions& options = {});

struct StftOptions {
  int64_t fft_length = 0;  // 0: the smallest power of 2 that holds a frame
  // Makes the window of a length and dtype; nullptr: none, all samples count alike.
  std::function<Tensor(int64_t, DataType)> window = [](int64_t n, DataType dtype) {
    return HannWindow(n, {.dtype = dtype});
  };
  bool pad_end = false;
  std::string name = {};
};
// The frequencies of each frame: [..., frames, fft_length / 2 + 1].
Tensor Stft(const Input& signals, int64_t frame_length, int64_t frame_step,
            const StftOptions& options = {});

}  // namespace weft::signal
