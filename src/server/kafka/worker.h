// The Kafka protocol on one network thread.
#pragma once

#include "server/kafka/request.h"
#include "server/kafka/services.h"
#include "server/kafka/traffic.h"
#include "server/net/session.h"
#include "store/store.h"

#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

namespace imago::kafka {

class fetch_sessions;

/// Opens sessions, keeps free requests, owns the thread's reader of the store.
class worker final : public net::protocol {
public:
    /// On the loop's own thread. `services` and `loop` must outlive it.
    [[nodiscard]] static result<std::unique_ptr<net::protocol>> make(const services& services,
                                                                     net::event_loop& loop);
    ~worker() override;

    [[nodiscard]] std::unique_ptr<net::session> open(net::connection& link) override;

    [[nodiscard]] const services& with() const { return services_; }
    [[nodiscard]] kafka::fetch_sessions& fetch_sessions() { return *fetch_sessions_; }
    /// The request for this frame; null if there is no such API or version.
    [[nodiscard]] request* request_for(byte_view frame);
    void recycle(request& request);
    /// Hands it to the store, together with what else comes in this turn of the loop.
    void append(store::append_request& request);
    /// As of store::reader; what needs the disk begins together with what else comes in this turn of the loop.
    [[nodiscard]] bool read(store::read_request& request) {
        start_reads_soon();
        return reader_->read(request);
    }
    [[nodiscard]] bool find(store::time_request& request) {
        start_reads_soon();
        return reader_->find(request);
    }
    /// Counts a request, or an answer that tells an error.
    void count_request(std::size_t kind) { api_counter::raise(counters_[kind].requests); }
    void count_error(std::size_t kind) { api_counter::raise(counters_[kind].errors); }
    /// A line about what a client did wrong. Only so many in a second: nobody may fill the operator's disk.
    void complain(std::string_view line);

private:
    worker(const services& services, net::event_loop& loop, std::unique_ptr<store::reader> reader);
    void append_now();
    void start_reads_soon();

    const services& services_;
    std::unique_ptr<api_counter[]> own_counters_;  // when nobody collects them
    api_counter* counters_;
    net::event_loop& loop_;
    std::unique_ptr<store::reader> reader_;
    std::unique_ptr<kafka::fetch_sessions> fetch_sessions_;
    net::task reap_;
    net::task append_now_;
    net::task start_reads_;
    bool start_reads_due_ = false;
    store::append_request* appends_ = nullptr;  // of this turn
    store::append_request** appends_last_ = &appends_;
    std::size_t append_bytes_ = 0;
    bool append_now_due_ = false;
    std::chrono::steady_clock::time_point complaints_since_{};
    std::size_t complaints_ = 0;
    std::size_t complaints_kept_back_ = 0;
    std::vector<std::vector<std::unique_ptr<request>>> free_;  // by kind
};

}  // namespace imago::kafka
