#include "commitlog/log_writer.h"

#include <cerrno>
#include <cstring>
#include <vector>

#include "io/sim_disk.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::commitlog;

namespace {

/// Keeps what was submitted until the test says that it is over.
class held_ring final : public io::ring {
public:
    std::vector<io::request*> started;

    void submit(io::request& request) override { started.push_back(&request); }
    void flush() override {}
    std::size_t reap() override { return 0; }
    std::size_t wait(std::chrono::nanoseconds) override { return 0; }
    void wake() override {}
    [[nodiscard]] int event_descriptor() const override { return -1; }
    [[nodiscard]] std::size_t in_flight() const override { return started.size(); }

    void end(std::size_t which, std::error_code error = {}) {
        started[which]->error = error;
        started[which]->done(*started[which]);
    }
};

/// A writer of groups of up to 8 KiB, of which those from 2 KiB on do not wait for the one before.
struct fixture {
    io::sim_disk disk;
    std::unique_ptr<segment_set> segments;
    tail_cache cache{1 << 20, 64 * 1024};
    held_ring ring;
    std::unique_ptr<log_writer> writer;
    std::vector<std::error_code> told;  ///< what written() said, in order

    explicit fixture(std::size_t writes_max = 4) {
        segments_options options;
        options.directory = "log";
        options.segment_bytes = 64 * 1024;
        options.zero_fill = false;
        auto opened = segment_set::open(disk, options);
        REQUIRE(opened);
        segments = std::move(*opened);
        writer = std::make_unique<log_writer>(*segments, cache, ring,
                                              writer_options{.group_bytes_max = 8192, .reserve_bytes = 0,
                                                             .writes_max = writes_max, .overlap_bytes = 2048});
        writer->written = [](void* context, std::error_code error) {
            auto& self = *static_cast<fixture*>(context);
            self.told.push_back(error);
            self.writer->settle(error);
        };
        writer->context = this;
        writer->start_at(segments->active()->data_start());
    }

    log_position lay_out(std::uint32_t payload) {
        REQUIRE(writer->place(payload, true) == room::fits);
        std::memset(writer->begin(payload).data(), 'p', payload);
        return writer->finish();
    }
    /// A group of one frame.
    log_position write(std::uint32_t payload) {
        const log_position at = lay_out(payload);
        REQUIRE(writer->submit());
        return at;
    }
};

}  // namespace

TEST_CASE("a large group does not wait for the one before it, a small one does", "[commitlog]") {
    fixture f;
    f.write(100);
    f.lay_out(100);
    CHECK_FALSE(f.writer->may_write());
    CHECK_FALSE(f.writer->submit());
    f.lay_out(3000);
    CHECK(f.writer->may_write());
    CHECK(f.writer->submit());
    CHECK(f.writer->writes() == 2);
}

TEST_CASE("a group that is full does not wait, however small it is", "[commitlog]") {
    fixture f;
    f.write(100);
    f.lay_out(100);
    CHECK(f.writer->place(8000, true) == room::wait);
    CHECK(f.writer->may_write());
}

TEST_CASE("no more than writes_max groups are under way", "[commitlog]") {
    fixture f(2);
    f.write(3000);
    f.write(3000);
    f.lay_out(3000);
    CHECK_FALSE(f.writer->may_write());
    f.ring.end(0);
    CHECK(f.writer->may_write());
}

TEST_CASE("groups become durable in their order, whatever the disk's is", "[commitlog]") {
    fixture f;
    const log_position first = f.write(3000);
    const log_position second = f.write(3000);
    const log_position third = f.write(3000);
    f.ring.end(2);
    f.ring.end(1);
    CHECK(f.told.empty());
    CHECK(f.writer->durable() == first);
    f.ring.end(0);
    CHECK(f.told.size() == 3);
    CHECK(f.writer->durable() == f.writer->end());
    CHECK(second < third);
}

TEST_CASE("a frame names no frontier beyond a group that is not durable", "[commitlog]") {
    fixture f;
    const log_position first = f.write(3000);
    f.write(3000);
    f.ring.end(1);
    f.lay_out(3000);
    CHECK(f.writer->header().durable_frontier == first);
    f.writer->submit();
    f.ring.end(0);
    f.lay_out(3000);
    CHECK(f.writer->header().durable_frontier == log_position{f.ring.started[2]->offset});
}

TEST_CASE("behind a group that could not be written nothing becomes durable", "[commitlog]") {
    fixture f;
    const log_position first = f.write(3000);
    f.write(3000);
    f.ring.end(1);
    f.ring.end(0, std::make_error_code(std::errc::io_error));
    REQUIRE(f.told.size() == 2);
    CHECK(f.told[0] == std::errc::io_error);
    CHECK_FALSE(f.told[1]);
    CHECK(f.writer->durable() == first);
    CHECK_FALSE(f.writer->writing());
}

TEST_CASE("the first group of a segment waits for the last one of the segment before", "[commitlog]") {
    fixture f;
    REQUIRE(f.segments->prepare_next());
    const auto first = f.segments->active();
    while (f.writer->place(6000, true) == room::fits) {
        f.write(6000);
        if (f.writer->writes() == 4) {
            for (std::size_t i = f.ring.started.size() - 4; i < f.ring.started.size(); ++i) f.ring.end(i);
        }
    }
    while (f.writer->writing()) f.ring.end(f.ring.started.size() - f.writer->writes());
    REQUIRE(f.writer->submit());  // the footer
    REQUIRE(f.segments->active() != first);
    f.lay_out(3000);
    CHECK_FALSE(f.writer->may_write());
    f.ring.end(f.ring.started.size() - 1);
    CHECK(f.writer->may_write());
    CHECK(f.writer->submit());
}
