#include "client/cli/splitter.h"

#include <cstring>

namespace imago::client::cli {

std::size_t splitter::find(std::string_view in, std::size_t from) const {
    if (from >= in.size()) return std::string_view::npos;
    const void* found = delimiter_.size() == 1
                            ? std::memchr(in.data() + from, delimiter_.front(), in.size() - from)
                            : memmem(in.data() + from, in.size() - from, delimiter_.data(), delimiter_.size());
    if (found == nullptr) return std::string_view::npos;
    return static_cast<std::size_t>(static_cast<const char*>(found) - in.data());
}

bool splitter::next(std::string_view& message) {
    if (carry_given_) {
        carry_.clear();
        carry_given_ = false;
    }
    if (block_.empty()) return false;
    if (carry_.empty()) {
        const std::size_t at = find(block_, 0);
        if (at == std::string_view::npos) {
            carry_ = block_;
            block_ = {};
            return false;
        }
        message = block_.substr(0, at);
        block_.remove_prefix(at + delimiter_.size());
        return true;
    }
    // A delimiter may lie across the seam: look there first, with just enough of the block.
    const std::size_t before = carry_.size();
    const std::size_t seam = std::min(delimiter_.size() - 1, block_.size());
    carry_.append(block_.substr(0, seam));
    const std::size_t from = before >= delimiter_.size() - 1 ? before - (delimiter_.size() - 1) : 0;
    std::size_t at = find(carry_, from);
    if (at != std::string::npos) {
        block_.remove_prefix(at + delimiter_.size() - before);
        carry_.resize(at);
    } else {
        carry_.resize(before);
        at = find(block_, 0);
        carry_.append(block_.substr(0, at));
        block_.remove_prefix(at == std::string_view::npos ? block_.size() : at + delimiter_.size());
        if (at == std::string_view::npos) return false;
    }
    message = carry_;
    carry_given_ = true;
    return true;
}

bool splitter::finish(std::string_view& message) {
    if (carry_given_ || carry_.empty()) return false;
    message = carry_;
    carry_given_ = true;
    return true;
}

}  // namespace imago::client::cli
