// The faults that sim_disk plays while it runs.
#include "io/backends.h"

using namespace imago;
using namespace imago::io;
using kind = request::kind;

namespace {

struct bench {
    explicit bench(sim_options options = {}) : disk(options) {
        open_mode mode;
        mode.write = mode.create = true;
        file = disk.open("data", mode).value();
        ring = disk.make_ring().value();
    }
    sim_disk disk;
    std::unique_ptr<io::file> file;
    std::unique_ptr<io::ring> ring;
};

}  // namespace

TEST_CASE("the n-th write, read or sync fails as the script says", "[io][sim]") {
    bench b;
    auto bytes = pattern(512);
    b.disk.fail_after(sim_operation::write, 2, EIO);
    b.disk.fail_after(sim_operation::read, 1, EIO);
    b.disk.fail_after(sim_operation::sync, 0, EIO, 2);
    for (int i = 0; i < 5; ++i) {
        counted write(kind::write, b.file.get(), 0, bytes.get(), 512);
        counted read(kind::read, b.file.get(), 0, bytes.get(), 512);
        counted sync(kind::sync_data, b.file.get());
        run(*b.ring, {&write});
        run(*b.ring, {&sync});
        run(*b.ring, {&read});
        CHECK((write.error == std::errc::io_error) == (i == 2));
        CHECK((read.error == std::errc::io_error) == (i == 1));
        CHECK((sync.error == std::errc::io_error) == (i < 2));
        if (i == 2) CHECK(b.disk.write_at(*b.file, 0, {pattern(512).get(), 512}).has_value());
    }
}

TEST_CASE("errors come with the given probability", "[io][sim]") {
    bench b({.seed = 5, .write_error = 0.25});
    auto bytes = pattern(512);
    int failed = 0;
    for (int i = 0; i < 1000; ++i)
        failed += b.disk.write_at(*b.file, 0, {bytes.get(), 512}).has_value() ? 0 : 1;
    CHECK(failed > 180);
    CHECK(failed < 320);
}

TEST_CASE("a full disk refuses with ENOSPC, and takes writes again when there is room", "[io][sim]") {
    bench b({.capacity = 64 * 1024});
    auto bytes = pattern(64 * 1024);
    open_mode mode;
    mode.write = mode.create = true;
    auto other = b.disk.open("other", mode).value();
    REQUIRE(b.disk.write_at(*other, 0, {bytes.get(), 48 * 1024}).has_value());
    CHECK(b.disk.free_space("/").value() == 16 * 1024);
    counted write(kind::write, b.file.get(), 0, bytes.get(), 32 * 1024);
    run(*b.ring, {&write});
    CHECK(write.error == std::errc::no_space_on_device);
    CHECK(b.disk.allocate(*b.file, 0, 128 * 1024).error() == std::errc::no_space_on_device);
    REQUIRE(b.disk.truncate(*b.file, 0).has_value());
    REQUIRE(b.disk.sync(*b.file).has_value());
    CHECK(b.disk.free_space("/").value() == 16 * 1024);

    other.reset();
    REQUIRE(b.disk.remove("other").has_value());
    REQUIRE(b.disk.sync_directory(".").has_value());
    CHECK(b.disk.free_space("/").value() == 64 * 1024);
    run(*b.ring, {&write});
    CHECK_FALSE(write.error);
    CHECK(b.disk.write_at(*b.file, 0, {bytes.get(), 32 * 1024}).has_value());  // overwriting takes no space
}

TEST_CASE("a short write is carried on, and other requests complete in between", "[io][sim]") {
    bench b({.seed = 3, .short_write = 0.9});
    auto bytes = pattern(64 * 1024);
    counted write(kind::write, b.file.get(), 0, bytes.get(), 64 * 1024);
    run(*b.ring, {&write});
    CHECK_FALSE(write.error);
    CHECK(write.transferred == 64 * 1024);
    CHECK(write.times_done == 1);
    CHECK(b.disk.counts().writes > 1);
    const auto content = read_file(b.disk, "data").value();
    REQUIRE(content.size() == 64 * 1024);
    CHECK(same(content.data(), bytes.get(), 64 * 1024));
}

TEST_CASE("a flipped bit is read back flipped, and only it", "[io][sim]") {
    bench b;
    auto bytes = pattern(10'000);
    REQUIRE(b.disk.write_at(*b.file, 0, {bytes.get(), 10'000}).has_value());
    REQUIRE(b.disk.flip_bit("data", 5'000, 3).has_value());
    bytes[5'000] ^= std::byte{8};
    CHECK(same(read_file(b.disk, "data").value().data(), bytes.get(), 10'000));
    CHECK_FALSE(b.disk.flip_bit("data", 10'000, 0).has_value());
    CHECK_FALSE(b.disk.flip_bit("missing", 0, 0).has_value());
    REQUIRE(b.disk.sync(*b.file).has_value());
    REQUIRE(b.disk.sync_directory(".").has_value());
    b.disk.crash();
    CHECK(same(read_file(b.disk, "data").value().data(), bytes.get(), 10'000));
}

TEST_CASE("requests complete in another order for another seed, and in the same for the same", "[io][sim]") {
    struct numbered : request {
        std::vector<int>* order = nullptr;
        int number = 0;
    };
    const auto order_of = [](std::uint64_t seed, bool shuffle) {
        bench b({.seed = seed, .shuffle = shuffle});
        auto bytes = pattern(512);
        std::vector<int> order;
        std::vector<numbered> writes(20);
        for (int i = 0; i < 20; ++i) {
            auto& each = writes[static_cast<std::size_t>(i)];
            each.what = kind::write;
            each.target = b.file.get();
            each.data = bytes.get();
            each.size = 512;
            each.order = &order;
            each.number = i;
            each.done = [](request& self) {
                auto& write = static_cast<numbered&>(self);
                write.order->push_back(write.number);
            };
            b.ring->submit(each);
        }
        while (b.ring->in_flight() > 0) b.ring->wait(std::chrono::nanoseconds(-1));
        return order;
    };
    const auto straight = order_of(1, false);
    CHECK(std::is_sorted(straight.begin(), straight.end()));
    CHECK(order_of(1, true) != straight);
    CHECK(order_of(1, true) != order_of(2, true));
    CHECK(order_of(7, true) == order_of(7, true));
}

TEST_CASE("one durable write is one flush, however much it carries", "[io][sim]") {
    bench b;
    auto bytes = pattern(256 * 1024);
    counted write(kind::write, b.file.get(), 0, bytes.get(), 256 * 1024);
    write.durable = true;
    run(*b.ring, {&write});
    CHECK(b.disk.counts().flushes() == 1);
    CHECK(b.disk.counts().bytes_written == 256 * 1024);
}

TEST_CASE("a reset disk is empty and takes its space back", "[io][sim]") {
    bench b({.capacity = 1 << 20});
    auto bytes = pattern(4096);
    REQUIRE(b.disk.write_at(*b.file, 0, {bytes.get(), 4096}).has_value());
    b.disk.reset(2);
    CHECK_FALSE(b.disk.exists("data"));
    CHECK(b.disk.write_at(*b.file, 0, {bytes.get(), 4096}).error() == std::errc::bad_file_descriptor);
    b.file.reset();
    CHECK(b.disk.free_space("/").value() == 1 << 20);
    CHECK(b.disk.counts().writes == 0);
}
