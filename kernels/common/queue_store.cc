// SPDX-License-Identifier: Apache-2.0
#include "kernels/common/queue_store.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

#include "src/core/strings.h"
#include "weft/core/handle.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace {

class FifoStore final : public QueueStore {
 public:
  int64_t size() const override { return static_cast<int64_t>(elements_.size()); }
  void Push(QueueElement element) override { elements_.push_back(std::move(element)); }
  QueueElement Pop() override {
    QueueElement first = std::move(elements_.front());
    elements_.pop_front();
    return first;
  }
  void Restore(QueueElement element) override { elements_.push_front(std::move(element)); }

 private:
  std::deque<QueueElement> elements_;
};

// Gives out any element with equal probability; the last one takes its place. The words of Philox
// are used one by one, as TensorFlow does, so a seed means the same order.
class ShuffleStore final : public QueueStore {
 public:
  ShuffleStore(int64_t seed, int64_t seed2) {
    if (seed == 0 && seed2 == 0) {
      std::random_device entropy;
      auto word = [&] { return static_cast<int64_t>(uint64_t{entropy()} << 32 | entropy()); };
      seed = word();
      seed2 = word();
    }
    generator_ = Philox(static_cast<uint64_t>(seed), static_cast<uint64_t>(seed2));
  }
  int64_t size() const override { return static_cast<int64_t>(elements_.size()); }
  void Push(QueueElement element) override { elements_.push_back(std::move(element)); }
  QueueElement Pop() override {
    if (used_ == sample_.size()) {
      sample_ = generator_();
      used_ = 0;
    }
    const size_t index = sample_[used_++] % elements_.size();
    std::swap(elements_[index], elements_.back());
    QueueElement picked = std::move(elements_.back());
    elements_.pop_back();
    return picked;
  }
  void Restore(QueueElement element) override { Push(std::move(element)); }

 private:
  std::vector<QueueElement> elements_;
  Philox generator_;
  Philox::Sample sample_{};
  size_t used_ = sample_.size();
};

// Gives out the element of the lowest priority number first. Among equals the order is that of the
// heap.
class PriorityStore final : public QueueStore {
 public:
  int64_t size() const override { return static_cast<int64_t>(heap_.size()); }
  void Push(QueueElement element) override {
    heap_.push_back(std::move(element));
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }
  QueueElement Pop() override {
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    QueueElement first = std::move(heap_.back());
    heap_.pop_back();
    return first;
  }
  void Restore(QueueElement element) override { Push(std::move(element)); }

 private:
  static bool Later(const QueueElement& a, const QueueElement& b) {
    return *a[0].data<int64_t>() > *b[0].data<int64_t>();
  }
  std::vector<QueueElement> heap_;
};

template <typename T>
void CopyObjects(const Array& from, int64_t from_begin, Array* to, int64_t to_begin, int64_t n) {
  std::copy_n(from.data<T>() + from_begin, n, to->mutable_data<T>() + to_begin);
}

void CopyRange(const Array& from, int64_t from_begin, Array* to, int64_t to_begin, int64_t n) {
  switch (from.dtype()) {
    case kString:
      return CopyObjects<std::string>(from, from_begin, to, to_begin, n);
    case kResource:
      return CopyObjects<ResourceHandle>(from, from_begin, to, to_begin, n);
    case kVariant:
      return CopyObjects<Variant>(from, from_begin, to, to_begin, n);
    default: {
      const size_t size = DTypeSize(from.dtype());
      if (n > 0)
        std::memcpy(
            static_cast<char*>(to->raw_data()) + static_cast<size_t>(to_begin) * size,
            static_cast<const char*>(from.raw_data()) + static_cast<size_t>(from_begin) * size,
            static_cast<size_t>(n) * size);
    }
  }
}

absl::StatusOr<Array> AllocateRows(DataType dtype, const Shape& shape, Allocator* allocator) {
  BufferPtr buffer = AllocateBuffer(allocator, dtype, shape.num_elements());
  if (!buffer)
    return absl::ResourceExhaustedError(StrCat("OOM when allocating a queue's tensor with shape ",
                                               shape.ToString(), " and dtype ",
                                               DTypeOpName(dtype)));
  return Array::FromBuffer(dtype, shape, std::move(buffer));
}

// `row` into the beginning, in each dimension, of row `index` of `to`.
void CopyPadded(const Array& row, int64_t index, Array* to) {
  const int rank = row.rank();
  const int64_t place = to->num_elements() / to->dim(0);
  if (row.num_elements() == place) return CopyRange(row, 0, to, index * place, place);
  if (row.num_elements() == 0) return;
  const int64_t run = row.dim(rank - 1);  // elements that lie side by side in both
  std::vector<int64_t> at(static_cast<size_t>(rank), 0);
  for (int64_t from = 0; from < row.num_elements(); from += run) {
    int64_t offset = 0;
    for (int d = 0; d < rank; ++d) offset = offset * to->dim(d + 1) + at[static_cast<size_t>(d)];
    CopyRange(row, from, to, index * place + offset, run);
    for (int d = rank - 2; d >= 0 && ++at[static_cast<size_t>(d)] == row.dim(d); --d)
      at[static_cast<size_t>(d)] = 0;
  }
}

}  // namespace

std::unique_ptr<QueueStore> MakeQueueStore(const QueueSpec& spec) {
  switch (spec.kind) {
    case QueueKind::kRandomShuffle:
      return std::make_unique<ShuffleStore>(spec.seed, spec.seed2);
    case QueueKind::kPriority:
      return std::make_unique<PriorityStore>();
    default:
      return std::make_unique<FifoStore>();
  }
}

absl::StatusOr<Array> CopyRow(const Array& batch, int64_t index, Allocator* allocator) {
  Shape shape = batch.shape();
  shape.RemoveDim(0);
  WEFT_ASSIGN_OR_RETURN(Array row, AllocateRows(batch.dtype(), shape, allocator));
  const int64_t n = shape.num_elements();
  CopyRange(batch, index * n, &row, 0, n);
  return row;
}

absl::StatusOr<Array> JoinRows(DataType dtype, const Shape& shape,
                               const std::vector<const Array*>& rows, Allocator* allocator) {
  WEFT_ASSIGN_OR_RETURN(Array joined, AllocateRows(dtype, shape, allocator));
  if (rows.empty()) return joined;
  const int64_t place = shape.num_elements() / shape.dim(0);
  const bool gaps =
      std::any_of(rows.begin(), rows.end(), [&](auto* r) { return r->num_elements() < place; });
  if (gaps && IsPlain(dtype)) std::memset(joined.raw_data(), 0, joined.num_bytes());
  for (size_t i = 0; i < rows.size(); ++i) CopyPadded(*rows[i], static_cast<int64_t>(i), &joined);
  return joined;
}

}  // namespace weft
