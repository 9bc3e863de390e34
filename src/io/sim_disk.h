// A disk in memory with seeded faults: torn and lost writes, EIO, a full disk, short writes, bit flips, power
// loss at any step. What happens is decided by the seed alone, so that a failing test is run again by its
// seed; to print it is the test's job. Single-threaded, and nothing in it waits: a wait() that nothing could
// end aborts.
//
// A crash test, in short:
//
//     sim_disk disk({.seed = seed});
//     disk.power_off_after(n);          // during the n-th step from here
//     ... run the store until it fails or is done; remember what it acknowledged; end it
//     disk.crash();                     // power off if it is not, and on again: the crash model of disk.h
//     ... open a new store on the same disk; check
//     disk.reset(seed + 1);             // empty again, cheaper than a new one
//
// From the power loss to crash() every operation fails with EIO and changes nothing, so that the code under
// test unwinds as it would on a dying device. Steps are what changes the disk: writes, syncs, names, sizes;
// not reads.
#pragma once

#include "io/disk.h"
#include "io/sim_names.h"

#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace imago::io {

struct sim_options {
    std::uint64_t seed = 1;
    std::uint64_t capacity = UINT64_MAX;   ///< bytes, in pages of 4 KiB; then ENOSPC
    std::size_t block_size = sector_size;  ///< of direct files
    /// Requests complete in any order and not all at once; else in the order of submission, all at the next
    /// reap().
    bool shuffle = true;
    double write_error = 0;  ///< probability of EIO for each operation
    double read_error = 0;
    double sync_error = 0;
    double short_write =
        0;  ///< probability that a write is done in two parts, with other completions in between
};

enum class sim_operation : std::uint8_t { read, write, sync };

struct sim_counts {
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;  ///< all; a short write counts once for each part
    std::uint64_t durable_writes = 0;
    std::uint64_t syncs = 0;
    std::uint64_t directory_syncs = 0;
    std::uint64_t bytes_written = 0;
    std::uint64_t steps = 0;
    std::uint64_t crashes = 0;
    /// What a device would see as a flush.
    [[nodiscard]] std::uint64_t flushes() const { return durable_writes + syncs + directory_syncs; }
};

class sim_ring;

/// Outlives its rings and files. "/" and "." exist; other directories are made by make_directories.
class sim_disk final : public disk {
public:
    explicit sim_disk(sim_options options = {});
    ~sim_disk() override;

    /// May be changed at any time; the seed only with reset().
    [[nodiscard]] sim_options& options() { return options_; }
    [[nodiscard]] const sim_counts& counts() const { return counts_; }
    /// An empty disk without scripts, and counts from 0. Handles and rings from before are dead.
    void reset(std::uint64_t seed);

    /// The n-th operation of this kind from now (0 = the next), and `times - 1` after it, fail with `error`.
    /// A write that fails with EIO leaves each of its sectors old, new or garbage; a failed sync syncs
    /// nothing, ever.
    void fail_after(sim_operation operation, unsigned n, int error, unsigned times = 1);

    void power_off();
    /// At the n-th step from now (0 = the next), which is then under way and not completed.
    void power_off_after(std::uint64_t n);
    [[nodiscard]] bool powered_off() const { return off_; }
    /// The disk as it is found after a power loss. Handles and rings from before are dead: they answer EBADF;
    /// requests in flight are dropped without done(). Ends all scripts.
    void crash();

    /// Changes stored bytes behind everybody's back.
    [[nodiscard]] result<> flip_bit(std::string_view path, std::uint64_t offset, unsigned bit);
    [[nodiscard]] result<> overwrite(std::string_view path, std::uint64_t offset, byte_view bytes);

    [[nodiscard]] backend kind() const override { return backend::sim; }
    [[nodiscard]] result<std::unique_ptr<file>> open(std::string_view path, open_mode mode) override;
    [[nodiscard]] result<std::unique_ptr<ring>> make_ring(ring_options options = {}) override;
    [[nodiscard]] result<> make_directories(std::string_view path) override;
    [[nodiscard]] result<> remove(std::string_view path) override;
    [[nodiscard]] result<> rename(std::string_view from, std::string_view to) override;
    [[nodiscard]] result<std::vector<std::string>> list(std::string_view directory) override;
    [[nodiscard]] bool exists(std::string_view path) override;
    [[nodiscard]] result<> sync_directory(std::string_view path) override;
    [[nodiscard]] result<std::unique_ptr<file>> lock(std::string_view path) override;
    [[nodiscard]] result<std::uint64_t> size(file& file) override;
    [[nodiscard]] result<> allocate(file& file, std::uint64_t offset, std::uint64_t size) override;
    [[nodiscard]] result<> punch_hole(file& file, std::uint64_t offset, std::uint64_t size) override;
    [[nodiscard]] result<> truncate(file& file, std::uint64_t size) override;
    [[nodiscard]] result<std::uint64_t> free_space(std::string_view path) override;
    [[nodiscard]] result<std::size_t> read_at(file& file, std::uint64_t offset, byte_span into) override;
    [[nodiscard]] result<> write_at(file& file, std::uint64_t offset, byte_view bytes) override;
    [[nodiscard]] result<> write_durable_at(file& file, std::uint64_t offset, byte_view bytes) override;
    [[nodiscard]] result<> sync(file& file) override;

private:
    friend class sim_ring;

    struct script {
        sim_operation operation;
        unsigned before;
        unsigned times;
        int error;
    };
    struct torn_write {
        sim_content_ptr content;
        std::uint64_t offset;
        std::vector<std::byte> bytes;
    };

    // One step of a file operation, for rings and blocking calls alike: power, scripts, then the work.
    bool step();
    int scripted_error(sim_operation operation, double probability);
    result<> check(const file& file, bool write, std::uint64_t offset, std::uint64_t size,
                   const void* data) const;
    result<std::size_t> do_read(const file& file, std::uint64_t offset, byte_span into);
    [[nodiscard]] result<> write_now(file& file, std::uint64_t offset, byte_view bytes, bool durable);
    result<> do_write(const file& file, std::uint64_t offset, byte_view bytes, bool durable);
    result<> do_sync(const file& file, std::uint64_t up_to);
    result<> check_power() const;
    result<> check_directory_of(std::string_view path) const;
    void kill_rings();

    sim_options options_;
    sim_random random_;
    sim_counts counts_;
    sim_pages pages_;  // before everything that holds content
    sim_names names_;
    std::uint64_t generation_ = 0;  // handles of an earlier one are dead
    bool off_ = false;
    std::optional<std::uint64_t> steps_left_;
    std::vector<script> scripts_;
    std::vector<torn_write> torn_;
    std::map<std::string, std::weak_ptr<void>, std::less<>> locks_;
    std::vector<sim_ring*> rings_;
};

}  // namespace imago::io
