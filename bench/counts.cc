// What does a message cost the server, in numbers that do not depend on how busy the machine is?
//
// A client, the network loop, the protocol, the broker and the store run in one thread, over a socket pair and real files,
// request after request, so that every run does the same. Counted are allocations (operator new) a message and, on the
// simulated disk, flushes a group of the log. Instructions are counted by callgrind from outside: counts.sh runs this under it,
// with collection switched on within measured_part(). All of it includes what the client of this program does to send and
// receive, which is little: two system calls a request.
//
// usage: counts CELL
#include "base/check.h"
#include "broker/broker.h"
#include "client/bench/requests.h"
#include "count_allocations.h"
#include "io/sim_disk.h"
#include "server/kafka/worker.h"
#include "server/net/socket_connection.h"
#include "store/store.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

namespace imago {
namespace {

struct cell {
    const char* name;
    std::size_t message;
    std::size_t records;   // in a batch
    std::size_t batches;   // in a request
    std::int32_t queues;
    bool fetch;            // else produce
    bool simulated;        // the disk
    int requests;
    bool handed_over = false;  // appended through the log's inbox, as from a busy log or after a slow write; else written on the spot
};

constexpr cell cells[] = {
    {"produce-batched", 1024, 16, 16, 16, false, false, 120},
    {"produce-100", 100, 160, 16, 16, false, false, 60},
    {"produce-alone", 100, 1, 1, 16, false, false, 500},
    {"produce-handed", 100, 1, 1, 16, false, false, 500, true},
    {"produce-10000", 1024, 1, 250, 10'000, false, false, 160},
    {"fetch-batched", 1024, 16, 16, 16, true, false, 60},
    {"fetch-10000", 1024, 1, 250, 10'000, true, false, 60},
    {"flushes", 1024, 1, 250, 1'000, false, true, 400},
};

struct host final : net::connection_host {
    net::loop loop;
    net::net_options settings;
    net::budget held{512ULL << 20};

    net::loop& the_loop() override { return loop; }
    const net::net_options& options() const override { return settings; }
    net::budget& bytes() override { return held; }
    void bytes_free() override {}
    void wants_bytes(net::socket_connection&) override {}
    void received(std::size_t) override {}
    void sent(std::size_t) override {}
    void gone(net::socket_connection& connection) override { delete &connection; }
};

/// The whole server in one thread, and the client's end of its only connection.
class rig {
public:
    rig(const cell& cell, const std::string& folder) {
        if (cell.simulated) {
            auto made = std::make_unique<io::sim_disk>();
            sim = made.get();
            disk_ = std::move(made);
        } else {
            disk_ = io::make_posix_disk();
        }
        store::store_options options;
        options.directory = folder;
        options.segment_bytes = 64ULL << 20;
        options.cache_bytes = 512ULL << 20;
        options.threads = false;
        if (cell.handed_over) options.direct_bytes_max = 0;
        options.zero_fill = false;
        store_ = std::move(*store::store::open(*disk_, options, tables_.bindings()));
        service_ = std::make_unique<broker::service>(*store_, tables_, broker::service_options{});
        service_->start([](std::error_code error) { IMAGO_ASSERT(!error); });
        settle();
        services_ = std::unique_ptr<kafka::services>(
            new kafka::services{.options = {}, .store = *store_, .broker = *service_});
        services_->options.clock = [] {
            return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
        };
        protocol_ = std::move(*kafka::worker::make(*services_, host_.loop));

        service_->topic_work.create({{.name = "counts", .partitions = cell.queues}}, false, 0,
                                    [](auto&& outcome) { (void)outcome; });
        settle();
        IMAGO_ASSERT(tables_.topics.find("counts") != nullptr);

        int ends[2];
        IMAGO_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        const int bytes = 8 << 20;
        for (const int end : ends) {
            (void)::setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
            (void)::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        }
        client_ = ends[1];
        auto* connection = new net::socket_connection(host_, ends[0], "counts");
        connection->open(*protocol_);
    }
    ~rig() {
        ::close(client_);
        settle();
        protocol_.reset();
        store_->close();
    }

    void settle() {
        while (host_.loop.poll() || store_->step() || store_->maintain()) {
        }
    }
    /// The frame's answer, without its length.
    byte_view call(const bench::request_frame& frame) {
        std::size_t sent = 0;
        std::size_t have = 0;
        answer_.resize(std::max<std::size_t>(answer_.size(), 32 << 20));
        for (;;) {
            if (sent < frame.bytes.size()) {
                const ssize_t count = ::send(client_, frame.bytes.data() + sent, frame.bytes.size() - sent, MSG_DONTWAIT);
                if (count > 0) sent += static_cast<std::size_t>(count);
            }
            settle();
            const ssize_t count = ::recv(client_, answer_.data() + have, answer_.size() - have, MSG_DONTWAIT);
            IMAGO_ASSERT(count != 0);
            if (count > 0) have += static_cast<std::size_t>(count);
            if (have < 4) continue;
            const auto size = static_cast<std::size_t>(load_be<std::int32_t>(answer_.data()));
            if (have >= size + 4) return {answer_.data() + 4, size};
        }
    }
    [[nodiscard]] store::store& log() { return *store_; }

    io::sim_disk* sim = nullptr;
    bench::produce_answers answers;

private:
    std::unique_ptr<io::disk> disk_;
    broker::broker_tables tables_;
    std::unique_ptr<store::store> store_;
    std::unique_ptr<broker::service> service_;
    std::unique_ptr<kafka::services> services_;
    host host_;
    std::unique_ptr<net::protocol> protocol_;
    int client_ = -1;
    std::vector<std::byte> answer_;
};

/// Frames that go round all queues.
std::vector<bench::request_frame> produce_frames(const cell& cell) {
    const auto batch = bench::make_batch(cell.records, cell.message, 0);
    std::vector<bench::request_frame> frames;
    std::vector<std::int32_t> queues(cell.batches);
    for (std::int32_t from = 0; from < cell.queues; from += static_cast<std::int32_t>(cell.batches)) {
        std::iota(queues.begin(), queues.end(), from);
        frames.push_back(bench::produce_frame("counts", queues, batch));
    }
    return frames;
}

void produce(rig& rig, std::span<const bench::request_frame> frames, int first, int count) {
    for (int i = first; i < first + count; ++i) {
        const byte_view answer = rig.call(frames[static_cast<std::size_t>(i) % frames.size()]);
        IMAGO_ASSERT(rig.answers.error(answer.subspan(4)) == 0);
    }
}

/// Fetches the same places again and again: all in memory, no session. Returns the messages.
std::uint64_t fetch(rig& rig, const cell& cell, std::int64_t per_queue, int count) {
    std::vector<bench::fetch_place> places(static_cast<std::size_t>(cell.queues));
    for (std::int32_t q = 0; q < cell.queues; ++q) places[static_cast<std::size_t>(q)] = {q, 0};
    const std::int32_t bytes = static_cast<std::int32_t>((cell.message + 200) * static_cast<std::size_t>(per_queue));
    const auto frame = bench::fetch_frame("counts", places, {.wait_ms = 0, .bytes = 24 << 20, .queue_bytes = bytes}, 0, -1);
    std::uint64_t messages = 0;
    for (int i = 0; i < count; ++i) {
        const auto got = bench::read_fetch(rig.call(frame).subspan(4), [&](std::int32_t, byte_view records) {
            messages += records.size() / cell.message;
        });
        IMAGO_ASSERT(got.error == 0);
    }
    return messages;
}

/// What callgrind is told to collect.
__attribute__((noinline)) std::uint64_t measured_part(rig& rig, const cell& cell, std::span<const bench::request_frame> frames) {
    if (cell.fetch) return fetch(rig, cell, 16, cell.requests);
    produce(rig, frames, 0, cell.requests);
    return static_cast<std::uint64_t>(cell.requests) * cell.batches * cell.records;
}

int run(const cell& cell) {
    char folder[] = "/tmp/imago-counts-XXXXXX";
    IMAGO_ASSERT(::mkdtemp(folder) != nullptr);
    {
        rig rig(cell, std::string(folder) + "/data");
        const auto frames = produce_frames(cell);
        // Everything that is made once is made: each queue has had messages, each pool its memory.
        produce(rig, frames, 0, static_cast<int>(frames.size()) * (cell.queues > 16 ? 2 : 20));
        if (cell.fetch) (void)fetch(rig, cell, 16, 2);
        const auto before = rig.log().statistics();
        const std::uint64_t flushes_before = rig.sim != nullptr ? rig.sim->counts().flushes() : 0;
        const std::uint64_t allocations_before = count_allocations();
        const std::uint64_t messages = measured_part(rig, cell, frames);
        const double allocated = static_cast<double>(count_allocations() - allocations_before);
        fmt::print("messages {}\n", messages);
        if (rig.sim == nullptr) {
            fmt::print("allocations_per_message {:.4f}\n", allocated / static_cast<double>(messages));
        } else {
            const auto groups = rig.log().statistics().groups - before.groups;
            fmt::print("flushes_per_group {:.4f}\n",
                       static_cast<double>(rig.sim->counts().flushes() - flushes_before) / static_cast<double>(groups));
        }
    }
    std::filesystem::remove_all(folder);
    return 0;
}

}  // namespace
}  // namespace imago

int main(int count, char** words) {
    for (const auto& cell : imago::cells) {
        if (count == 2 && std::strcmp(words[1], cell.name) == 0) return imago::run(cell);
    }
    fmt::print(stderr, "usage: counts CELL; the cells are:\n");
    for (const auto& cell : imago::cells) fmt::print(stderr, "  {}\n", cell.name);
    return 2;
}
