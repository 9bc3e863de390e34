// The contract of io/disk.h is tested once and holds for every backend: each test case takes its disk from
// here.
#pragma once

#include "io/disk.h"
#include "io/sim_disk.h"
#include "support/catch.h"

#include <stdlib.h>

#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace imago::io {

/// A disk of one backend and an empty folder on it, removed at the end.
class test_disk {
public:
    explicit test_disk(backend kind) {
        switch (kind) {
            case backend::uring: {
                auto made = make_uring_disk();
                if (!made) FAIL("io_uring is refused here: " << made.error().message());
                disk_ = std::move(*made);
                break;
            }
            case backend::posix:
                disk_ = make_posix_disk();
                break;
            case backend::sim:
                disk_ = std::make_unique<sim_disk>(sim_options{.seed = 20, .short_write = 0.3});
                folder_ = "/data";
                REQUIRE(disk_->make_directories(folder_).has_value());
                return;
        }
        const char* base = std::getenv("TMPDIR");
        folder_ = std::string(base != nullptr ? base : "/tmp") + "/imago-io-XXXXXX";
        REQUIRE(::mkdtemp(folder_.data()) != nullptr);
        native_ = true;
    }
    ~test_disk() {
        std::error_code ignored;
        if (native_) std::filesystem::remove_all(folder_, ignored);
    }
    test_disk(const test_disk&) = delete;
    test_disk& operator=(const test_disk&) = delete;

    disk* operator->() const { return disk_.get(); }
    disk& operator*() const { return *disk_; }
    [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
    [[nodiscard]] const std::string& folder() const { return folder_; }

    [[nodiscard]] std::unique_ptr<file> create(const std::string& name, bool direct = false) const {
        open_mode mode;
        mode.write = mode.create = true;
        mode.direct = direct;
        auto opened = disk_->open(path(name), mode);
        REQUIRE(opened.has_value());
        return std::move(*opened);
    }
    [[nodiscard]] std::unique_ptr<ring> make_ring(unsigned entries = 256) const {
        auto made = disk_->make_ring({.entries = entries});
        REQUIRE(made.has_value());
        return std::move(*made);
    }

private:
    std::unique_ptr<disk> disk_;
    std::string folder_;
    bool native_ = false;
};

inline const char* name_of(backend kind) {
    return kind == backend::uring ? "uring" : kind == backend::posix ? "posix" : "sim";
}

/// A request that counts its completions.
struct counted : request {
    counted() {
        done = [](request& self) { ++static_cast<counted&>(self).times_done; };
    }
    counted(kind the_kind, file* the_file, std::uint64_t at = 0, std::byte* bytes = nullptr,
            std::size_t count = 0)
        : counted() {
        what = the_kind;
        target = the_file;
        offset = at;
        data = bytes;
        size = count;
    }
    int times_done = 0;
};

inline void run(ring& ring, std::initializer_list<request*> requests) {
    for (request* each : requests) ring.submit(*each);
    while (ring.in_flight() > 0) ring.wait(std::chrono::nanoseconds(-1));
}

/// Bytes that tell their place, and differ with the seed.
inline aligned_bytes pattern(std::size_t size, unsigned seed = 0) {
    auto bytes = make_aligned_bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::byte>((i * 7 + i / 251 + seed * 31) & 0xff);
    return bytes;
}

inline bool same(const std::byte* a, const std::byte* b, std::size_t size) {
    return std::memcmp(a, b, size) == 0;
}

}  // namespace imago::io

#define IMAGO_EACH_BACKEND(variable)                                                                   \
    const auto variable##_kind =                                                                       \
        GENERATE(::imago::io::backend::uring, ::imago::io::backend::posix, ::imago::io::backend::sim); \
    INFO("backend " << ::imago::io::name_of(variable##_kind));                                         \
    ::imago::io::test_disk variable(variable##_kind)
