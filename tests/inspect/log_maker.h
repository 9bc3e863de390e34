// Lays out a small log as docs/format/commitlog.md says, byte by byte, for tests of its second reader.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/batch_builder.h"
#include "base/bytes.h"
#include "base/checksum.h"

namespace inspect_test {

using imago::byte_view;
using imago::store_be;
using imago::store_le;
using imago::xxh3;

struct made_frame {
    std::uint64_t position;
    std::uint64_t size;  ///< header, payload and trailer
    std::uint32_t queue;
    std::int64_t base;
    std::uint32_t count;
};

class log_maker {
public:
    static constexpr std::uint64_t segment_bytes = 64 * 1024;

    explicit log_maker(std::uint64_t log_salt = 0x1122334455667788) : salt_(log_salt) {
        char name[] = "/tmp/imago-inspect-XXXXXX";
        root_ = ::mkdtemp(name);
        std::filesystem::create_directories(root_ + "/log");
        std::filesystem::create_directories(root_ + "/checkpoint");
        bytes_.resize(segment_bytes);
        std::byte* at = bytes_.data();
        store_le<std::uint32_t>(at, 0x47534d49);
        store_le<std::uint32_t>(at + 4, 1);
        store_le<std::uint64_t>(at + 8, 0);
        store_le<std::uint64_t>(at + 16, segment_bytes);
        store_le<std::uint64_t>(at + 24, salt_);
        store_le<std::uint64_t>(at + 32, xxh3({at, 32}));
        end_ = 4096;
        spans_.push_back({0, salt_, 0});
    }
    ~log_maker() { std::filesystem::remove_all(root_); }

    /// One frame; with `unit` 512 the last of its group, with 8 another one of the group follows.
    const made_frame& add(std::uint32_t queue, std::int64_t base, std::uint32_t count, std::string value = "value",
                          std::uint64_t unit = 512) {
        imago::batch_builder builder;
        for (std::uint32_t i = 0; i < count; ++i) builder.add(1000 + i, std::nullopt, imago::as_bytes(value));
        const byte_view finished = builder.finish();
        std::vector<std::byte> batch(finished.begin(), finished.end());
        store_be<std::int64_t>(batch.data(), base);
        store_be<std::int32_t>(batch.data() + 12, 0);
        const std::uint64_t padded = imago::round_up(batch.size(), 8);
        const std::uint64_t size = 96 + padded + 32;
        std::byte* at = bytes_.data() + end_;
        store_le<std::uint32_t>(at, 0x52464d49);
        store_le<std::uint16_t>(at + 4, 1);
        store_le<std::uint64_t>(at + 8, salt_);
        store_le<std::uint64_t>(at + 16, end_);
        store_le<std::uint64_t>(at + 24, end_);
        store_le<std::uint32_t>(at + 32, static_cast<std::uint32_t>(batch.size()));
        store_le<std::uint32_t>(at + 36, static_cast<std::uint32_t>(imago::round_up(size, unit)));
        store_le<std::uint32_t>(at + 40, queue);
        store_le<std::int64_t>(at + 48, base);
        store_le<std::int64_t>(at + 56, 1000 + count - 1);
        store_le<std::int64_t>(at + 64, 2000);
        store_le<std::uint32_t>(at + 72, count);
        store_le<std::uint64_t>(at + 80, xxh3(byte_view(batch).subspan(16)));
        store_le<std::uint64_t>(at + 88, xxh3({at, 88}));
        std::memcpy(at + 96, batch.data(), batch.size());
        std::byte* behind = at + 96 + padded;
        store_le<std::uint32_t>(behind, 0x54464d49);
        store_le<std::uint32_t>(behind + 4, queue);
        store_le<std::uint64_t>(behind + 8, end_);
        store_le<std::int64_t>(behind + 16, base);
        store_le<std::uint32_t>(behind + 24, count);
        store_le<std::uint32_t>(behind + 28, static_cast<std::uint32_t>(xxh3({behind, 28}, salt_)));
        frames_.push_back({end_, size, queue, base, count});
        end_ += imago::round_up(size, unit);
        return frames_.back();
    }

    /// As recovery cuts the log at `at`: what lies behind is dropped, and frames go on at the next sector, with another salt.
    void cut(std::uint64_t at) {
        end_ = imago::round_up(at, 512);
        salt_ += 1;
        spans_.push_back({end_, salt_, at});
    }

    /// Writes the folder; the frontier file vouches for everything below `frontier`.
    void write(std::uint64_t frontier, bool clean) const {
        save("/log/00000000000000000000.seg", bytes_);
        std::vector<std::byte> manifest(2 * 256 * 1024);
        std::byte* at = manifest.data() + 256 * 1024;
        store_le<std::uint32_t>(at, 0x4e4d4d49);
        store_le<std::uint32_t>(at + 4, 1);
        store_le<std::uint64_t>(at + 8, 1);
        store_le<std::uint32_t>(at + 16, static_cast<std::uint32_t>(24 + 24 + 24 * spans_.size() + 8));
        store_le<std::uint32_t>(at + 20, 1);
        store_le<std::uint64_t>(at + 24, 0);
        store_le<std::uint64_t>(at + 32, segment_bytes);
        store_le<std::uint32_t>(at + 40, static_cast<std::uint32_t>(spans_.size()));
        std::size_t size = 48;
        for (const made_span& span : spans_) {
            store_le<std::uint64_t>(at + size, span.start);
            store_le<std::uint64_t>(at + size + 8, span.salt);
            store_le<std::uint64_t>(at + size + 16, span.after);
            size += 24;
        }
        store_le<std::uint64_t>(at + size, xxh3({at, size}));
        save("/log/manifest", manifest);
        std::vector<std::byte> stamp(8192);
        at = stamp.data() + 4096;
        store_le<std::uint32_t>(at, 0x54524d49);
        store_le<std::uint32_t>(at + 4, 1);
        store_le<std::uint64_t>(at + 8, 1);
        store_le<std::uint64_t>(at + 16, frontier);
        store_le<std::uint64_t>(at + 24, clean ? 1 : 0);
        store_le<std::uint64_t>(at + 32, xxh3({at, 32}));
        save("/log/frontier", stamp);
    }

    void save(const std::string& name, const std::vector<std::byte>& content) const {
        std::ofstream file(root_ + name, std::ios::binary);
        file.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
    }

    [[nodiscard]] const std::string& root() const { return root_; }
    [[nodiscard]] std::uint64_t end() const { return end_; }
    [[nodiscard]] std::vector<std::byte>& bytes() { return bytes_; }
    [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }
    [[nodiscard]] const std::vector<made_frame>& frames() const { return frames_; }

private:
    struct made_span {
        std::uint64_t start;
        std::uint64_t salt;
        std::uint64_t after;
    };

    std::uint64_t salt_;
    std::string root_;
    std::vector<std::byte> bytes_;
    std::vector<made_frame> frames_;
    std::uint64_t end_;
    std::vector<made_span> spans_;
};

}  // namespace inspect_test
