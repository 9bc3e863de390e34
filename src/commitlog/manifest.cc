#include "commitlog/manifest.h"

#include "base/checksum.h"

namespace imago::commitlog {
namespace {

// slot := magic u32 | version u32 | sequence u64 | size u32 (of the whole) | segments u32 | segment* | checksum u64
// segment := base u64 | bytes u64 | spans u32 | reserved u32 | (start u64 | salt u64 | after u64)*
constexpr std::uint32_t manifest_magic = 0x4E4D4D49;  // "IMMN"
constexpr std::uint32_t manifest_version = 1;
constexpr std::size_t head_size = 24;

class category final : public std::error_category {
    const char* name() const noexcept override { return "imago.commitlog"; }
    std::string message(int code) const override {
        switch (static_cast<commitlog_errc>(code)) {
            case commitlog_errc::bad_manifest: return "the manifest of the log is damaged or of an unknown version";
            case commitlog_errc::manifest_full: return "the manifest of the log holds no more segments: use larger segments";
            case commitlog_errc::bad_segment: return "a segment of the log is missing or not what the manifest says";
        }
        return "unknown error of the commit log";
    }
};

template <class T>
void put(std::vector<std::byte>& out, T value) {
    const std::size_t at = out.size();
    out.resize(at + sizeof(T));
    store_le<T>(out.data() + at, value);
}

}  // namespace

std::error_code make_error_code(commitlog_errc error) {
    static const category instance;
    return {static_cast<int>(error), instance};
}

std::vector<std::byte> encode_manifest(std::uint64_t sequence, const std::vector<segment_entry>& segments) {
    std::vector<std::byte> out;
    put<std::uint32_t>(out, manifest_magic);
    put<std::uint32_t>(out, manifest_version);
    put<std::uint64_t>(out, sequence);
    put<std::uint32_t>(out, 0);
    put<std::uint32_t>(out, static_cast<std::uint32_t>(segments.size()));
    for (const segment_entry& segment : segments) {
        put<std::uint64_t>(out, segment.base.value);
        put<std::uint64_t>(out, segment.bytes);
        put<std::uint32_t>(out, static_cast<std::uint32_t>(segment.spans.size()));
        put<std::uint32_t>(out, 0);
        for (const salt_span& span : segment.spans) {
            put<std::uint64_t>(out, span.start.value);
            put<std::uint64_t>(out, span.salt);
            put<std::uint64_t>(out, span.after.value);
        }
    }
    store_le<std::uint32_t>(out.data() + 16, static_cast<std::uint32_t>(out.size() + 8));
    put<std::uint64_t>(out, xxh3(out));
    return out;
}

result<decoded_manifest> decode_manifest(byte_view slot) {
    const auto bad = [] { return fail(commitlog_errc::bad_manifest); };
    if (slot.size() < head_size + 8) return bad();
    if (load_le<std::uint32_t>(slot.data()) != manifest_magic) return bad();
    if (load_le<std::uint32_t>(slot.data() + 4) != manifest_version) return bad();
    const std::uint32_t size = load_le<std::uint32_t>(slot.data() + 16);
    if (size < head_size + 8 || size > slot.size()) return bad();
    if (load_le<std::uint64_t>(slot.data() + size - 8) != xxh3(slot.first(size - 8))) return bad();

    decoded_manifest decoded;
    decoded.sequence = load_le<std::uint64_t>(slot.data() + 8);
    const std::uint32_t count = load_le<std::uint32_t>(slot.data() + 20);
    std::size_t at = head_size;
    const std::size_t end = size - 8;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (end - at < 24) return bad();
        segment_entry segment;
        segment.base = {load_le<std::uint64_t>(slot.data() + at)};
        segment.bytes = load_le<std::uint64_t>(slot.data() + at + 8);
        const std::uint32_t spans = load_le<std::uint32_t>(slot.data() + at + 16);
        at += 24;
        if (spans == 0 || spans > (end - at) / 24) return bad();
        for (std::uint32_t s = 0; s < spans; ++s, at += 24) {
            segment.spans.push_back({{load_le<std::uint64_t>(slot.data() + at)},
                                     load_le<std::uint64_t>(slot.data() + at + 8),
                                     {load_le<std::uint64_t>(slot.data() + at + 16)}});
        }
        decoded.segments.push_back(std::move(segment));
    }
    return decoded;
}

result<manifest> manifest::open(io::disk& disk, std::string path, bool create) {
    manifest opened;
    opened.disk_ = &disk;
    IMAGO_TRY(opened.file_, disk.open(path, {.write = true, .create = create}));
    IMAGO_TRY(const std::uint64_t size, disk.size(*opened.file_));
    if (create && size < 2 * manifest_slot_bytes) {
        IMAGO_CHECK(disk.allocate(*opened.file_, 0, 2 * manifest_slot_bytes));
    }
    bool found = false;
    std::vector<std::byte> slot;
    for (std::uint64_t i = 0; i < 2; ++i) {
        // Most manifests are small: read the head first, the rest only if there is one.
        slot.resize(4096);
        IMAGO_TRY(std::size_t got, disk.read_at(*opened.file_, i * manifest_slot_bytes, slot));
        if (got >= head_size && load_le<std::uint32_t>(slot.data() + 16) > slot.size()) {
            slot.resize(manifest_slot_bytes);
            IMAGO_TRY(got, disk.read_at(*opened.file_, i * manifest_slot_bytes, slot));
        }
        auto decoded = decode_manifest(byte_view(slot).first(got));
        if (!decoded || (found && decoded->sequence < opened.sequence_)) continue;
        found = true;
        opened.sequence_ = decoded->sequence;
        opened.segments_ = std::move(decoded->segments);
    }
    if (!found && !create) return fail(commitlog_errc::bad_manifest);
    return opened;
}

result<> manifest::replace(std::vector<segment_entry> segments) {
    const std::vector<std::byte> slot = encode_manifest(sequence_ + 1, segments);
    if (slot.size() > manifest_slot_bytes) return fail(commitlog_errc::manifest_full);
    IMAGO_CHECK(disk_->write_at(*file_, ((sequence_ + 1) % 2) * manifest_slot_bytes, slot));
    IMAGO_CHECK(disk_->sync(*file_));
    sequence_ += 1;
    segments_ = std::move(segments);
    return {};
}

}  // namespace imago::commitlog
