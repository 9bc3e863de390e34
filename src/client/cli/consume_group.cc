#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <fmt/format.h>

#include <map>
#include <memory>

#include "client/cli/consume.h"
#include "client/cli/consume_start.h"
#include "imago/group_consumer.h"

namespace imago::client::cli {
namespace {

constexpr milliseconds commit_interval{1000};

start_from start_of(const std::string& typed) {
    const start_point point = *parse_start(typed);
    if (point.what == start_point::kind::beginning) return start_from::beginning();
    if (point.what == start_point::kind::time) return start_from::time(point.value);
    return start_from::end();
}

group_options options_of(const consume_settings& settings) {
    group_options how;
    how.group = settings.group;
    how.protocol = settings.protocol == "consumer" ? group_protocol::consumer : group_protocol::classic;
    how.instance_id = settings.instance;
    how.auto_commit = false;  // pull() gives more than we may print
    how.start = start_of(settings.start);
    how.fetch.read_committed = settings.committed;
    return how;
}

class group_job {
public:
    group_job(asio::io_context& io, const consume_settings& settings)
        : settings_(settings), io_(io), signals_(io, SIGINT, SIGTERM), admin_(io.get_executor(), settings.connection.options()),
          consumer_(io.get_executor(), settings.connection.options(), options_of(settings)), printer_(settings) {}

    asio::awaitable<int> run() {
        signals_.async_wait([this](std::error_code cancelled, int) {
            if (cancelled) return;
            stopped_ = true;
            signals_.clear();
            consumer_.wake();
        });
        std::string name = settings_.topic;
        const auto topic = co_await admin_.describe_topic(std::move(name));
        int code = topic ? 0 : cannot_consume(settings_, topic.error());
        if (code == 0) {
            std::vector<std::string> topics(1, settings_.topic);
            const result<> subscribed = consumer_.subscribe(std::move(topics));
            code = subscribed ? co_await pull_all() : cannot_consume(settings_, subscribed.error());
        }
        printer_.flush();
        if (!printer_.closed()) {  // else it is for others to print
            const int last = co_await commit();
            if (code == 0) code = last;
        }
        co_await consumer_.close();
        co_await admin_.close();
        signals_.cancel();
        co_await asio::post(io_, asio::use_awaitable);
        co_return code;
    }

private:
    asio::awaitable<int> pull_all() {
        auto committed_at = std::chrono::steady_clock::now();
        while (!stopped_) {
            // Print what there is before waiting for more.
            auto got = co_await consumer_.pull(milliseconds(0));
            if (got && got->records.empty() && !got->error && got->change == rebalance::none) {
                printer_.flush();
                if (printer_.closed() || at_end()) co_return 0;
                const int code = co_await commit();
                if (code != 0) co_return code;
                committed_at = std::chrono::steady_clock::now();
                got = co_await consumer_.pull(milliseconds(ends_.empty() ? 1000 : 50));
            }
            if (stopped_) break;
            if (!got) co_return cannot_consume(settings_, got.error());
            if (got->change != rebalance::none) {
                const int code = co_await changed(*got);
                if (code != 0) co_return code;
                continue;
            }
            if (got->error) {
                printer_.flush();
                co_return complain(fmt::format("cannot read {}[{}] at offset {}", got->topic, got->partition, got->next_offset),
                                   got->error);
            }
            for (const record& each : got->records) {
                const bool more = printer_.print(got->topic, got->partition, each);
                printed_[{std::string(got->topic), got->partition}] = each.offset + 1;
                if (!more) co_return 0;
            }
            if (std::chrono::steady_clock::now() - committed_at < commit_interval) continue;
            printer_.flush();
            const int code = co_await commit();
            if (code != 0) co_return code;
            committed_at = std::chrono::steady_clock::now();
        }
        co_return 0;
    }

    /// Partitions came or went.
    asio::awaitable<int> changed(const group_pulled& what) {
        const std::vector<topic_partition> places(what.partitions.begin(), what.partitions.end());
        if (what.change == rebalance::assigned) {
            assigned_ = true;
            if (!settings_.exit_at_end) co_return 0;
            const auto ends = co_await offsets_of(admin_, places, offset_spec::latest);
            if (!ends) co_return cannot_consume(settings_, ends.error());
            for (const auto& [where, end] : *ends) ends_[where] = end;
            co_return 0;
        }
        printer_.flush();
        if (what.change == rebalance::revoked) static_cast<void>(co_await commit());
        for (const topic_partition& where : places) {
            ends_.erase(where);
            printed_.erase(where);
        }
        co_return 0;
    }

    [[nodiscard]] bool at_end() {
        if (!settings_.exit_at_end || !assigned_) return false;
        for (auto at = ends_.begin(); at != ends_.end();)
            at = consumer_.position(at->first) >= at->second ? ends_.erase(at) : std::next(at);
        return ends_.empty();
    }

    /// Commits what was printed since the last time.
    asio::awaitable<int> commit() {
        if (printed_.empty()) co_return 0;
        std::map<topic_partition, std::int64_t> offsets = printed_;
        const result<> stored = co_await consumer_.commit(std::move(offsets));
        // In a rebalance it can be tried again; whoever gets the partition prints the rest anew.
        if (!stored && (stored.error() == kafka_errc::rebalance_in_progress || stored.error() == kafka_errc::illegal_generation ||
                        stored.error() == kafka_errc::stale_member_epoch || stored.error() == kafka_errc::unknown_member_id ||
                        stored.error() == kafka_errc::fenced_member_epoch))
            co_return 0;
        if (!stored)
            co_return complain(fmt::format("cannot commit for group '{}' at {}", settings_.group, settings_.connection.text()), stored.error());
        printed_.clear();
        co_return 0;
    }

    const consume_settings& settings_;
    asio::io_context& io_;
    asio::signal_set signals_;
    admin admin_;
    group_consumer consumer_;
    record_printer printer_;
    std::map<topic_partition, std::int64_t> printed_;  // and not committed yet: the next offset of each
    std::map<topic_partition, std::int64_t> ends_;     // not reached yet, with -e
    bool assigned_ = false;
    bool stopped_ = false;
};

}  // namespace

asio::awaitable<int> consume_in_group(asio::io_context& io, const consume_settings& settings) {
    const auto job = std::make_unique<group_job>(io, settings);
    co_return co_await job->run();
}

}  // namespace imago::client::cli
