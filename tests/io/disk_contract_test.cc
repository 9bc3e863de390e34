// What io::disk promises about names, sizes and whole files, on every backend.
#include "io/backends.h"

using namespace imago;
using namespace imago::io;

namespace {

bool all_zero(const std::vector<std::byte>& bytes, std::size_t from, std::size_t to) {
    return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                       bytes.begin() + static_cast<std::ptrdiff_t>(to),
                       [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

TEST_CASE("open creates only when asked", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    open_mode write;
    write.write = true;
    CHECK(disk->open(disk.path("a"), {}).error() == std::errc::no_such_file_or_directory);
    CHECK(disk->open(disk.path("a"), write).error() == std::errc::no_such_file_or_directory);
    CHECK_FALSE(disk->exists(disk.path("a")));
    open_mode create = write;
    create.create = true;
    CHECK(disk->open(disk.path("a"), create).has_value());
    CHECK(disk->exists(disk.path("a")));
    CHECK(disk->open(disk.path("a"), create).has_value());
    create.exclusive = true;
    CHECK(disk->open(disk.path("a"), create).error() == std::errc::file_exists);
    CHECK(disk->open(disk.path("b"), create).value()->path() == disk.path("b"));
    CHECK(disk->open(disk.path("missing/b"), create).error() == std::errc::no_such_file_or_directory);
}

TEST_CASE("rename replaces, remove forgives, list is sorted and knows files only", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    for (const char* name : {"c", "a", "b"})
        REQUIRE(replace_file(*disk, disk.path(name), as_bytes(name)).has_value());
    REQUIRE(disk->make_directories(disk.path("folder/within")).has_value());
    REQUIRE(disk->make_directories(disk.path("folder/within")).has_value());
    CHECK(disk->list(disk.folder()).value() == std::vector<std::string>{"a", "b", "c"});
    CHECK(disk->list(disk.path("folder")).value().empty());
    CHECK(disk->list(disk.path("missing")).error() == std::errc::no_such_file_or_directory);

    REQUIRE(disk->rename(disk.path("a"), disk.path("c")).has_value());
    CHECK(disk->list(disk.folder()).value() == std::vector<std::string>{"b", "c"});
    CHECK(as_text(read_file(*disk, disk.path("c")).value()) == "a");
    CHECK(disk->rename(disk.path("a"), disk.path("c")).error() == std::errc::no_such_file_or_directory);

    REQUIRE(disk->remove(disk.path("b")).has_value());
    REQUIRE(disk->remove(disk.path("b")).has_value());
    CHECK_FALSE(disk->exists(disk.path("b")));
    REQUIRE(disk->rename(disk.path("c"), disk.path("folder/within/d")).has_value());
    CHECK(disk->list(disk.folder()).value().empty());
    CHECK(disk->list(disk.path("folder/within")).value() == std::vector<std::string>{"d"});
    CHECK(disk->sync_directory(disk.folder()).has_value());
    CHECK_FALSE(disk->sync_directory(disk.path("missing")).has_value());
}

TEST_CASE("an open file lives on when its name is removed or replaced", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    auto file = disk.create("a");
    REQUIRE(disk->write_at(*file, 0, as_bytes("still here")).has_value());
    REQUIRE(replace_file(*disk, disk.path("a"), as_bytes("new")).has_value());
    std::vector<std::byte> bytes(100);
    CHECK(disk->read_at(*file, 0, bytes).value() == 10);
    CHECK(as_text({bytes.data(), 10}) == "still here");
    CHECK(as_text(read_file(*disk, disk.path("a")).value()) == "new");
}

TEST_CASE("replace_file puts a whole new content in place and leaves nothing beside it", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    REQUIRE(replace_file(*disk, disk.path("a"), as_bytes("a long first content")).has_value());
    REQUIRE(
        replace_file(*disk, disk.path("a.tmp"), as_bytes("an orphan of a crash, longer than what follows"))
            .has_value());
    REQUIRE(replace_file(*disk, disk.path("a"), as_bytes("short")).has_value());
    CHECK(as_text(read_file(*disk, disk.path("a")).value()) == "short");
    CHECK(disk->list(disk.folder()).value() == std::vector<std::string>{"a"});
    REQUIRE(replace_file(*disk, disk.path("a"), {}).has_value());
    CHECK(read_file(*disk, disk.path("a")).value().empty());
    CHECK_FALSE(replace_file(*disk, disk.path("missing/a"), as_bytes("x")).has_value());
    CHECK(read_file(*disk, disk.path("b")).error() == std::errc::no_such_file_or_directory);
}

TEST_CASE("a lock has one holder at a time", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    {
        auto first = disk->lock(disk.path("lock"));
        REQUIRE(first.has_value());
        CHECK(disk->lock(disk.path("lock")).error() == std::errc::resource_unavailable_try_again);
        CHECK(disk->lock(disk.path("other")).has_value());
    }
    CHECK(disk->lock(disk.path("lock")).has_value());
}

TEST_CASE("allocate grows with zeros and never shrinks", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    auto file = disk.create("a");
    auto bytes = pattern(3000);
    REQUIRE(disk->write_at(*file, 0, {bytes.get(), 3000}).has_value());
    REQUIRE(disk->allocate(*file, 0, 100'000).has_value());
    CHECK(disk->size(*file).value() == 100'000);
    REQUIRE(disk->allocate(*file, 0, 50'000).has_value());
    CHECK(disk->size(*file).value() == 100'000);
    const auto content = read_file(*disk, disk.path("a")).value();
    REQUIRE(content.size() == 100'000);
    CHECK(same(content.data(), bytes.get(), 3000));
    CHECK(all_zero(content, 3000, 100'000));
    REQUIRE(disk->allocate(*file, 96'000, 10'000).has_value());
    CHECK(disk->size(*file).value() == 106'000);
    CHECK(same(read_file(*disk, disk.path("a")).value().data(), bytes.get(), 3000));
    CHECK(disk->free_space(disk.folder()).value() > 0);
}

TEST_CASE("truncate cuts, and what grows again is zero", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    auto file = disk.create("a");
    auto bytes = pattern(20'000);
    REQUIRE(disk->write_at(*file, 0, {bytes.get(), 20'000}).has_value());
    REQUIRE(disk->truncate(*file, 5'001).has_value());
    CHECK(disk->size(*file).value() == 5'001);
    REQUIRE(disk->truncate(*file, 20'000).has_value());
    const auto content = read_file(*disk, disk.path("a")).value();
    REQUIRE(content.size() == 20'000);
    CHECK(same(content.data(), bytes.get(), 5'001));
    CHECK(all_zero(content, 5'001, 20'000));
}

TEST_CASE("a punched hole reads as zeros, and the size stays", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    auto file = disk.create("a");
    auto bytes = pattern(40'960);
    REQUIRE(disk->write_at(*file, 0, {bytes.get(), 40'960}).has_value());
    REQUIRE(disk->punch_hole(*file, 5'000, 20'000).has_value());
    REQUIRE(disk->punch_hole(*file, 36'864, 1'000'000).has_value());
    const auto content = read_file(*disk, disk.path("a")).value();
    REQUIRE(content.size() == 40'960);
    CHECK(same(content.data(), bytes.get(), 5'000));
    CHECK(all_zero(content, 5'000, 25'000));
    CHECK(same(content.data() + 25'000, bytes.get() + 25'000, 36'864 - 25'000));
    CHECK(all_zero(content, 36'864, 40'960));
}

TEST_CASE("read_at is short at the end only", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    auto file = disk.create("a");
    auto bytes = pattern(10'000);
    REQUIRE(disk->write_at(*file, 0, {bytes.get(), 10'000}).has_value());
    REQUIRE(disk->sync(*file).has_value());
    std::vector<std::byte> in(8'000);
    CHECK(disk->read_at(*file, 0, in).value() == 8'000);
    CHECK(same(in.data(), bytes.get(), 8'000));
    CHECK(disk->read_at(*file, 7'000, in).value() == 3'000);
    CHECK(same(in.data(), bytes.get() + 7'000, 3'000));
    CHECK(disk->read_at(*file, 10'000, in).value() == 0);
}

TEST_CASE("make_disk finds a working backend", "[io]") {
    std::string why_not;
    auto disk = make_disk(&why_not);
    REQUIRE(disk);
    CHECK((disk->kind() == backend::uring) == why_not.empty());
    CHECK(make_disk(nullptr)->kind() == disk->kind());
}
