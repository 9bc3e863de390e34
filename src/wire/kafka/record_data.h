// The records field of Produce and Fetch: whole record batches, never copied by the codec.
#pragma once

#include "wire/gather_buffer.h"

#include <vector>

namespace imago::wire::kafka {

/// Decoded, a view into the frame: see view(). To be encoded, any number of slices, sent one after the other;
/// each is held until the gather_buffer that it went into is cleared. A new one is null, which is not the
/// same as empty.
class record_data {
public:
    record_data() = default;
    /// Refers to `bytes` with no owner: they must outlive the message and everything encoded from it.
    explicit record_data(byte_view bytes) : first_{bytes, nullptr}, null_(false) {}

    [[nodiscard]] bool is_null() const { return null_; }
    /// The decoded bytes; of several slices only the first.
    [[nodiscard]] byte_view view() const { return first_.bytes; }
    [[nodiscard]] std::size_t size() const {
        std::size_t total = first_.bytes.size();
        for (const byte_slice& slice : more_) total += slice.bytes.size();
        return total;
    }

    /// From null to empty.
    void set_empty() { null_ = false; }
    /// Adds `slice` at the end.
    void add(byte_slice slice) {
        if (null_ || first_.bytes.empty()) {
            first_ = std::move(slice);
        } else {
            more_.push_back(std::move(slice));
        }
        null_ = false;
    }
    /// Back to null; keeps its memory for reuse.
    void clear() {
        first_ = {};
        more_.clear();
        null_ = true;
    }
    void assign(byte_view bytes) {
        clear();
        first_.bytes = bytes;
        null_ = false;
    }
    template <class F>
    void for_each_slice(F&& use) const {
        if (!first_.bytes.empty()) use(first_);
        for (const byte_slice& slice : more_) use(slice);
    }

private:
    byte_slice first_;  // nearly always the only one
    std::vector<byte_slice> more_;
    bool null_ = true;
};

}  // namespace imago::wire::kafka
