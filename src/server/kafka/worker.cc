#include "server/kafka/worker.h"

#include "broker/broker.h"
#include "server/kafka/fetch_session.h"
#include "server/kafka/handlers.h"

#include <utility>

namespace imago::kafka {

namespace {
/// Requests kept for use again, for each kind that is asked for often.
constexpr std::size_t kept_max = 128;
constexpr std::size_t complaints_per_second_max = 10;
/// More than this does not wait for the end of the turn: it fills a write on its own.
constexpr std::size_t append_together_max = 32 * 1024;

class kafka_session final : public net::session {
public:
    kafka_session(worker& home, net::connection& link) : home_(home), link_(link) {}
    ~kafka_session() override { home_.fetch_sessions().connection_gone(link_); }
    net::exchange* accept(byte_view frame) override {
        request* made = home_.request_for(frame);
        if (made == nullptr) {
            const auto key = frame.size() >= 2 ? load_be<std::int16_t>(frame.data()) : std::int16_t{-1};
            const auto version =
                frame.size() >= 4 ? load_be<std::int16_t>(frame.data() + 2) : std::int16_t{-1};
            home_.complain(std::string(link_.peer()) + ": closing: no handler for API key " +
                           std::to_string(key) + " version " + std::to_string(version));
        }
        return made;
    }

private:
    worker& home_;
    net::connection& link_;
};
}  // namespace

result<std::unique_ptr<net::protocol>> worker::make(const services& services, net::event_loop& loop) {
    IMAGO_TRY(auto reader, services.store.make_reader());
    return std::unique_ptr<net::protocol>(new worker(services, loop, std::move(reader)));
}

worker::worker(const services& services, net::event_loop& loop, std::unique_ptr<store::reader> reader)
    : services_(services),
      own_counters_(services.counts == nullptr ? new api_counter[handlers().size()] : nullptr),
      counters_(services.counts == nullptr ? own_counters_.get() : services.counts->join()),
      loop_(loop), reader_(std::move(reader)),
      fetch_sessions_(std::make_unique<kafka::fetch_sessions>(services.store, services.broker.topics, loop,
                                                              services.options.fetch_session_places_max)),
      free_(handlers().size()) {
    reap_.run = [](net::task& job) { static_cast<worker*>(job.context)->reader_->ring().reap(); };
    reap_.context = this;
    append_now_.run = [](net::task& job) {
        auto* self = static_cast<worker*>(job.context);
        self->append_now_due_ = false;
        self->append_now();
    };
    append_now_.context = this;
    start_reads_.run = [](net::task& job) {
        auto* self = static_cast<worker*>(job.context);
        self->start_reads_due_ = false;
        self->reader_->start();
    };
    start_reads_.context = this;
    loop_.watch(reader_->ring().event_descriptor(), reap_);
}

worker::~worker() { loop_.unwatch(reader_->ring().event_descriptor()); }

std::unique_ptr<net::session> worker::open(net::connection& link) {
    return std::make_unique<kafka_session>(*this, link);
}

request* worker::request_for(byte_view frame) {
    if (frame.size() < 4) return nullptr;
    const auto key = load_be<std::int16_t>(frame.data());
    const auto version = load_be<std::int16_t>(frame.data() + 2);
    const std::size_t kind = find_handler(key, version);
    if (kind == no_handler) return nullptr;
    auto& free = free_[kind];
    if (free.empty()) return handlers()[kind].make(*this, kind).release();
    request* again = free.back().release();
    free.pop_back();
    return again;
}

void worker::recycle(request& used) {
    std::unique_ptr<request> owned(&used);
    auto& free = free_[used.kind()];
    if (handlers()[used.kind()].often && free.size() < kept_max) free.push_back(std::move(owned));
}

void worker::append(store::append_request& request) {
    for (const store::append_batch& batch : request.batches) append_bytes_ += batch.bytes.size();
    request.next = nullptr;
    *appends_last_ = &request;
    appends_last_ = &request.next;
    if (append_bytes_ > append_together_max) {
        append_now();
    } else if (!append_now_due_) {
        append_now_due_ = true;
        loop_.at_end_of_turn(append_now_);
    }
}

void worker::append_now() {
    append_bytes_ = 0;
    appends_last_ = &appends_;
    services_.store.append_all(std::exchange(appends_, nullptr));
}

void worker::start_reads_soon() {
    if (start_reads_due_) return;
    start_reads_due_ = true;
    loop_.at_end_of_turn(start_reads_);
}

void worker::complain(std::string_view line) {
    const auto& log = services_.options.log;
    if (!log) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - complaints_since_ >= std::chrono::seconds(1)) {
        if (complaints_kept_back_ > 0) {
            log("kept back " + std::to_string(complaints_kept_back_) + " more lines about clients' requests");
        }
        complaints_since_ = now;
        complaints_ = complaints_kept_back_ = 0;
    }
    if (complaints_ < complaints_per_second_max) {
        ++complaints_;
        log(line);
    } else {
        ++complaints_kept_back_;
    }
}

}  // namespace imago::kafka
