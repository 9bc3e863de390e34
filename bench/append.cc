// Question: what share of the disk's limit for durable sequential writes do durable appends to the store reach, in
// process, and how long does a request take?
//
// Method: the limit and the store are measured in the same folder in the order limit, store, store, limit, so that a disk
// that drifts favours neither; the ratio of a round is that of the two sums. The limit: writes of the group size into
// zero-filled blocks, direct and durable, as many in flight as the store may have. The store: producer threads keep a window of
// requests in flight, each of some batches for queues in turn, for a fixed time; MB/s count the batches alone, without
// frame headers and padding. A request's time is from append() to done(). Segments are `recycled` (written before, as in
// a log whose oldest part expires) or `fresh` (a log's first pass: allocated and zero-filled by the store itself).
#include "disk_limit.h"
#include "client/bench/histogram.h"

#include "base/batch_builder.h"
#include "commitlog/log_writer.h"
#include "store/store.h"

#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace imago;
using clock_type = std::chrono::steady_clock;

namespace {

constexpr std::string_view usage =
    "usage: append FOLDER [options]\n"
    "  --message B    bytes of a message (1024)        --records N   messages in a batch (16)\n"
    "  --queues N     (1000)                           --batches N   batches in a request (16)\n"
    "  --threads N    producer threads (1)             --window N    requests in flight for each (fills 2 depth + 2 groups)\n"
    "  --group B      group_bytes_max (262144)         --segments recycled|fresh (recycled)\n"
    "  --seconds S    of each measurement (0.5)        --rounds N    of four measurements (5)\n"
    "  --depth N      groups under way, of limit and store (4)\n"
    "  --log-mib N    size of the log (2048)           --limit-mib N size of the limit's file (256)\n"
    "  --json\n";

/// Small, so that its memory is soon in place: it is filled before the clock starts.
constexpr std::size_t cache_bytes = 32 << 20;

struct arguments {
    std::string folder;
    std::size_t message = 1024, records = 16, queues = 1000, batches = 16, threads = 1, window = 0;
    std::size_t group = 256 << 10, depth = 4, rounds = 5, log_mib = 2048, limit_mib = 256;
    double seconds = 0.5;
    bool fresh = false, json = false;
};

struct outcome {
    double seconds = 0;
    double cpu_seconds = 0;
    std::uint64_t requests = 0;
    std::uint64_t switches = 0;
    store::store_statistics used;
    bench::histogram times;
};

class producer;

struct slot {
    store::append_request request;
    std::vector<store::append_batch> batches;
    producer* owner = nullptr;
    clock_type::time_point sent, answered;
    slot* next = nullptr;
};

/// Keeps `window` requests in flight until told to stop, then waits for them.
class producer {
public:
    producer(store::store& store, byte_view batch, const std::vector<queue_id>& queues, std::size_t first,
             const arguments& given, std::size_t window)
        : store_(store), batch_(batch), queues_(queues), queue_(first), slots_(window) {
        for (slot& each : slots_) {
            each.owner = this;
            each.batches.resize(given.batches);
            each.request.batches = each.batches;
            each.request.context = &each;
            each.request.done = [](store::append_request& request) {
                slot& done = *static_cast<slot*>(request.context);
                done.answered = clock_type::now();
                done.owner->take_back(done);
            };
        }
    }

    void run(const std::atomic<bool>& stop) {
        for (slot& each : slots_) send(each);
        for (std::size_t in_flight = slots_.size(); in_flight > 0;) {
            answered_.wait(nullptr, std::memory_order_acquire);
            slot* next = nullptr;
            for (slot* each = answered_.exchange(nullptr, std::memory_order_acquire); each != nullptr; each = next) {
                next = each->next;
                const auto took = std::chrono::nanoseconds(each->answered - each->sent).count();
                times.record(static_cast<std::uint64_t>(took));
                for (const auto& batch : each->batches)
                    if (batch.error) error = batch.error;
                ++requests;
                if (stop.load(std::memory_order_relaxed) || error) {
                    --in_flight;
                } else {
                    send(*each);
                }
            }
        }
    }

    bench::histogram times;
    std::uint64_t requests = 0;
    std::error_code error;

private:
    void send(slot& slot) {
        for (auto& batch : slot.batches) {
            batch.queue = queues_[queue_];
            queue_ = queue_ + 1 == queues_.size() ? 0 : queue_ + 1;
            batch.bytes = batch_;
            batch.hash = store::payload_hash(batch_);
            batch.error = {};
        }
        slot.sent = clock_type::now();
        store_.append(slot.request);
    }
    void take_back(slot& slot) {  // log thread
        slot.next = answered_.load(std::memory_order_relaxed);
        while (!answered_.compare_exchange_weak(slot.next, &slot, std::memory_order_acq_rel)) {
        }
        if (slot.next == nullptr) answered_.notify_one();
    }

    store::store& store_;
    const byte_view batch_;
    const std::vector<queue_id>& queues_;
    std::size_t queue_;
    std::vector<slot> slots_;
    std::atomic<slot*> answered_{nullptr};
};

double cpu_seconds(const rusage& usage) {
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/// A stopped log of `mib` becomes the stock of recycled segments for a new one; missing segments are written first.
result<> set_up_log(io::disk& disk, const std::string& folder, const arguments& given, std::uint64_t segment) {
    namespace fs = std::filesystem;
    if (given.fresh) {
        fs::remove_all(folder);
        return {};
    }
    fs::create_directories(folder + "/log");
    std::vector<fs::path> kept;
    for (const auto& each : fs::directory_iterator(folder + "/log")) {
        const std::string name = each.path().filename();
        if (name.ends_with(".seg") || name.starts_with("recycled-")) kept.push_back(each.path());
    }
    std::sort(kept.begin(), kept.end());
    const std::string stock = folder + "-stock";
    fs::create_directories(stock);
    std::size_t number = 0;
    for (const auto& each : kept) fs::rename(each, fmt::format("{}/recycled-{}", stock, number++));
    fs::remove_all(folder);
    constexpr std::size_t piece = 1 << 20;
    const auto zeros = make_aligned_bytes(piece);
    std::fill_n(zeros.get(), piece, std::byte{0});
    for (; number * segment < given.log_mib << 20; ++number) {
        io::open_mode mode;
        mode.write = mode.create = mode.direct = true;
        IMAGO_TRY(auto file, disk.open(fmt::format("{}/recycled-{}", stock, number), mode));
        for (std::uint64_t at = 0; at < segment; at += piece) IMAGO_CHECK(disk.write_at(*file, at, {zeros.get(), piece}));
        IMAGO_CHECK(disk.sync(*file));
    }
    fs::create_directories(folder);
    fs::rename(stock, folder + "/log");
    return {};
}

result<outcome> measure_store(io::disk& disk, const std::string& folder, const arguments& given, byte_view batch) {
    store::store_options options;
    options.directory = folder;
    options.group_bytes_max = given.group;
    options.writes_max = given.depth;
    options.cache_bytes = cache_bytes;
    const std::uint64_t log_bytes = given.log_mib << 20;
    options.segment_bytes = std::min<std::uint64_t>(256ULL << 20, round_up(log_bytes / 4, 1 << 20));
    IMAGO_CHECK(set_up_log(disk, folder, given, options.segment_bytes));
    IMAGO_TRY(auto opened, store::store::open(disk, options));

    std::vector<queue_id> queues;
    const queue_id first = opened->new_queue_ids(static_cast<std::uint32_t>(given.queues));
    store::change_request create;
    for (std::uint32_t i = 0; i < given.queues; ++i) {
        queues.push_back({first.value + i});
        create.changes.push_back(store::store::queue_created(queues.back()));
    }
    std::atomic<bool> created{false};
    create.context = &created;
    create.done = [](store::change_request& request) {
        auto& flag = *static_cast<std::atomic<bool>*>(request.context);
        flag.store(true);
        flag.notify_one();
    };
    opened->change(create);
    created.wait(false);
    if (create.error) return fail(create.error);

    const std::size_t request_bytes = given.batches * batch.size();
    const std::size_t window =
        given.window != 0 ? given.window : std::max<std::size_t>(2, (2 + 2 * given.depth) * given.group / (request_bytes * given.threads));
    std::vector<std::unique_ptr<producer>> producers;
    for (std::size_t i = 0; i < given.threads; ++i)
        producers.push_back(std::make_unique<producer>(*opened, batch, queues, i * queues.size() / given.threads, given, window));

    std::atomic<bool> stop{false};
    outcome found;
    rusage before{};
    rusage after{};
    std::vector<std::thread> threads;
    for (auto& each : producers) threads.emplace_back([&] { each->run(stop); });
    const std::uint64_t warm = std::min<std::uint64_t>(cache_bytes, log_bytes / 8);
    while (opened->statistics().end.value < warm && !opened->statistics().failed)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const auto used_before = opened->statistics();
    ::getrusage(RUSAGE_SELF, &before);
    const auto start = clock_type::now();
    // One measurement may not outgrow the recycled segments.
    const auto end = start + std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>(given.seconds));
    while (clock_type::now() < end) {
        std::this_thread::sleep_for(std::min<clock_type::duration>(end - clock_type::now(), std::chrono::milliseconds(2)));
        if (opened->statistics().end.value + 2 * options.segment_bytes > log_bytes && !given.fresh) break;
    }
    found.used = opened->statistics();
    found.seconds = std::chrono::duration<double>(clock_type::now() - start).count();
    ::getrusage(RUSAGE_SELF, &after);
    stop = true;
    for (auto& each : threads) each.join();
    found.used.groups -= used_before.groups;
    found.used.log_bytes -= used_before.log_bytes;
    found.used.batch_bytes -= used_before.batch_bytes;
    found.cpu_seconds = cpu_seconds(after) - cpu_seconds(before);
    found.switches = static_cast<std::uint64_t>(after.ru_nvcsw - before.ru_nvcsw + after.ru_nivcsw - before.ru_nivcsw);
    for (auto& each : producers) {
        if (each->error) return fail(each->error);
        found.times.merge(each->times);
        found.requests += each->requests;
    }
    opened->close();
    return found;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

[[noreturn]] void wrong() {
    fmt::print(stderr, "{}", usage);
    std::exit(2);
}

arguments parse(int count, char** words) {
    arguments given;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        const auto number = [&]() -> double {
            char* end = nullptr;
            const double value = i + 1 < count ? std::strtod(words[++i], &end) : 0;
            if (end == nullptr || *end != '\0' || !(value > 0 && value <= 1e9)) wrong();
            return value;
        };
        const auto whole = [&] { return static_cast<std::size_t>(std::max(1.0, number())); };
        if (word == "--message") given.message = whole();
        else if (word == "--records") given.records = whole();
        else if (word == "--queues") given.queues = whole();
        else if (word == "--batches") given.batches = whole();
        else if (word == "--threads") given.threads = whole();
        else if (word == "--window") given.window = whole();
        else if (word == "--group") given.group = round_up(whole(), 4096);
        else if (word == "--rounds") given.rounds = whole();
        else if (word == "--depth") given.depth = std::min<std::size_t>(whole(), commitlog::log_writer::writes_limit);
        else if (word == "--log-mib") given.log_mib = std::max<std::size_t>(whole(), 16);
        else if (word == "--limit-mib") given.limit_mib = whole();
        else if (word == "--seconds") given.seconds = number();
        else if (word == "--json") given.json = true;
        else if (word == "--segments" && i + 1 < count) given.fresh = std::string_view(words[++i]) == "fresh";
        else if (!word.starts_with("--") && given.folder.empty()) given.folder = word;
        else wrong();
    }
    if (given.folder.empty()) wrong();
    return given;
}

result<> run(const arguments& given) {
    std::string why_not;
    const auto disk = io::make_disk(&why_not);
    if (!why_not.empty()) fmt::print(stderr, "append: no {}; using system calls\n", why_not);
    batch_builder builder;
    const std::vector<std::byte> value(given.message, std::byte{'x'});
    for (std::size_t i = 0; i < given.records; ++i) builder.add(1'700'000'000'000, std::nullopt, byte_view(value));
    const byte_view batch = builder.finish();

    const std::string folder = given.folder + "/append-store";
    bench::disk_limit_file file(*disk, given.folder);
    IMAGO_CHECK(file.fill(given.limit_mib << 20));
    const auto duration = std::chrono::nanoseconds(static_cast<std::int64_t>(given.seconds * 1e9));
    std::vector<double> ratios, limits, rates;
    outcome all;
    for (std::size_t round = 0; round < given.rounds; ++round) {
        IMAGO_TRY(const auto limit_1, file.measure(given.group, given.depth, duration));
        double store_rate = 0;
        for (int i = 0; i < 2; ++i) {
            IMAGO_TRY(const auto one, measure_store(*disk, folder, given, batch));
            const double rate = static_cast<double>(one.used.batch_bytes) / one.seconds / 1e6;
            rates.push_back(rate);
            store_rate += rate / 2;
            all.seconds += one.seconds;
            all.cpu_seconds += one.cpu_seconds;
            all.requests += one.requests;
            all.switches += one.switches;
            all.used.groups += one.used.groups;
            all.used.log_bytes += one.used.log_bytes;
            all.used.batch_bytes += one.used.batch_bytes;
            all.times.merge(one.times);
        }
        IMAGO_TRY(const auto limit_2, file.measure(given.group, given.depth, duration));
        limits.push_back(limit_1.megabytes_per_second);
        limits.push_back(limit_2.megabytes_per_second);
        ratios.push_back(2 * store_rate / (limit_1.megabytes_per_second + limit_2.megabytes_per_second));
    }
    std::filesystem::remove_all(folder);

    double load[1] = {0};
    (void)::getloadavg(load, 1);
    const double messages = static_cast<double>(all.used.batch_bytes) / static_cast<double>(batch.size()) *
                            static_cast<double>(given.records);
    const auto range = std::minmax_element(ratios.begin(), ratios.end());
    const double overhead = static_cast<double>(all.used.log_bytes) / static_cast<double>(all.used.batch_bytes) - 1;
    const double group = static_cast<double>(all.used.log_bytes) / static_cast<double>(std::max<std::uint64_t>(all.used.groups, 1));
    const auto us = [&](double share) { return static_cast<double>(all.times.quantile(share)) / 1e3; };
    const double cpu = all.cpu_seconds / messages * 1e6;
    const double switches = static_cast<double>(all.switches) / static_cast<double>(std::max<std::uint64_t>(all.used.groups, 1));
    fmt::print(fmt::runtime(given.json ? "{{\"message\":{},\"records\":{},\"batches\":{},\"queues\":{},\"threads\":{},\"group\":{},"
                            "\"segments\":\"{}\",\"depth\":{},\"mb_s\":{:.1f},\"messages_s\":{:.0f},\"p50_us\":{:.1f},\"p90_us\":{:.1f},"
                            "\"p99_us\":{:.1f},\"p999_us\":{:.1f},\"limit_mb_s\":{:.1f},\"ratio\":{:.3f},\"ratio_min\":{:.3f},"
                            "\"ratio_max\":{:.3f},\"log_overhead\":{:.3f},\"group_mean\":{:.0f},\"cpu_s_per_million\":{:.3f},"
                            "\"switches_per_group\":{:.2f},\"load\":{:.1f}}}\n"
                          : "{} B x {} a batch, {} batches a request, {} queues, {} producers, groups up to {} B, {} segments\n"
                            "  {} under way: {:.1f} MB/s  {:.0f} messages/s  request us: p50 {:.1f}  p90 {:.1f}  p99 {:.1f}  p99.9 {:.1f}\n"
                            "  limit {:.1f} MB/s, reached {:.3f} ({:.3f} .. {:.3f}); log overhead {:.3f}, mean group {:.0f} B, "
                            "CPU s/million {:.3f}, context switches a group {:.2f}, load {:.1f}\n"),
               given.message, given.records, given.batches, given.queues, given.threads, given.group,
               given.fresh ? "fresh" : "recycled", given.depth, median(rates), messages / all.seconds, us(0.5), us(0.9), us(0.99), us(0.999),
               median(limits), median(ratios), *range.first, *range.second, overhead, group, cpu, switches, load[0]);
    return {};
}

}  // namespace

int main(int count, char** words) {
    const arguments given = parse(count, words);
    std::filesystem::create_directories(given.folder);
    if (auto done = run(given); !done) {
        fmt::print(stderr, "append: {}\n", done.error().message());
        return 1;
    }
    return 0;
}
