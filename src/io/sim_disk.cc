#include "io/sim_disk.h"

#include "io/sim_ring.h"

#include <algorithm>
#include <cerrno>

namespace imago::io {
namespace {

const sim_file& as_sim(const file& file) { return static_cast<const sim_file&>(file); }
tl::unexpected<std::error_code> fail_with(int error) { return fail(system_error_code(error)); }

}  // namespace

sim_disk::sim_disk(sim_options options) : options_(options), random_(options.seed) {
    pages_.capacity = options.capacity;
}

sim_disk::~sim_disk() { kill_rings(); }

void sim_disk::reset(std::uint64_t seed) {
    options_.seed = seed;
    random_ = sim_random(seed);
    counts_ = {};
    kill_rings();
    ++generation_;
    off_ = false;
    steps_left_.reset();
    scripts_.clear();
    torn_.clear();
    locks_.clear();
    names_.clear();
}

void sim_disk::kill_rings() {
    for (sim_ring* ring : rings_) ring->kill();
    rings_.clear();
}

// ---- Faults
// --------------------------------------------------------------------------------------------------------

void sim_disk::fail_after(sim_operation operation, unsigned n, int error, unsigned times) {
    scripts_.push_back({operation, n, times, error});
}

int sim_disk::scripted_error(sim_operation operation, double probability) {
    int error = random_.chance(probability) ? EIO : 0;
    for (script& each : scripts_) {
        if (each.operation != operation || each.times == 0) continue;
        if (each.before > 0) {
            --each.before;
        } else {
            --each.times;
            error = each.error;
        }
    }
    return error;
}

result<> sim_disk::flip_bit(std::string_view path, std::uint64_t offset, unsigned bit) {
    const auto content = names_.find(path);
    if (!content) return fail_with(ENOENT);
    std::byte byte{};
    if (content->read(offset, {&byte, 1}) != 1) return fail_with(EINVAL);
    byte ^= std::byte{1} << bit;
    content->overwrite(offset, {&byte, 1});
    return {};
}

result<> sim_disk::overwrite(std::string_view path, std::uint64_t offset, byte_view bytes) {
    const auto content = names_.find(path);
    if (!content) return fail_with(ENOENT);
    if (offset > content->size() || bytes.size() > content->size() - offset) return fail_with(EINVAL);
    content->overwrite(offset, bytes);
    return {};
}

// ---- Power
// ---------------------------------------------------------------------------------------------------------

void sim_disk::power_off() {
    if (off_) return;
    off_ = true;
    for (sim_ring* ring : rings_) ring->power_off();
}

void sim_disk::power_off_after(std::uint64_t n) { steps_left_ = n; }

bool sim_disk::step() {
    pages_.capacity = options_.capacity;  // tests change it
    if (off_) return false;
    ++counts_.steps;
    if (steps_left_ && (*steps_left_)-- == 0) {
        power_off();
        return false;
    }
    return true;
}

void sim_disk::crash() {
    power_off();
    ++counts_.crashes;
    kill_rings();
    names_.crash(random_);
    for (const auto& [name, content] : names_.files()) content->crash(random_);
    // Writes that were under way together reach the device in any order.
    for (std::size_t i = torn_.size(); i > 1; --i) std::swap(torn_[i - 1], torn_[random_.below(i)]);
    for (const torn_write& each : torn_) each.content->tear(each.offset, each.bytes, random_);
    torn_.clear();
    ++generation_;
    locks_.clear();
    scripts_.clear();
    steps_left_.reset();
    off_ = false;
}

result<> sim_disk::check_power() const {
    if (off_) return fail_with(EIO);
    return {};
}

result<> sim_disk::check_directory_of(std::string_view path) const {
    if (!names_.has_directory(sim_parent(path))) return fail_with(ENOENT);
    return {};
}

// ---- Content: rings and blocking calls
// -----------------------------------------------------------------------------

result<> sim_disk::check(const file& file, bool write, std::uint64_t offset, std::uint64_t size,
                         const void* data) const {
    const sim_file& target = as_sim(file);
    if (target.generation != generation_ || (write && !target.writable)) return fail_with(EBADF);
    const std::uint64_t unit = file.block_size();
    if (file.direct() &&
        (offset % unit != 0 || size % unit != 0 || reinterpret_cast<std::uintptr_t>(data) % unit != 0))
        return fail_with(EINVAL);
    return {};
}

result<std::size_t> sim_disk::do_read(const file& file, std::uint64_t offset, byte_span into) {
    IMAGO_CHECK(check_power());
    IMAGO_CHECK(check(file, false, offset, into.size(), into.data()));
    ++counts_.reads;
    if (const int error = scripted_error(sim_operation::read, options_.read_error); error != 0)
        return fail_with(error);
    return as_sim(file).content->read(offset, into);
}

result<> sim_disk::do_write(const file& file, std::uint64_t offset, byte_view bytes, bool durable) {
    IMAGO_CHECK(check(file, true, offset, bytes.size(), bytes.data()));
    ++counts_.writes;
    sim_content& content = *as_sim(file).content;
    const int error = scripted_error(sim_operation::write, options_.write_error);
    if (error == EIO) {
        // Nobody knows what a failed write left: not old, not new, and not durable.
        std::vector<std::byte> left(bytes.size());
        content.read(offset, left);
        for (std::size_t at = 0; at < left.size(); at += sector_size) {
            const std::size_t size = std::min(sector_size, left.size() - at);
            const auto outcome = random_.below(3);
            if (outcome == 1) std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), size, &left[at]);
            if (outcome == 2)
                std::generate_n(&left[at], size, [&] { return std::byte(random_.next() & 0xff); });
        }
        (void)content.write(offset, left, false);
    }
    if (error != 0) return fail_with(error);
    if (durable) ++counts_.durable_writes;
    counts_.bytes_written += bytes.size();
    return content.write(offset, bytes, durable);
}

result<> sim_disk::do_sync(const file& file, std::uint64_t up_to) {
    IMAGO_CHECK(check(file, false, 0, 0, nullptr));
    ++counts_.syncs;
    sim_content& content = *as_sim(file).content;
    if (const int error = scripted_error(sim_operation::sync, options_.sync_error); error != 0) {
        content.fail_sync(up_to);
        return fail_with(error);
    }
    content.sync(up_to);
    return {};
}

result<std::size_t> sim_disk::read_at(file& file, std::uint64_t offset, byte_span into) {
    return do_read(file, offset, into);
}

result<> sim_disk::write_now(file& file, std::uint64_t offset, byte_view bytes, bool durable) {
    IMAGO_CHECK(check_power());
    if (!step()) {
        if (check(file, true, offset, bytes.size(), bytes.data()))
            torn_.push_back({as_sim(file).content, offset, {bytes.begin(), bytes.end()}});
        return fail_with(EIO);
    }
    return do_write(file, offset, bytes, durable);
}

result<> sim_disk::write_at(file& file, std::uint64_t offset, byte_view bytes) {
    return write_now(file, offset, bytes, false);
}

result<> sim_disk::write_durable_at(file& file, std::uint64_t offset, byte_view bytes) {
    return write_now(file, offset, bytes, true);
}

result<> sim_disk::sync(file& file) {
    if (!step()) return fail_with(EIO);
    return do_sync(file, as_sim(file).content->sequence());
}

result<std::uint64_t> sim_disk::size(file& file) {
    IMAGO_CHECK(check_power());
    IMAGO_CHECK(check(file, false, 0, 0, nullptr));
    return as_sim(file).content->size();
}

result<> sim_disk::allocate(file& file, std::uint64_t offset, std::uint64_t size) {
    if (!step()) return fail_with(EIO);
    IMAGO_CHECK(check(file, true, 0, 0, nullptr));
    return as_sim(file).content->allocate(offset, size);
}

result<> sim_disk::punch_hole(file& file, std::uint64_t offset, std::uint64_t size) {
    if (!step()) return fail_with(EIO);
    IMAGO_CHECK(check(file, true, 0, 0, nullptr));
    as_sim(file).content->punch_hole(offset, size);
    return {};
}

result<> sim_disk::truncate(file& file, std::uint64_t size) {
    if (!step()) return fail_with(EIO);
    IMAGO_CHECK(check(file, true, 0, 0, nullptr));
    as_sim(file).content->truncate(size);
    return {};
}

result<std::uint64_t> sim_disk::free_space(std::string_view) {
    IMAGO_CHECK(check_power());
    pages_.capacity = options_.capacity;
    return pages_.capacity - std::min(pages_.used, pages_.capacity);
}

// ---- Names
// ---------------------------------------------------------------------------------------------------------

result<std::unique_ptr<file>> sim_disk::open(std::string_view path, open_mode mode) {
    IMAGO_CHECK(check_power());
    auto content = names_.find(path);
    if (content && mode.create && mode.exclusive) return fail_with(EEXIST);
    if (!content) {
        if (!mode.create) return fail_with(ENOENT);
        IMAGO_CHECK(check_directory_of(path));
        if (names_.has_directory(path)) return fail_with(EISDIR);
        if (!step()) return fail_with(EIO);
        content = std::make_shared<sim_content>(pages_);
        names_.create(path, content);
    }
    const std::size_t block = mode.direct ? options_.block_size : sector_size;
    return std::make_unique<sim_file>(std::string(path), mode, block, std::move(content), generation_);
}

result<std::unique_ptr<ring>> sim_disk::make_ring(ring_options options) {
    return std::make_unique<sim_ring>(*this, options.entries);
}

result<> sim_disk::make_directories(std::string_view path) {
    IMAGO_CHECK(check_power());
    if (names_.has_directory(path)) return {};
    if (!step()) return fail_with(EIO);
    names_.make_directories(path);
    return {};
}

result<> sim_disk::remove(std::string_view path) {
    IMAGO_CHECK(check_power());
    if (!names_.find(path)) return {};
    if (!step()) {
        if (random_.chance(0.5)) names_.remove(path);  // had it reached the journal?
        return fail_with(EIO);
    }
    names_.remove(path);
    return {};
}

result<> sim_disk::rename(std::string_view from, std::string_view to) {
    IMAGO_CHECK(check_power());
    if (!names_.find(from)) return fail_with(ENOENT);
    IMAGO_CHECK(check_directory_of(to));
    if (!step()) {
        if (random_.chance(0.5)) names_.rename(from, to);
        return fail_with(EIO);
    }
    names_.rename(from, to);
    return {};
}

result<std::vector<std::string>> sim_disk::list(std::string_view directory) {
    IMAGO_CHECK(check_power());
    if (!names_.has_directory(directory)) return fail_with(ENOENT);
    return names_.list(directory);
}

bool sim_disk::exists(std::string_view path) {
    return !off_ && (names_.find(path) != nullptr || names_.has_directory(path));
}

result<> sim_disk::sync_directory(std::string_view path) {
    IMAGO_CHECK(check_power());
    if (!names_.has_directory(path)) return fail_with(ENOENT);
    if (!step()) return fail_with(EIO);
    ++counts_.directory_syncs;
    if (const int error = scripted_error(sim_operation::sync, options_.sync_error); error != 0)
        return fail_with(error);
    names_.sync_directory(path);
    return {};
}

result<std::unique_ptr<file>> sim_disk::lock(std::string_view path) {
    open_mode mode;
    mode.write = mode.create = true;
    IMAGO_TRY(auto file, open(path, mode));
    auto& held = locks_[std::string(path)];
    if (!held.expired()) return fail_with(EAGAIN);
    auto lock = std::make_shared<char>();
    held = lock;
    static_cast<sim_file&>(*file).lock = std::move(lock);
    return file;
}

}  // namespace imago::io
