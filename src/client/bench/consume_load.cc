#include "client/bench/consume_load.h"

#include "base/record_batch.h"
#include "base/records.h"
#include "client/batch_reader.h"

#include <algorithm>

namespace imago::bench {

namespace {
constexpr std::int16_t session_not_found = 70;
constexpr std::int16_t invalid_session_epoch = 71;
}  // namespace

consume_load::~consume_load() {
    for (const auto& each : readers_) engine_.unwatch(*each->link);
}

result<std::unique_ptr<consume_load>> consume_load::make(engine& where, consume_options how) {
    std::unique_ptr<consume_load> made(new consume_load(where, std::move(how)));
    const consume_options& with = made->how_;
    const std::size_t connections = std::min<std::size_t>(with.connections, static_cast<std::size_t>(with.queues));
    for (std::size_t i = 0; i < connections * with.fan_out; ++i) {
        auto& added = made->readers_.emplace_back(std::make_unique<reader>());
        auto opened = channel::open(with.host, with.port);
        if (!opened) {
            made->readers_.pop_back();
            return tl::unexpected(opened.error());
        }
        added->link = std::move(*opened);
        added->index.resize(static_cast<std::size_t>(with.queues));
        for (auto queue = static_cast<std::int32_t>(i % connections); queue < with.queues;
             queue += static_cast<std::int32_t>(connections)) {
            added->index[static_cast<std::size_t>(queue)] = static_cast<std::uint32_t>(added->places.size());
            added->places.push_back({queue, with.start.empty() ? 0 : with.start[static_cast<std::size_t>(queue)]});
        }
        added->link->on_answer([self = made.get(), by = added.get()](std::int32_t, byte_view body) {
            self->answered(*by, body);
        });
        where.watch(*added->link);
    }
    return made;
}

void consume_load::start() {
    running_ = true;
    for (const auto& each : readers_) ask(*each);
}

void consume_load::measure() {
    measuring_ = true;
    messages_ = bytes_ = 0;
    times_ = {};
}

void consume_load::ask(reader& by) {
    scratch_.clear();
    if (by.session != 0) {
        for (const std::uint32_t place : by.moved) scratch_.push_back(by.places[place]);
    } else {
        // Servers fill an answer in the order of the request: each queue is first in its turn.
        by.first = by.first + 1 >= by.places.size() ? 0 : by.first + 1;
        scratch_.assign(by.places.begin() + static_cast<std::ptrdiff_t>(by.first), by.places.end());
        scratch_.insert(scratch_.end(), by.places.begin(), by.places.begin() + static_cast<std::ptrdiff_t>(by.first));
    }
    by.moved.clear();
    const std::int32_t epoch = how_.sessions ? by.epoch : -1;
    ++in_flight_;
    by.link->send_copy(fetch_frame(how_.topic, scratch_, how_.limits, by.session, epoch), 1);
}

void consume_load::answered(reader& by, byte_view body) {
    --in_flight_;
    std::int64_t now = 0;
    const fetched got = read_fetch(body, [&](std::int32_t queue, byte_view records) {
        const std::uint32_t place = by.index[static_cast<std::size_t>(queue)];
        bool moved = false;
        client::batch_cursor batches(records);
        for (byte_view bytes = batches.next(); !bytes.empty(); bytes = batches.next()) {
            const batch_view batch(bytes);
            const std::int64_t end = batch.base_offset().value + batch.last_offset_delta() + 1;
            const std::int64_t from = by.places[place].offset;
            if (end <= from) continue;
            by.places[place].offset = end;
            moved = true;
            if (!measuring_) continue;
            const auto count = static_cast<std::uint64_t>(std::min<std::int64_t>(end - from, batch.count()));
            messages_ += count;
            bytes_ += bytes.size();
            if (!how_.marked) continue;
            record_reader in(bytes.subspan(batch_header_size));
            if (record_view first; in.next(first) && first.value && first.value->size() >= 8) {
                if (now == 0) now = clock_type::now().time_since_epoch().count();
                const auto mark = load_be<std::int64_t>(first.value->data());
                times_.record(static_cast<std::uint64_t>(std::max<std::int64_t>(now - mark, 0)), count);
            }
        }
        if (moved) by.moved.push_back(place);
    });
    if (got.error == session_not_found || got.error == invalid_session_epoch) {
        by.session = by.epoch = 0;
    } else if (got.error != 0) {
        if (error_ == 0) error_ = got.error;
    } else if (how_.sessions && got.session != 0) {
        by.session = got.session;
        by.epoch = by.epoch == INT32_MAX ? 1 : by.epoch + 1;
    }
    if (running_) ask(by);
}

}  // namespace imago::bench
