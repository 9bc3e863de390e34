#include "server/serve.h"

#include "broker/broker.h"
#include "broker/groups/consumer_group.h"
#include "io/disk.h"
#include "server/alarm_thread.h"
#include "server/config/keys.h"
#include "server/kafka/subscription_bytes.h"
#include "server/kafka/worker.h"
#include "server/logging.h"
#include "server/metrics_listener.h"
#include "server/net/server.h"
#include "store/store.h"

#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <future>

namespace imago {

namespace {

constexpr std::chrono::seconds drain_patience{10};
/// Descriptors that are neither connections nor index files.
constexpr std::int64_t descriptors_reserved = 200;

struct host_and_port {
    std::string host;
    std::string port;
};

/// The configuration has checked that it is HOST:PORT or [HOST]:PORT.
host_and_port split_address(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    std::string host = address.substr(0, colon);
    if (host.size() >= 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    return {std::move(host), address.substr(colon + 1)};
}

bool is_wildcard(const std::string& host) {
    return host.empty() || host == "*" || host == "0.0.0.0" || host == "::";
}

unix_ms wall_time() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

/// Connections and index files are descriptors: takes all that the system lets us have. Returns how many.
std::int64_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur == RLIM_INFINITY ? INT64_MAX : static_cast<std::int64_t>(limit.rlim_cur);
}

result<std::unique_ptr<io::disk>> open_disk(const std::string& backend) {
    if (backend == "posix") return io::make_posix_disk();
    if (backend == "uring") return io::make_uring_disk();
    std::string why_not;
    std::unique_ptr<io::disk> disk = io::make_disk(&why_not);
    if (disk->kind() == io::backend::posix) {
        log_line(log_level::warn, "io_uring is refused (" + why_not + "); using plain system calls");
    }
    return disk;
}

store::store_options make_store_options(const config::server_config& config, broker::broker_tables& tables,
                                        std::function<void(std::error_code)> on_failure) {
    store::store_options options;
    options.directory = config.data.dir;
    options.segment_bytes = static_cast<std::uint64_t>(config.data.segment_size);
    options.cache_bytes = static_cast<std::size_t>(config.data.cache_size);
    options.group_bytes_max = static_cast<std::size_t>(config.data.commit_size);
    options.checkpoint_interval = static_cast<std::uint64_t>(config.data.checkpoint_interval);
    options.index_tail_memory = static_cast<std::size_t>(config.data.index_memory);
    options.open_files_max = static_cast<std::size_t>(config.data.open_files);
    options.producer_expiry_ms = config.retention.producers;
    options.retention_of = [&tables](queue_id queue) { return tables.topics.retention_of(queue); };
    options.name_of = [&tables](queue_id queue) { return tables.topics.name_of(queue); };
    options.log = [](std::string_view line) { log_line(log_level::info, line); };
    options.on_failure = std::move(on_failure);
    return options;
}

net::net_options make_net_options(const config::server_config& config, std::int64_t descriptors) {
    net::net_options options;
    const host_and_port where = split_address(config.kafka.listen);
    options.host = where.host == "*" ? "0.0.0.0" : where.host;
    options.port = where.port;
    options.threads = static_cast<unsigned>(config.net.threads);
    options.frame_bytes_max = static_cast<std::size_t>(config.kafka.max_request_size);
    options.connection_bytes_max = static_cast<std::size_t>(config.net.in_flight_per_connection);
    options.total_bytes_max = static_cast<std::size_t>(config.net.in_flight_total);
    options.pipelined_max = static_cast<std::size_t>(config.net.pipelined_max);
    const std::int64_t left =
        std::max<std::int64_t>(descriptors - config.data.open_files - descriptors_reserved, 16);
    options.connections_max = static_cast<std::size_t>(std::min(config.net.connections_max, left));
    if (left < config.net.connections_max) {
        log_line(log_level::warn, "the limit of open files lets " + std::to_string(left) +
                                      " clients connect, fewer than net.connections_max");
    }
    options.connections_per_address_max = static_cast<std::size_t>(config.net.connections_per_ip_max);
    options.idle_timeout = std::chrono::milliseconds(config.net.idle_timeout);
    options.frame_timeout = std::chrono::milliseconds(config.net.frame_timeout);
    options.send_timeout = std::chrono::milliseconds(config.net.send_timeout);
    options.log = [](std::string_view line) { log_line(log_level::info, line); };
    return options;
}

/// Whether a file, the environment or a flag named the key.
bool is_configured(const config::loaded& configuration, std::string_view name) {
    const auto keys = config::keys();
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (keys[i].full_name() == name) return configuration.sources[i] != "default";
    }
    return false;
}

int cannot_start(const std::string& what, std::error_code error) {
    log_line(log_level::error, "cannot start: " + what + ": " + error.message());
    return 1;
}

void tell_recovery(const store::recovery_report& report) {
    std::string line = report.clean ? "opened after a clean stop" : "recovered";
    line += ": " + std::to_string(report.queues) + " queues, log end " + std::to_string(report.end.value) +
            ", " + std::to_string(report.journal_entries) + " entries of the index journal and " +
            std::to_string(report.frames_replayed) + " frames replayed, " +
            std::to_string(report.took.count() / 1000) + " ms";
    log_line(log_level::info, line);
    if (report.bytes_cut > 0) {
        log_line(
            log_level::warn,
            "cut " + std::to_string(report.bytes_cut) +
                " bytes of a write that was under way when the server stopped; none of it was acknowledged");
    }
    if (report.damaged_ranges > 0) {
        log_line(log_level::error, std::to_string(report.damaged_ranges) +
                                       " damaged ranges of the log are quarantined; see imago log check");
    }
}

}  // namespace

int serve(const config::loaded& configuration) {
    const config::server_config& config = configuration.config;
    start_log(config.log.level, config.log.format);
    ::mallopt(M_ARENA_MAX, 4);

    const host_and_port listen = split_address(config.kafka.listen);
    if (is_wildcard(listen.host) && config.kafka.advertise.empty()) {
        log_line(log_level::error,
                 "kafka.listen is " + config.kafka.listen +
                     ", which clients cannot connect to: say with --advertise HOST:PORT (kafka.advertise) "
                     "where they find this server");
        return 2;
    }

    // Signals come through a descriptor, to this thread alone.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    const int signal_descriptor = ::signalfd(-1, &signals, SFD_CLOEXEC);
    const int failure_descriptor = ::eventfd(0, EFD_CLOEXEC);
    const std::int64_t descriptors = raise_descriptor_limit();

    auto disk = open_disk(config.data.backend);
    if (!disk) return cannot_start("the disk backend " + config.data.backend, disk.error());

    broker::broker_tables tables(config::kafka_settings(configuration));
    const auto on_failure = [failure_descriptor](std::error_code error) {
        log_line(log_level::error,
                 "the disk failed: " + error.message() +
                     "; nothing more is acknowledged, stopping. A restart reads back what is on the disk");
        const std::uint64_t one = 1;
        if (::write(failure_descriptor, &one, sizeof one) != sizeof one) std::abort();
    };
    auto opened =
        store::store::open(**disk, make_store_options(config, tables, on_failure), tables.bindings());
    if (!opened) return cannot_start("the data folder " + config.data.dir, opened.error());
    store::store& store = **opened;
    tell_recovery(store.recovered());
    if (const std::string problem = tables.problem(); !problem.empty()) {
        log_line(log_level::error, "cannot start: " + problem);
        store.close();
        return 1;
    }

    broker::service broker(store, tables,
                           {.node_id = static_cast<std::int32_t>(config.kafka.node_id),
                            .subscriptions = &kafka::subscription_bytes(),
                            .consumer_groups = broker::groups::consumer_group::factory(),
                            .log = [](std::string_view line) { log_line(log_level::info, line); }});
    std::promise<std::error_code> started;
    broker.start([&started](std::error_code error) { started.set_value(error); });
    if (const std::error_code error = started.get_future().get()) {
        store.close();
        return cannot_start("the broker", error);
    }
    // Deadlines of members must not jump when somebody sets the clock.
    const auto group_clock = [wall = wall_time(), start = std::chrono::steady_clock::now()] {
        const auto passed = std::chrono::steady_clock::now() - start;
        return wall + std::chrono::duration_cast<std::chrono::milliseconds>(passed).count();
    };
    alarm_thread alarm(group_clock);
    broker.group_work.start(alarm, group_clock());
    alarm.start([&broker, &group_clock] { broker.group_work.tick(group_clock()); });

    const host_and_port advertised =
        config.kafka.advertise.empty() ? listen : split_address(config.kafka.advertise);
    kafka::traffic traffic;
    kafka::services services{.options = {}, .store = store, .broker = broker, .counts = &traffic};
    services.options.node_id = broker.node_id();
    services.options.cluster_id = tables.settings.cluster_id();
    services.options.host = advertised.host;
    services.options.port = std::atoi(advertised.port.c_str());
    services.options.log_directory = config.data.dir;
    services.options.fetch_bytes_max = static_cast<std::size_t>(config.kafka.fetch_max_size);
    services.options.clock = wall_time;
    services.options.group_clock = group_clock;
    services.options.log = [](std::string_view line) { log_line(log_level::info, line); };

    const auto made = [&services](net::event_loop& loop) { return kafka::worker::make(services, loop); };
    auto net = net::server::listen(make_net_options(config, descriptors), made);
    if (!net) {
        alarm.stop();
        store.close();
        return cannot_start("listening on " + config.kafka.listen, net.error());
    }
    // Port 0 took a free one: that is where clients are sent, unless they were to be sent elsewhere.
    if (services.options.port == 0) services.options.port = (*net)->port();

    const metric_sources sources{.store = store,
                                 .kafka_net = **net,
                                 .kafka_traffic = traffic,
                                 .groups =
                                     [&broker, &tables, &group_clock] {
                                         group_counts counts;
                                         for (const auto& group : broker.group_work.list(group_clock())) {
                                             ++counts.by_state[std::string(broker::groups::name_of(group.state))];
                                         }
                                         counts.offsets = tables.offsets.count();
                                         return counts;
                                     },
                                 .index_memory_max = static_cast<std::uint64_t>(config.data.index_memory),
                                 .cache_bytes_max = static_cast<std::uint64_t>(config.data.cache_size),
                                 .started = static_cast<double>(wall_time()) / 1000,
                                 .cluster_id = services.options.cluster_id};
    std::unique_ptr<net::server> metrics;
    if (!config.metrics.listen.empty()) {
        const host_and_port place = split_address(config.metrics.listen);
        auto listening = listen_metrics(place.host == "*" ? "0.0.0.0" : place.host, place.port, sources);
        if (listening) {
            metrics = std::move(*listening);
            log_line(log_level::info, "metrics on http://" + metrics->address() + "/metrics");
        } else if (is_configured(configuration, "metrics.listen")) {
            net->reset();
            alarm.stop();
            store.close();
            return cannot_start("listening on " + config.metrics.listen + " (metrics.listen)", listening.error());
        } else {
            log_line(log_level::warn, "no metrics: " + config.metrics.listen + ": " + listening.error().message() +
                                          "; name a free address with --set metrics.listen=HOST:PORT");
        }
    }
    (*net)->accept();
    std::string where = config.kafka.listen;
    if (listen.port == "0") where = where.substr(0, where.rfind(':') + 1) + std::to_string((*net)->port());
    std::printf("imago: serving kafka on %s\n", where.c_str());
    std::fflush(stdout);

    pollfd waiting[2] = {{signal_descriptor, POLLIN, 0}, {failure_descriptor, POLLIN, 0}};
    while (::poll(waiting, 2, -1) < 0 && errno == EINTR) {
    }
    const bool failed = waiting[1].revents != 0;
    if (!failed) log_line(log_level::info, "stopping: finishing what is in flight");
    signalfd_siginfo taken;
    if (!failed && ::read(signal_descriptor, &taken, sizeof taken) != sizeof taken) return 1;
    // A second signal ends the patience.
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);

    if (!(*net)->drain(failed ? std::chrono::seconds(1) : drain_patience)) {
        log_line(log_level::warn, "some clients were cut off: they did not take their answers in time");
    }
    metrics.reset();
    net->reset();
    alarm.stop();
    store.close();
    ::close(signal_descriptor);
    ::close(failure_descriptor);
    if (!failed) log_line(log_level::info, "stopped");
    return failed ? 1 : 0;
}

}  // namespace imago
