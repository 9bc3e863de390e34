#include <CLI/CLI.hpp>
#include <asio/signal_set.hpp>
#include <fmt/format.h>

#include <map>
#include <memory>

#include "client/cli/commands.h"
#include "client/cli/consume.h"
#include "client/cli/consume_start.h"
#include "client/cli/escapes.h"

namespace imago::client::cli {
namespace {

constexpr const char* consume_examples = R"(
Where to start (-o):
  beginning   the first message that is kept      end   only what comes from now on (the default)
  N           the offset N                        -N    the last N of each partition
  @TIME       the first message at that time or later: milliseconds since 1970, or 2026-11-21[T12:30[:15]][Z]

Format tokens (-f), those of kcat:
  %s value  %S its length  %R its length as 4 bytes  %k key  %K its length  %T timestamp (ms)
  %h headers  %t topic  %p partition  %o offset  %% percent;  \n \r \t \0 \e \\ \xHH

Examples:
  imago consume events                                   what comes from now on
  imago consume events -o beginning -e                   all there is, then stop
  imago consume events -o @2026-11-21T08:00 -c 10 -f '%T %k\n'
  imago consume events -p 3 -o -100 -e --json | jq .value
  imago consume events -g billing                        share the partitions with others; what was printed is committed
  imago consume events -g billing --protocol consumer    the same over Kafka's new protocol (the server assigns)
  imago consume events --broadcast                       see everything, and go on here the next time

Exit code: 0 done (also when interrupted), 1 failed, 2 wrong arguments.)";

class consume_job {
public:
    consume_job(asio::io_context& io, const consume_settings& settings)
        : settings_(settings), signals_(io, SIGINT, SIGTERM), admin_(io.get_executor(), settings.connection.options()),
          printer_(settings) {
        consumer_options how;
        how.read_committed = settings.committed;
        consumer_ = std::make_unique<consumer>(io.get_executor(), settings.connection.options(), how);
    }

    asio::awaitable<int> run() {
        signals_.async_wait([this](std::error_code cancelled, int) {
            if (cancelled) return;
            stopped_ = true;
            signals_.clear();
            consumer_->wake();
        });
        int code = co_await assign_all();
        if (code == 0) code = co_await print_all();
        printer_.flush();
        signals_.cancel();
        co_await consumer_->close();
        co_await admin_.close();
        co_return code;
    }

private:
    int failed(std::error_code error) { return cannot_consume(settings_, error); }

    asio::awaitable<int> assign_all() {
        std::string name = settings_.topic;
        const auto topic = co_await admin_.describe_topic(std::move(name));
        if (!topic) co_return failed(topic.error());
        std::vector<topic_partition> wanted;
        for (const std::int32_t each : settings_.partitions) {
            if (static_cast<std::size_t>(each) >= topic->partitions.size())
                co_return complain(fmt::format("'{}' has no partition {}: it has {}", settings_.topic, each,
                                               topic->partitions.size()),
                                   "");
            wanted.push_back({settings_.topic, each});
        }
        if (wanted.empty())
            for (const partition_info& each : topic->partitions) wanted.push_back({settings_.topic, each.index});

        const start_point start = *parse_start(settings_.start);
        const auto ends = co_await offsets_of(admin_, wanted, offset_spec::latest);
        if (!ends) co_return failed(ends.error());
        std::map<topic_partition, std::int64_t> from = *ends;
        if (start.what == start_point::kind::beginning || start.what == start_point::kind::before_end) {
            const auto begins = co_await offsets_of(admin_, wanted, offset_spec::earliest);
            if (!begins) co_return failed(begins.error());
            for (auto& [where, offset] : from)
                offset = start.what == start_point::kind::beginning
                             ? begins->at(where)
                             : std::max(begins->at(where), offset - start.value);
        } else if (start.what == start_point::kind::offset) {
            for (auto& [where, offset] : from) offset = start.value;
        } else if (start.what == start_point::kind::time) {
            const auto found = co_await offsets_of(admin_, wanted, start.value);
            if (!found) co_return failed(found.error());
            for (auto& [where, offset] : from)
                if (found->at(where) >= 0) offset = found->at(where);  // else later than all: from the end
        }
        for (const auto& [where, offset] : from) {
            const result<> assigned = co_await consumer_->assign(where, offset);
            if (!assigned) co_return failed(assigned.error());
            if (settings_.exit_at_end && offset < ends->at(where)) ends_[where] = ends->at(where);
        }
        co_return 0;
    }

    asio::awaitable<int> print_all() {
        while (!stopped_ && !(settings_.exit_at_end && ends_.empty())) {
            // Print what there is before waiting for more.
            auto got = co_await consumer_->pull(milliseconds(0));
            if (got && got->records.empty() && !got->error) {
                printer_.flush();
                if (printer_.closed()) co_return 0;
                got = co_await consumer_->pull(milliseconds(1000));
            }
            if (stopped_) break;
            if (!got) co_return failed(got.error());
            if (got->error) {
                printer_.flush();
                co_return complain(fmt::format("cannot read {}[{}] at offset {}", got->topic, got->partition,
                                               got->next_offset),
                                   got->error);
            }
            for (const record& each : got->records)
                if (!printer_.print(got->topic, got->partition, each)) co_return 0;
            // Also without records: control batches move the position.
            for (auto at = ends_.begin(); at != ends_.end();)
                at = consumer_->position(at->first) >= at->second ? ends_.erase(at) : std::next(at);
        }
        co_return 0;
    }

    const consume_settings& settings_;
    asio::signal_set signals_;
    admin admin_;
    std::unique_ptr<consumer> consumer_;
    record_printer printer_;
    std::map<topic_partition, std::int64_t> ends_;  // not reached yet, with -e
    bool stopped_ = false;
};

/// What does not go together; empty if all is well.
std::string contradiction(const consume_settings& settings) {
    const bool shared = !settings.group.empty();
    if (!shared && !settings.instance.empty()) return "--instance needs -g GROUP";
    if (!settings.broadcast && !settings.position_file.empty()) return "--position needs --broadcast";
    if (!shared && !settings.broadcast) return {};
    const start_point::kind start = parse_start(settings.start)->what;
    if (start == start_point::kind::offset || start == start_point::kind::before_end)
        return "-o can be beginning, end or @TIME here: it is where to start in partitions that have no position yet";
    return {};
}

}  // namespace

record_printer::record_printer(const consume_settings& settings) : settings_(settings) {
    std::string why;
    format_ = settings.format.empty()
                  ? record_format::plain(settings.key_delimiter.empty() ? std::nullopt : unescape(settings.key_delimiter),
                                         *unescape(settings.delimiter))
                  : *record_format::parse(settings.format, why);
}

bool record_printer::print(std::string_view topic, std::int32_t partition, const record& what) {
    if (settings_.json) append_json(out_.buffer(), topic, partition, what);
    else format_->append(out_.buffer(), topic, partition, what);
    out_.maybe_write();
    return ++printed_ != settings_.count && !out_.closed();
}

asio::awaitable<result<std::map<topic_partition, std::int64_t>>> offsets_of(admin& server,
                                                                            std::vector<topic_partition> where,
                                                                            std::int64_t spec) {
    std::map<topic_partition, std::int64_t> by_place;
    if (where.empty()) co_return by_place;
    const auto found = co_await server.list_offsets(std::move(where), spec);
    if (!found) co_return tl::unexpected(found.error());
    for (const found_offset& each : *found) {
        if (each.error) co_return tl::unexpected(each.error);
        by_place[each.where] = each.offset;
    }
    co_return by_place;
}

int cannot_consume(const consume_settings& settings, std::error_code error) {
    return complain(fmt::format("cannot consume '{}' at {}", settings.topic, settings.connection.text()), error);
}

void add_consume_command(CLI::App& app, action& chosen) {
    auto settings = std::make_shared<consume_settings>();
    CLI::App* command = app.add_subcommand("consume", "Print messages of a topic");
    command->footer(consume_examples);
    const auto delimiter_check = [](const std::string& text) -> std::string {
        return unescape(text) ? "" : "unknown escape in '" + text + "': known are \\n \\r \\t \\0 \\e \\\\ \\xHH";
    };
    settings->connection.add_to(*command);
    command->add_option("topic", settings->topic, "The topic")->required()->type_name("TOPIC");
    command->add_option("-o,--offset", settings->start, "Where to start: beginning, end, N, -N or @TIME")
        ->type_name("START")->capture_default_str()
        ->check([](const std::string& text) -> std::string {
            return parse_start(text) ? "" : "'" + text + "' is none of beginning, end, N, -N, @MILLISECONDS, @YYYY-MM-DD[Thh:mm[:ss]][Z]";
        });
    command->add_option("-p,--partition", settings->partitions, "Only this partition; may be given again")
        ->type_name("N")->check(CLI::Range(0, 2147483647))->allow_extra_args(false);
    command->add_option("-c,--count", settings->count, "Stop after so many messages")
        ->type_name("N")->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 62));
    CLI::Option* format = command->add_option("-f,--format", settings->format, "Print each message like this (tokens below)")
        ->type_name("FORMAT")->check([](const std::string& text) -> std::string {
            std::string why;
            return record_format::parse(text, why) ? "" : why;
        });
    command->add_option("-D,--delimiter", settings->delimiter, "What to print after each message")
        ->type_name("DELIM")->check(delimiter_check)->capture_default_str()->excludes(format);
    command->add_option("-K,--key-delimiter", settings->key_delimiter, "Print the key and DELIM before each value")
        ->type_name("DELIM")->check(delimiter_check)->excludes(format);
    command->add_flag("--json", settings->json, "Print each message as a line of JSON")->excludes(format);
    command->add_flag("-e,--exit", settings->exit_at_end, "Stop at what is the end when the command starts");
    command->add_flag("--committed", settings->committed, "Leave out messages of open and aborted transactions");
    CLI::Option* group = command->add_option("-g,--group", settings->group, "As a member of this group: partitions are shared, what was printed is committed")
        ->type_name("GROUP")->excludes("-p");
    command->add_option("--protocol", settings->protocol, "Of the group: classic (its members assign) or consumer (the server does)")
        ->check(CLI::IsMember({"classic", "consumer"}))->capture_default_str()->needs(group);
    command->add_option("--instance", settings->instance, "A static member: comes back under this name without a rebalance")
        ->type_name("ID");
    command->add_flag("--broadcast", settings->broadcast, "All partitions, going on where this command ended the last time")
        ->excludes("-p")->excludes(group);
    command->add_option("--position", settings->position_file, "With --broadcast: the file of the position (default: $XDG_STATE_HOME/imago/TOPIC.position)")
        ->type_name("FILE");
    command->callback([settings, &chosen] {
        if (const std::string wrong = contradiction(*settings); !wrong.empty()) throw CLI::ValidationError("consume", wrong);
        chosen = [settings] {
            return run([settings](asio::io_context& io) -> asio::awaitable<int> {
                if (!settings->group.empty()) co_return co_await consume_in_group(io, *settings);
                if (settings->broadcast) co_return co_await consume_broadcast(io, *settings);
                const auto job = std::make_unique<consume_job>(io, *settings);
                co_return co_await job->run();
            });
        };
    });
}

}  // namespace imago::client::cli
