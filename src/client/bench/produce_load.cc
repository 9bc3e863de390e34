#include "client/bench/produce_load.h"

#include "client/bench/queues.h"

namespace imago::bench {

produce_load::produce_load(engine& where, produce_options how) : engine_(where), how_(std::move(how)) {}

produce_load::~produce_load() {
    engine_.remove(*this);
    for (const auto& each : producers_) engine_.unwatch(*each->link);
}

result<std::unique_ptr<produce_load>> produce_load::make(engine& where, produce_options how) {
    std::unique_ptr<produce_load> made(new produce_load(where, std::move(how)));
    const produce_options& with = made->how_;
    made->targets_ = choose_queues(with.queues, with.batches, with.zipf);
    const auto batch = make_batch(with.records, with.message, 0);
    if (!with.marked) {
        for (const auto& queues : made->targets_) made->frames_.push_back(produce_frame(with.topic, queues, batch));
    }
    made->messages_a_request_ = with.records * made->targets_.front().size();
    for (std::size_t i = 0; i < with.connections; ++i) {
        auto& added = made->producers_.emplace_back(std::make_unique<producer>());
        auto opened = channel::open(with.host, with.port);
        if (!opened) {
            made->producers_.pop_back();
            return tl::unexpected(opened.error());
        }
        added->link = std::move(*opened);
        added->link->on_answer([self = made.get(), by = added.get()](std::int32_t correlation, byte_view body) {
            self->answered(*by, correlation, body);
        });
        where.watch(*added->link);
    }
    where.add(*made);
    return made;
}

void produce_load::start(moment now) {
    running_ = true;
    if (how_.rate > 0) {
        interval_ = std::chrono::duration_cast<clock_type::duration>(
            std::chrono::duration<double>(static_cast<double>(messages_a_request_) / how_.rate));
        due_ = now;
        return;
    }
    for (const auto& each : producers_) {
        for (std::size_t i = 0; i < how_.window; ++i) send(*each, clock_type::now());
    }
}

void produce_load::measure() {
    measuring_ = true;
    times_ = {};
    answered_ = 0;
}

moment produce_load::next() const { return running_ && how_.rate > 0 ? due_ : moment::max(); }

void produce_load::act(moment now) {
    while (due_ <= now) {
        send(*producers_[next_producer_], due_);
        next_producer_ = next_producer_ + 1 == producers_.size() ? 0 : next_producer_ + 1;
        due_ += interval_;
    }
}

void produce_load::send(producer& from, moment due) {
    if (from.free.empty()) {
        from.free.push_back(static_cast<std::int32_t>(from.due.size()));
        from.due.emplace_back();
    }
    const std::int32_t correlation = from.free.back();
    from.free.pop_back();
    from.due[static_cast<std::size_t>(correlation)] = due;
    const std::size_t frame = next_frame_;
    next_frame_ = next_frame_ + 1 == targets_.size() ? 0 : next_frame_ + 1;
    ++in_flight_;
    if (!how_.marked) return from.link->send(frames_[frame], correlation);
    const auto batch = make_batch(how_.records, how_.message, due.time_since_epoch().count());
    from.link->send_copy(produce_frame(how_.topic, targets_[frame], batch), correlation);
}

void produce_load::answered(producer& by, std::int32_t correlation, byte_view body) {
    const moment due = by.due[static_cast<std::size_t>(correlation)];
    by.free.push_back(correlation);
    --in_flight_;
    if (const std::int16_t error = answers_.error(body); error != 0 && error_ == 0) error_ = error;
    const moment now = clock_type::now();
    if (measuring_) {
        times_.record(static_cast<std::uint64_t>((now - due).count()));
        ++answered_;
    }
    if (running_ && how_.rate <= 0) send(by, now);
}

}  // namespace imago::bench
