#include "inspect/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checksum.h"

namespace imago::inspect {
namespace {

constexpr std::uint32_t head_magic = 0x50434d49;
constexpr std::uint32_t piece_magic = 0x45504d49;
constexpr std::uint32_t version = 2;
constexpr std::size_t head_size = 4096;
constexpr std::size_t mark_size = 40;

struct head {
    std::uint64_t sequence, replay_from, end;
    std::uint32_t next_queue_id, pieces;
    std::uint64_t piece_bytes;
};

std::optional<head> decode_head(byte_view file) {
    if (file.size() < 56) return std::nullopt;
    const std::byte* at = file.data();
    if (load_le<std::uint32_t>(at) != head_magic || load_le<std::uint32_t>(at + 4) != version ||
        xxh3(file.first(48)) != load_le<std::uint64_t>(at + 48))
        return std::nullopt;
    return head{load_le<std::uint64_t>(at + 8),  load_le<std::uint64_t>(at + 16), load_le<std::uint64_t>(at + 24),
                load_le<std::uint32_t>(at + 32), load_le<std::uint32_t>(at + 36), load_le<std::uint64_t>(at + 40)};
}

/// The content of all pieces run together; none, with the reason in `why`, if one of them is not right.
std::optional<std::vector<std::byte>> content_of(byte_view file, const head& from, std::string& why) {
    std::vector<std::byte> content;
    for (std::uint32_t i = 0; i < from.pieces; ++i) {
        const std::uint64_t start = head_size + i * from.piece_bytes;
        if (from.piece_bytes < 32 || start > file.size() || file.size() - start < 32) {
            why = fmt::format("piece {} is missing", i);
            return std::nullopt;
        }
        const byte_view piece = file.subspan(start);
        const std::uint64_t used = load_le<std::uint64_t>(piece.data() + 16);
        if (load_le<std::uint32_t>(piece.data()) != piece_magic || load_le<std::uint32_t>(piece.data() + 4) != i ||
            load_le<std::uint64_t>(piece.data() + 8) != from.sequence) {
            why = fmt::format("piece {} belongs to something else", i);
            return std::nullopt;
        }
        if (used < 32 || used > from.piece_bytes || used > piece.size() ||
            xxh3(piece.subspan(32, used - 32), xxh3(piece.first(24))) != load_le<std::uint64_t>(piece.data() + 24)) {
            why = fmt::format("checksum of piece {} is wrong", i);
            return std::nullopt;
        }
        content.insert(content.end(), piece.begin() + 32, piece.begin() + static_cast<std::ptrdiff_t>(used));
    }
    return content;
}

/// Takes numbers off the front; after the end everything is zero and ok() false.
class cursor {
public:
    explicit cursor(byte_view bytes) : left_(bytes) {}
    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] std::size_t left() const { return left_.size(); }
    template <class T>
    T take() {
        T value{};
        if (const byte_view bytes = skip(sizeof(T)); !bytes.empty()) value = load_le<T>(bytes.data());
        return value;
    }
    byte_view skip(std::uint64_t size) {
        if (size > left_.size()) {
            ok_ = false;
            left_ = {};
            return {};
        }
        const byte_view taken = left_.first(size);
        left_ = left_.subspan(size);
        return taken;
    }

private:
    byte_view left_;
    bool ok_ = true;
};

bool read_queue(cursor& in, checkpoint_queue& queue) {
    queue.queue = in.take<std::uint32_t>();
    queue.start = in.take<std::int64_t>();
    queue.end = in.take<std::int64_t>();
    queue.first_block = in.take<std::uint64_t>();
    queue.bytes_total = in.take<std::uint64_t>();
    const std::int64_t tail_first = in.take<std::int64_t>();
    const std::uint32_t marks = in.take<std::uint32_t>();
    const std::uint32_t tail = in.take<std::uint32_t>();
    if (!in.ok() || marks > in.left() / mark_size || tail > in.left() / 40) return false;
    for (std::uint32_t i = 0; i < marks; ++i) {
        const byte_view mark = in.skip(mark_size);
        // A block ends where the next one begins, the last one where the tail does.
        if (i > 0) queue.block_ends.push_back(load_le<std::int64_t>(mark.data()));
        queue.mark_positions.push_back(load_le<std::uint64_t>(mark.data() + 8));
        queue.places.push_back({load_le<std::uint32_t>(mark.data() + 32), load_le<std::uint32_t>(mark.data() + 36)});
    }
    if (marks > 0) queue.block_ends.push_back(tail_first);
    if (tail > in.left() / 40) return false;
    for (std::uint32_t i = 0; i < tail; ++i) queue.tail.push_back(decode_index_entry(in.skip(40).data()));
    return in.ok();
}

bool read_sections(byte_view content, checkpoint& into) {
    cursor in(content);
    for (;;) {
        const std::uint8_t kind = in.take<std::uint8_t>();
        if (!in.ok()) return false;
        switch (kind) {
            case 0: return true;
            case 1: {
                static_cast<void>(in.take<std::uint8_t>());
                const std::uint64_t key = in.take<std::uint32_t>();
                const std::uint64_t value = in.take<std::uint32_t>();
                static_cast<void>(in.skip(key + value));
                ++into.table_keys;
                break;
            }
            case 2:
                if (!read_queue(in, into.queues.emplace_back())) return false;
                break;
            case 3: {
                static_cast<void>(in.skip(4 + 8 + 2 + 8));
                static_cast<void>(in.skip(std::uint64_t{in.take<std::uint8_t>()} * 24));
                ++into.producers;
                break;
            }
            case 4: {
                static_cast<void>(in.skip(8));
                static_cast<void>(in.skip(std::uint64_t{in.take<std::uint32_t>()} * 28));
                break;
            }
            default: return false;
        }
        if (!in.ok()) return false;
    }
}

}  // namespace

checkpoint_state read_checkpoints(folder& from) {
    checkpoint_state state;
    for (const char* name : {"checkpoint.a", "checkpoint.b"}) {
        const auto file = from.read_file(std::string("checkpoint/") + name);
        if (!file) continue;
        const auto found = decode_head(*file);
        if (!found) continue;
        state.present = true;
        // Everything below `replay_from` was durable when the checkpoint was taken.
        state.durable = std::max(state.durable, found->replay_from);
        checkpoint made;
        made.file = name;
        made.sequence = found->sequence;
        made.replay_from = found->replay_from;
        made.end = found->end;
        made.next_queue_id = found->next_queue_id;
        std::string why;
        const auto content = content_of(*file, *found, why);
        if (!content) {
            state.faults.push_back(fmt::format("{} (sequence {}): {}", name, found->sequence, why));
        } else if (!read_sections(*content, made)) {
            state.faults.push_back(fmt::format("{} (sequence {}): the sections cannot be read", name, found->sequence));
        } else if (!state.newest || made.sequence > state.newest->sequence) {
            state.newest = std::move(made);
        }
    }
    return state;
}

}  // namespace imago::inspect
