#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>

#include "client/cli/consume.h"
#include "client/cli/consume_start.h"
#include "imago/broadcast_consumer.h"

namespace imago::client::cli {
namespace {

/// $XDG_STATE_HOME/imago/TOPIC.position, or in ~/.local/state; empty if there is neither.
std::string default_position_file(const std::string& topic) {
    const char* base = std::getenv("XDG_STATE_HOME");
    if (base != nullptr && *base == '/') return fmt::format("{}/imago/{}.position", base, topic);
    const char* home = std::getenv("HOME");
    if (home != nullptr && *home == '/') return fmt::format("{}/.local/state/imago/{}.position", home, topic);
    return {};
}

broadcast_options options_of(const consume_settings& settings, std::string file) {
    broadcast_options how;
    how.topics.push_back(settings.topic);
    how.position_file = std::move(file);
    const start_point point = *parse_start(settings.start);
    if (point.what == start_point::kind::beginning) how.start = start_from::beginning();
    if (point.what == start_point::kind::time) how.start = start_from::time(point.value);
    how.fetch.read_committed = settings.committed;
    return how;
}

class broadcast_job {
public:
    broadcast_job(asio::io_context& io, const consume_settings& settings, std::string file)
        : settings_(settings), io_(io), signals_(io, SIGINT, SIGTERM), admin_(io.get_executor(), settings.connection.options()),
          consumer_(io.get_executor(), settings.connection.options(), options_of(settings, std::move(file))), printer_(settings) {}

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
            const result<> opened = co_await consumer_.open();
            code = opened ? co_await find_ends() : cannot_consume(settings_, opened.error());
        }
        if (code == 0) code = co_await pull_all();
        printer_.flush();
        const result<> saved = co_await consumer_.close();
        if (!saved && code == 0) code = cannot_consume(settings_, saved.error());
        co_await admin_.close();
        signals_.cancel();
        co_await asio::post(io_, asio::use_awaitable);
        co_return code;
    }

private:
    asio::awaitable<int> find_ends() {
        if (!settings_.exit_at_end) co_return 0;
        auto ends = co_await offsets_of(admin_, consumer_.partitions(), offset_spec::latest);
        if (!ends) co_return cannot_consume(settings_, ends.error());
        ends_ = std::move(*ends);
        co_return 0;
    }

    [[nodiscard]] bool at_end() {
        if (!settings_.exit_at_end) return false;
        for (auto at = ends_.begin(); at != ends_.end();)
            at = consumer_.position(at->first) >= at->second ? ends_.erase(at) : std::next(at);
        return ends_.empty();
    }

    asio::awaitable<int> pull_all() {
        while (!stopped_) {
            if (at_end()) break;
            auto got = co_await consumer_.pull(milliseconds(0));
            if (got && got->records.empty() && !got->error) {
                printer_.flush();
                if (printer_.closed()) co_return 0;
                got = co_await consumer_.pull(milliseconds(settings_.exit_at_end ? 50 : 1000));
            }
            if (stopped_) break;
            if (!got) co_return cannot_consume(settings_, got.error());
            if (got->error) {
                printer_.flush();
                co_return complain(fmt::format("cannot read {}[{}] at offset {}", got->topic, got->partition, got->next_offset),
                                   got->error);
            }
            const topic_partition where{std::string(got->topic), got->partition};
            for (const record& each : got->records) {
                if (printer_.print(got->topic, got->partition, each)) continue;
                // The rest of what came is for the next time; all of it, if nobody took what we printed.
                const result<> moved = consumer_.seek(where, printer_.closed() ? got->records.front().offset : each.offset + 1);
                co_return moved ? 0 : cannot_consume(settings_, moved.error());
            }
            printer_.flush();  // the next pull() may save that it was dealt with
        }
        co_return 0;
    }

    const consume_settings& settings_;
    asio::io_context& io_;
    asio::signal_set signals_;
    admin admin_;
    broadcast_consumer consumer_;
    record_printer printer_;
    std::map<topic_partition, std::int64_t> ends_;  // not reached yet, with -e
    bool stopped_ = false;
};

}  // namespace

asio::awaitable<int> consume_broadcast(asio::io_context& io, const consume_settings& settings) {
    std::string file = settings.position_file.empty() ? default_position_file(settings.topic) : settings.position_file;
    if (file.empty()) co_return complain("there is no place for the position", "Name a file with --position FILE.");
    std::error_code error;
    if (settings.position_file.empty()) std::filesystem::create_directories(std::filesystem::path(file).parent_path(), error);
    if (error) co_return complain(fmt::format("cannot make the folder of {}: {}", file, error.message()), "Name a file with --position FILE.");
    const auto job = std::make_unique<broadcast_job>(io, settings, std::move(file));
    co_return co_await job->run();
}

}  // namespace imago::client::cli
