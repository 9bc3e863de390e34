// A store on a simulated disk, driven by hand: one thread plays all parts, so that a seed decides everything.
#pragma once

#include <cstring>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/record_batch.h"
#include "io/sim_disk.h"
#include "store/store.h"

namespace imago::store::test {

/// A record batch v2 whose records area is `payload` (the store does not look inside), `count` records long.
inline std::vector<std::byte> make_batch(std::string_view payload, std::int32_t count = 1, std::int64_t producer = -1,
                                         std::int16_t epoch = -1, std::int32_t sequence = -1, unix_ms time = 1000) {
    std::vector<std::byte> batch(batch_header_size + payload.size());
    std::byte* at = batch.data();
    set_batch_prefix(batch, {0}, static_cast<std::int32_t>(batch.size()), {0});
    store_be<std::int8_t>(at + 16, 2);
    store_be<std::int32_t>(at + 23, count - 1);
    store_be<std::int64_t>(at + 27, time);
    store_be<std::int64_t>(at + 35, time);
    store_be<std::int64_t>(at + 43, producer);
    store_be<std::int16_t>(at + 51, epoch);
    store_be<std::int32_t>(at + 53, sequence);
    store_be<std::int32_t>(at + 57, count);
    std::memcpy(at + batch_header_size, payload.data(), payload.size());
    store_be<std::uint32_t>(at + 17, crc32c(byte_view(batch).subspan(batch_crc_start)));
    return batch;
}

inline std::string payload_of(byte_view batch) { return std::string(as_text(batch.subspan(batch_header_size))); }

inline store_options small_options() {
    store_options options;
    options.directory = "d";
    options.segment_bytes = 64 * 1024;
    options.cache_bytes = 128 * 1024;
    options.group_bytes_max = 16 * 1024;
    options.overlap_bytes = 1024;
    options.overlap_backlog = 0;
    options.direct_bytes_max = 4 * 1024;
    options.checkpoint_interval = 48 * 1024;
    options.threads = false;
    options.zero_fill = false;
    options.index_write_together = 1;
    options.retention_check_ms = 0;
    return options;
}

/// A table of strings.
struct map_table final : table {
    std::map<std::string, std::string> state;
    mutable std::mutex mutex;  ///< a dump runs beside changes
    void apply(byte_view key, byte_view value, bool removed) override {
        const std::lock_guard lock(mutex);
        if (removed) {
            state.erase(std::string(as_text(key)));
        } else {
            state[std::string(as_text(key))] = std::string(as_text(value));
        }
    }
    void dump(const std::function<void(byte_view, byte_view)>& out) const override {
        const std::lock_guard lock(mutex);
        for (const auto& [key, value] : state) out(as_bytes(key), as_bytes(value));
    }
};

/// One append on its way, with its own bytes.
struct sent {
    std::vector<std::vector<std::byte>> bytes;
    std::vector<append_batch> batches;
    append_request request;
    bool done = false;

    void add(queue_id queue, std::vector<std::byte> batch) {
        bytes.push_back(std::move(batch));
        append_batch item;
        item.queue = queue;
        item.hash = payload_hash(bytes.back());
        batches.push_back(item);
    }
    append_request& ready() {
        for (std::size_t i = 0; i < batches.size(); ++i) batches[i].bytes = bytes[i];
        request.batches = batches;
        request.context = this;
        request.done = [](append_request& r) { static_cast<sent*>(r.context)->done = true; };
        return request;
    }
};

struct harness {
    io::sim_disk& disk;
    store_options options;
    map_table topics;
    std::unique_ptr<store> opened;
    std::unique_ptr<reader> reads;
    std::vector<std::string> lines;

    explicit harness(io::sim_disk& d, store_options o = small_options()) : disk(d), options(std::move(o)) {}
    ~harness() {
        reads.reset();
        opened.reset();
    }

    result<> open() {
        options.log = [this](std::string_view line) { lines.emplace_back(line); };
        IMAGO_TRY(opened, store::open(disk, options, {{table_id::topics, &topics}}));
        IMAGO_TRY(reads, opened->make_reader());
        return {};
    }
    /// Ends the store without a word, as a power cut does; disk.crash() comes next.
    void cut_power() {
        disk.power_off();
        reads.reset();
        opened.reset();
    }
    /// What a device does now and then with what nobody synced. After this a power cut is to the index journal what kill -9 is.
    void keep_journal() {
        for (const char* name : {"/checkpoint/journal.a", "/checkpoint/journal.b"}) {
            if (const auto file = disk.open(options.directory + name, {.write = true})) (void)disk.sync(**file);
        }
    }
    void shut() {
        reads.reset();
        opened->close();
        opened.reset();
    }
    /// Lets both threads' work run until there is none.
    void settle() {
        while (opened->step() || opened->maintain()) {
        }
    }
    std::error_code change(std::vector<table_change> changes) {
        change_request request;
        request.changes = std::move(changes);
        bool done = false;
        request.context = &done;
        request.done = [](change_request& r) { *static_cast<bool*>(r.context) = true; };
        opened->change(request);
        settle();
        return done ? request.error : std::make_error_code(std::errc::timed_out);
    }
    queue_id make_queue() {
        const queue_id id = opened->new_queue_ids(1);
        (void)change({store::queue_created(id)});
        return id;
    }
    append_batch append(queue_id queue, std::vector<std::byte> batch) {
        sent one;
        one.add(queue, std::move(batch));
        opened->append(one.ready());
        settle();
        if (!one.done) one.batches[0].error = std::make_error_code(std::errc::timed_out);
        return one.batches[0];
    }
    /// Everything from an offset on, batch by batch; stops at an error, which goes to `error`.
    std::map<std::int64_t, std::string> read_all(queue_id queue, queue_offset from, std::error_code* error = nullptr) {
        std::map<std::int64_t, std::string> found;
        for (;;) {
            read_request request = read(queue, from, 8192);
            if (error != nullptr) *error = request.error;
            if (request.error || request.slices.empty()) return found;
            for (const slice& slice : request.slices) {
                const batch_view batch(slice.bytes);
                found[batch.base_offset().value] = payload_of(slice.bytes);
                from = batch.base_offset() + batch.count();
            }
        }
    }
    read_request read(queue_id queue, queue_offset from, std::size_t max_bytes) {
        read_request request;
        request.queue = queue;
        request.from = from;
        request.max_bytes = max_bytes;
        bool done = false;
        request.context = &done;
        request.done = [](read_request& r) { *static_cast<bool*>(r.context) = true; };
        const bool at_once = reads->read(request);
        reads->start();
        if (!at_once) {
            while (!done) reads->ring().wait(std::chrono::nanoseconds(-1));
        }
        return request;
    }
    time_request find(queue_id queue, time_request::kind what, unix_ms time) {
        time_request request;
        request.queue = queue;
        request.what = what;
        request.time = time;
        bool done = false;
        request.context = &done;
        request.done = [](time_request& r) { *static_cast<bool*>(r.context) = true; };
        const bool at_once = reads->find(request);
        reads->start();
        if (!at_once) {
            while (!done) reads->ring().wait(std::chrono::nanoseconds(-1));
        }
        return request;
    }
};

}  // namespace imago::store::test
