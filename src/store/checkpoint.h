// A checkpoint: everything that recovery would otherwise have to replay the whole log for. Derived data: losing it costs
// time. Two files written in turn, so that a crash while one is written leaves the other. Format: docs/format/checkpoint.md
//
// The picture is fuzzy on purpose: its parts are taken one after the other while appending goes on. Replay from
// `replay_from`, the durable frontier before the first part was taken, makes it exact, because replaying what a part already
// holds changes nothing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "consumequeue/queue_index.h"
#include "io/disk.h"
#include "store/log_usage.h"
#include "store/producers.h"
#include "store/table.h"

namespace imago::store {

struct checkpoint_head {
    std::uint64_t sequence = 0;
    log_position replay_from;
    log_position end;               ///< durable frontier when it was finished: a witness
    std::uint32_t next_queue_id = 0;
};

class checkpoint_visitor {
public:
    virtual ~checkpoint_visitor() = default;
    virtual void on_table(table_id table, byte_view key, byte_view value) = 0;
    virtual void on_queue(consumequeue::queue_snapshot&& queue) = 0;
    virtual void on_producer(const producer_state& producer) = 0;
    virtual void on_usage(segment_usage&& usage) = 0;
};

/// Writes one checkpoint in pieces of about a MiB, direct, one after the other: the disk stays responsive. One thread.
class checkpoint_writer {
public:
    void table(table_id table, byte_view key, byte_view value);
    void queue(const consumequeue::queue_snapshot& queue);
    void producer(const producer_state& producer);
    void usage(const segment_usage& usage);
    /// The first error of any write so far.
    [[nodiscard]] std::error_code error() const { return error_; }

private:
    friend class checkpoint_files;
    checkpoint_writer(io::disk& disk, io::file& file, std::uint64_t sequence, std::size_t piece_bytes);
    void section(std::uint8_t kind);
    void put(const void* bytes, std::size_t size);
    template <class T>
    void put(T value) { put(&value, sizeof value); }
    void flush_piece();

    io::disk& disk_;
    io::file& file_;
    std::uint64_t sequence_;
    std::size_t piece_bytes_;
    aligned_bytes piece_;
    std::size_t used_;
    std::uint64_t offset_;
    std::uint32_t pieces_ = 0;
    std::error_code error_;
};

class checkpoint_files {
public:
    /// Opens or creates both files and reads their heads.
    [[nodiscard]] static result<std::unique_ptr<checkpoint_files>> open(io::disk& disk, const std::string& directory,
                                                                        std::size_t piece_bytes = 1 << 20);
    /// The newest checkpoint that is whole (every piece verified), fed to the visitor. nullopt: there is none.
    [[nodiscard]] std::optional<checkpoint_head> load(checkpoint_visitor& visitor);
    /// Begin, fill, commit: replaces the older of the two. Durable when commit() returns.
    [[nodiscard]] checkpoint_writer begin();
    [[nodiscard]] result<> commit(checkpoint_writer& writer, checkpoint_head head);
    /// Everything from here on may be needed to recover from either checkpoint; below it only the messages count.
    [[nodiscard]] log_position needed_from() const;
    /// There is a checkpoint of a version that this code does not read.
    [[nodiscard]] std::optional<std::uint32_t> other_version() const { return other_version_; }

private:
    struct slot {
        std::unique_ptr<io::file> file;
        std::optional<checkpoint_head> head;
        std::uint32_t pieces = 0;
    };
    checkpoint_files(io::disk& disk, std::size_t piece_bytes) : disk_(disk), piece_bytes_(piece_bytes) {}
    [[nodiscard]] bool verify(slot& slot);
    [[nodiscard]] bool parse(slot& slot, checkpoint_visitor& visitor);
    [[nodiscard]] int older() const;

    io::disk& disk_;
    std::size_t piece_bytes_;
    slot slots_[2];
    std::uint64_t sequence_ = 0;
    std::optional<std::uint32_t> other_version_;
};

}  // namespace imago::store
