#include "client/bench/command.h"

#include "client/bench/consume_load.h"
#include "client/bench/process.h"
#include "client/bench/produce_load.h"
#include "client/bench/report.h"
#include "client/bench/topic.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>

namespace imago::bench {

namespace {

struct settings {
    std::string server = "127.0.0.1:9092";
    std::string topic = "imago-bench";
    produce_options produce;
    consume_options consume;
    double seconds = 5;
    double warm_up = 1;
    std::uint64_t messages = 0;
    std::uint64_t backlog_bytes = 1ULL << 30;
    std::vector<std::int32_t> sweep{1, 16, 100, 1000, 10000};
    long pid = 0;
    bool json = false;
    bool marks = false;
};
using settings_ptr = std::shared_ptr<settings>;

int complain(const std::string& what) {
    fmt::print(stderr, "imago bench: {}\n", what);
    return 1;
}

/// Fills in what both loads need.
void spread(settings& with) {
    const auto colon = with.server.rfind(':');
    const std::string host = with.server.substr(0, colon);
    const std::string port = colon == std::string::npos ? "9092" : with.server.substr(colon + 1);
    with.produce.host = with.consume.host = host;
    with.produce.port = with.consume.port = port;
    with.produce.topic = with.consume.topic = with.topic;
    with.consume.queues = with.produce.queues;
}

/// Processor time of the server while something goes on. Whoever called this program may look at more at the same moments.
class server_time {
public:
    explicit server_time(const settings& with)
        : pid_(with.pid), marks_(with.marks), before_(pid_ == 0 ? 0 : processor_time(pid_)) {
        mark("begin");
    }
    void fill(measured& what) const {
        mark("end");
        if (pid_ == 0) return;
        what.server_seconds = processor_time(pid_) - before_;
        what.server_resident = static_cast<std::uint64_t>(resident(pid_));
    }

private:
    void mark(const char* at) const {
        if (!marks_) return;
        fmt::print("{{\"mark\":\"{}\"}}\n", at);
        std::fflush(stdout);
    }

    const long pid_;
    const bool marks_;
    const double before_;
};

void print(const settings& with, const measured& what) {
    fmt::print("{}\n", with.json ? as_json(what) : as_line(what));
    std::fflush(stdout);
}

std::string words_of(const produce_options& how) {
    std::string text = fmt::format("{} B x {}, {} queues, {} a request", how.message, how.records, how.queues,
                                   std::min(how.batches, how.queues));
    text += how.rate > 0 ? fmt::format(", {} conn.", how.connections)
                         : fmt::format(", {} conn. x {} in flight", how.connections, how.window);
    if (how.zipf > 0) text += fmt::format(", Zipf {}", how.zipf);
    return text;
}

/// Warm-up, then the measurement. What went wrong, or empty.
template <class Load>
std::string timed_run(engine& on, const settings& with, Load& load, measured& what,
                      const std::function<bool()>& enough = [] { return false; }) {
    const auto until = [&](double seconds) {
        const moment end = clock_type::now() + std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>(seconds));
        return on.run_until([&, end] { return load.error() != 0 || enough() || clock_type::now() >= end; });
    };
    if (std::string wrong = until(with.warm_up); !wrong.empty()) return wrong;
    const server_time server(with);
    load.measure();
    const moment start = clock_type::now();
    if (std::string wrong = until(with.seconds); !wrong.empty()) return wrong;
    what.seconds = std::chrono::duration<double>(clock_type::now() - start).count();
    what.messages = load.messages();
    server.fill(what);
    load.stop();
    const moment patience = clock_type::now() + std::chrono::seconds(30);
    std::string wrong = on.run_until([&] { return load.idle() || clock_type::now() > patience; });
    if (wrong.empty() && load.error() != 0) wrong = fmt::format("the server answered with error {}", load.error());
    return wrong;
}

int produce(settings& with) {
    if (const std::string wrong = prepare_topic(with.server, with.topic, with.produce.queues); !wrong.empty()) return complain(wrong);
    engine on;
    auto load = produce_load::make(on, with.produce);
    if (!load) return complain(fmt::format("cannot connect to {}: {}", with.server, load.error().message()));
    measured what;
    what.what = "produce";
    what.setting = words_of(with.produce);
    what.wanted_rate = with.produce.rate;
    (*load)->start(clock_type::now());
    if (const std::string wrong = timed_run(on, with, **load, what); !wrong.empty()) return complain(wrong);
    what.bytes = what.messages * with.produce.message;
    what.times = &(*load)->times();
    what.times_are = "ack";
    print(with, what);
    return 0;
}

/// How long until a topic with so many queues is there and each of them answers.
int create(settings& with) {
    const server_time server(with);
    const moment start = clock_type::now();
    if (const std::string wrong = prepare_topic(with.server, with.topic, with.produce.queues); !wrong.empty()) return complain(wrong);
    measured what;
    what.what = "create";
    what.setting = fmt::format("{} queues in {:.3f} s", with.produce.queues,
                               std::chrono::duration<double>(clock_type::now() - start).count());
    what.seconds = std::chrono::duration<double>(clock_type::now() - start).count();
    server.fill(what);
    print(with, what);
    return 0;
}

/// Writes so many bytes as fast as it goes.
int fill(settings& with) {
    const std::uint64_t wanted = with.backlog_bytes / with.produce.message;
    if (const std::string wrong = prepare_topic(with.server, with.topic, with.produce.queues); !wrong.empty()) return complain(wrong);
    engine on;
    produce_options how = with.produce;
    how.rate = 0;
    auto load = produce_load::make(on, how);
    if (!load) return complain(fmt::format("cannot connect to {}: {}", with.server, load.error().message()));
    measured what;
    what.what = "fill";
    what.setting = words_of(how);
    (*load)->measure();
    (*load)->start(clock_type::now());
    settings once = with;
    once.warm_up = 0;
    once.seconds = 3600;
    if (const std::string wrong = timed_run(on, once, **load, what, [&] { return (*load)->messages() >= wanted; }); !wrong.empty()) {
        return complain(wrong);
    }
    // With what was under way when it was enough.
    what.messages = (*load)->messages();
    what.bytes = what.messages * how.message;
    what.times = &(*load)->times();
    what.times_are = "ack";
    print(with, what);
    return 0;
}

int consume(settings& with) {
    std::string problem;
    const auto ends = queue_ends(with.server, with.topic, with.produce.queues, problem);
    if (!problem.empty()) return complain(problem);
    engine on;
    auto load = consume_load::make(on, with.consume);
    if (!load) return complain(fmt::format("cannot connect to {}: {}", with.server, load.error().message()));
    measured what;
    what.what = "consume";
    what.setting = fmt::format("{} queues, {} conn., fan-out {}", with.produce.queues, with.consume.connections, with.consume.fan_out);
    // What is there is read once: from the first byte on, with nothing to warm up.
    std::uint64_t there = 0;
    for (const std::int64_t end : ends) there += static_cast<std::uint64_t>(end);
    const std::uint64_t wanted = with.messages > 0 ? with.messages : there * with.consume.fan_out;
    if (wanted == 0) return complain(fmt::format("{} is empty: write to it first, for example with imago bench produce", with.topic));
    with.warm_up = 0;
    (*load)->measure();
    (*load)->start();
    if (const std::string wrong = timed_run(on, with, **load, what, [&] { return (*load)->messages() >= wanted; }); !wrong.empty()) {
        return complain(wrong);
    }
    what.bytes = (*load)->bytes();
    print(with, what);
    return 0;
}

int end_to_end(settings& with) {
    if (const std::string wrong = prepare_topic(with.server, with.topic, with.produce.queues); !wrong.empty()) return complain(wrong);
    std::string problem;
    with.consume.start = queue_ends(with.server, with.topic, with.produce.queues, problem);
    if (!problem.empty()) return complain(problem);
    with.consume.marked = with.produce.marked = true;
    engine on;
    auto consumers = consume_load::make(on, with.consume);
    auto producers = produce_load::make(on, with.produce);
    if (!consumers || !producers) return complain(fmt::format("cannot connect to {}", with.server));
    measured what;
    what.what = "end-to-end";
    what.setting = words_of(with.produce) + fmt::format(", fan-out {}", with.consume.fan_out);
    what.wanted_rate = with.produce.rate * static_cast<double>(with.consume.fan_out);
    what.times_are = "end to end";
    (*consumers)->start();
    (*producers)->start(clock_type::now());
    if (const std::string wrong = timed_run(on, with, **consumers, what); !wrong.empty()) return complain(wrong);
    if ((*producers)->error() != 0) return complain(fmt::format("the server answered with error {}", (*producers)->error()));
    what.bytes = (*consumers)->bytes();
    what.times = &(*consumers)->times();
    print(with, what);
    return 0;
}

int sweep(settings& with) {
    const std::string name = with.topic;
    for (const std::int32_t queues : with.sweep) {
        with.produce.queues = queues;
        with.topic = fmt::format("{}-{}", name, queues);
        spread(with);
        if (const int code = produce(with); code != 0) return code;
    }
    return 0;
}

/// Writes until so many bytes are there; then reads them from the start while producers go on at a fixed rate.
int backlog(settings& with) {
    if (with.produce.rate <= 0) return complain("backlog needs --rate: what producers go on with while the backlog is read");
    const double rate = with.produce.rate;
    const auto one = [&](const char* name, double at_rate, const std::function<std::string(engine&, produce_load&, measured&)>& run) {
        engine on;
        produce_options how = with.produce;
        how.rate = at_rate;
        auto load = produce_load::make(on, how);
        if (!load) return complain(fmt::format("cannot connect to {}: {}", with.server, load.error().message()));
        measured what;
        what.what = name;
        what.setting = words_of(how);
        what.wanted_rate = at_rate;
        (*load)->start(clock_type::now());
        if (const std::string wrong = run(on, **load, what); !wrong.empty()) return complain(wrong);
        what.bytes = what.messages * how.message;
        what.times = &(*load)->times();
        what.times_are = "ack";
        print(with, what);
        return 0;
    };
    const std::uint64_t wanted = with.backlog_bytes / with.produce.message;
    int code = fill(with);
    if (code != 0) return code;
    code = one("alone", rate, [&](engine& on, produce_load& load, measured& what) { return timed_run(on, with, load, what); });
    if (code != 0) return code;
    return one("meanwhile", rate, [&](engine& on, produce_load& load, measured& what) -> std::string {
        auto consumers = consume_load::make(on, with.consume);
        if (!consumers) return "cannot connect";
        measured read;
        read.what = "catch-up";
        read.setting = fmt::format("{} queues, {} conn.", with.produce.queues, with.consume.connections);
        (*consumers)->measure();
        (*consumers)->start();
        load.measure();
        const server_time server(with);
        const moment start = clock_type::now();
        std::string wrong = on.run_until([&] { return (*consumers)->messages() >= wanted || (*consumers)->error() != 0 || load.error() != 0; });
        read.seconds = what.seconds = std::chrono::duration<double>(clock_type::now() - start).count();
        read.messages = (*consumers)->messages();
        read.bytes = (*consumers)->bytes();
        server.fill(read);
        what.messages = load.messages();
        (*consumers)->stop();
        load.stop();
        if (wrong.empty()) wrong = on.run_until([&] { return load.idle() && (*consumers)->idle(); });
        if (wrong.empty() && (*consumers)->error() != 0) wrong = fmt::format("the server answered a fetch with error {}", (*consumers)->error());
        if (wrong.empty()) print(with, read);
        return wrong;
    });
}

void add_common(CLI::App& command, settings& with) {
    command.add_option("-b,--brokers,--bootstrap", with.server, "The server, any that speaks the Kafka protocol")->type_name("HOST:PORT")->capture_default_str();
    command.add_option("-t,--topic", with.topic, "Made if it is not there")->capture_default_str();
    command.add_option("--seconds", with.seconds, "To measure")->capture_default_str()->check(CLI::PositiveNumber);
    command.add_option("--pid", with.pid, "Of the server, for its processor time and memory");
    command.add_flag("--json", with.json, "One JSON object a line; times in microseconds");
    command.add_flag("--marks", with.marks, "Print a line when the measurement begins and when it ends");
}

void add_queues(CLI::App& command, settings& with) {
    command.add_option("--queues", with.produce.queues, "Of the topic")->capture_default_str()->check(CLI::Range(1, 1'000'000));
}

void add_producers(CLI::App& command, settings& with, const char* rate_help) {
    command.add_option("--message", with.produce.message, "Bytes of a value")->capture_default_str()->check(CLI::Range(8, 16 << 20));
    command.add_option("--records", with.produce.records, "Messages in a batch")->capture_default_str()->check(CLI::Range(1, 100'000));
    command.add_option("--batches", with.produce.batches, "Queues in a request, a batch for each")->capture_default_str()->check(CLI::Range(1, 100'000));
    command.add_option("--connections", with.produce.connections, "Of producers")->capture_default_str()->check(CLI::Range(1, 10'000));
    command.add_option("--window", with.produce.window, "Requests in flight on each connection, without a rate")->capture_default_str()->check(CLI::Range(1, 100'000));
    if (rate_help != nullptr) command.add_option("--rate", with.produce.rate, rate_help)->check(CLI::NonNegativeNumber);
    command.add_option("--zipf", with.produce.zipf, "Some queues far more often: exponent of a Zipf distribution")->check(CLI::NonNegativeNumber);
    command.add_option("--warm-up", with.warm_up, "Seconds before the measurement")->capture_default_str()->check(CLI::NonNegativeNumber);
}

void add_consumers(CLI::App& command, settings& with) {
    command.add_option("--consumers", with.consume.connections, "Connections that share the queues")->capture_default_str()->check(CLI::Range(1, 10'000));
    command.add_option("--fan-out", with.consume.fan_out, "So many consumers read everything")->capture_default_str()->check(CLI::Range(1, 10'000));
    command.add_option("--fetch-bytes", with.consume.limits.bytes, "Of an answer, at most")->capture_default_str();
}

constexpr const char* footer =
    "Requests are made before the measurement and sent again and again, so that the server is what is measured. With a\n"
    "rate, the times at which requests are due are fixed beforehand and a request's time counts from there.\n"
    "acks=all always. Examples:\n"
    "  imago bench produce --message 1024 --records 16 --queues 16\n"
    "  imago bench produce --message 100 --records 1 --batches 1 --connections 64 --window 1\n"
    "  imago bench end-to-end --rate 5000 --records 1 --batches 1\n"
    "  imago bench sweep --queues 1,16,100,1000,10000";

}  // namespace

void add_bench_commands(CLI::App& app, std::function<int()>& chosen) {
    CLI::App* bench = app.add_subcommand("bench", "Measures this server, or any other that speaks the Kafka protocol");
    bench->require_subcommand(1);
    bench->footer(footer);
    const auto add = [&](const char* name, const char* help, int (*run)(settings&)) {
        auto with = std::make_shared<settings>();
        CLI::App* command = bench->add_subcommand(name, help);
        add_common(*command, *with);
        command->callback([with, run, &chosen] {
            chosen = [with, run] {
                std::signal(SIGPIPE, SIG_IGN);
                spread(*with);
                return run(*with);
            };
        });
        return std::pair(command, with);
    };
    constexpr const char* rate = "Messages a second over all connections; 0 = as many as the windows let through";
    {
        auto [command, with] = add("produce", "Writes", produce);
        add_queues(*command, *with);
        add_producers(*command, *with, rate);
    }
    {
        auto [command, with] = add("create", "Makes a topic and waits until all its queues answer", create);
        add_queues(*command, *with);
    }
    {
        auto [command, with] = add("fill", "Writes so many bytes", fill);
        add_queues(*command, *with);
        add_producers(*command, *with, nullptr);
        command->add_option("--bytes", with->backlog_bytes, "Of values")->transform(CLI::AsSizeValue(false))->capture_default_str();
    }
    {
        auto [command, with] = add("consume", "Reads what is there, from the beginning", consume);
        with->seconds = 60;
        add_queues(*command, *with);
        add_consumers(*command, *with);
        command->add_option("--messages", with->messages, "Stop after so many (default: when all that is there was read)");
    }
    {
        auto [command, with] = add("end-to-end", "From the producer to the consumer", end_to_end);
        with->produce.rate = 5000;
        with->produce.records = with->produce.batches = 1;
        add_queues(*command, *with);
        add_producers(*command, *with, "Messages a second");
        add_consumers(*command, *with);
    }
    {
        auto [command, with] = add("sweep", "produce with more and more queues, each number on a topic of its own", sweep);
        with->produce.records = 1;
        with->produce.batches = 250;
        command->add_option("--queues", with->sweep, "Numbers of queues")->delimiter(',')->capture_default_str();
        add_producers(*command, *with, rate);
    }
    {
        auto [command, with] = add("backlog", "Writes a backlog, then reads it while producers go on", backlog);
        add_queues(*command, *with);
        add_producers(*command, *with, "Messages a second that producers go on with");
        add_consumers(*command, *with);
        command->add_option("--backlog", with->backlog_bytes, "Bytes of values")->transform(CLI::AsSizeValue(false));
    }
}

}  // namespace imago::bench
