#include <CLI/CLI.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <memory>

#include "client/cli/admin_command.h"
#include "client/cli/commands.h"
#include "client/cli/screen.h"
#include "client/cli/top_view.h"

namespace imago::client::cli {
namespace {

constexpr const char* top_examples = R"(
Rates come from the end offsets of the partitions and their sizes on the disk, lag from what groups have committed;
flush latency, connections and memory from the server's metrics. Those are looked for at port 9464 of the first
server, and used if they are of the same cluster. Without them it works against any server of the Kafka protocol.

Examples:
  imago top                          a screen of its own; q ends it
  imago top -i 5 --metrics 10.0.0.7:9464
  imago top --once                   one measurement as plain text
  imago top --once --json | jq '.topics[:3]'

Exit code: 0 done, 1 failed, 2 wrong arguments.)";

constexpr std::uint16_t metrics_port = 9464;

struct top_settings {
    connection_settings connection;
    std::string metrics;
    double interval = 2;
    bool once = false;
    bool json = false;
    bool no_groups = false;
};

std::string clock_text() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::localtime_r(&now, &parts);
    char text[16];
    std::strftime(text, sizeof text, "%H:%M:%S", &parts);
    return text;
}

class top_job {
public:
    top_job(asio::io_context& io, const top_settings& settings)
        : settings_(settings), io_(io), admin_(io.get_executor(), settings.connection.options()), pause_(io),
          signals_(io, SIGINT, SIGTERM) {
        signals_.add(SIGHUP);
        how_.groups = !settings.no_groups;
        std::string place = settings.connection.metrics_address(settings.metrics);
        if (place == "none") return;
        how_.metrics_must_match = place.empty();
        if (place.empty()) {
            const auto first = endpoint::parse(settings.connection.options().brokers.front());
            if (!first) return;
            how_.metrics_at = endpoint{first->host, metrics_port};
        } else if (const auto given = endpoint::parse(place)) {
            how_.metrics_at = *given;
        }
    }

    asio::awaitable<int> run() {
        wait_for_signal();
        const bool live = !settings_.once && !settings_.json && is_terminal(STDOUT_FILENO);
        if (live) {
            screen_.emplace();
            if (!screen_->ready()) screen_.reset();
        }
        const int code = screen_ ? co_await live_screen() : co_await plain();
        screen_.reset();
        if (keys_) keys_->close();
        signals_.cancel();
        resized_.reset();
        co_await admin_.close();
        // Handlers that were due already run before we are gone.
        co_await asio::post(io_, asio::use_awaitable);
        co_return code;
    }

private:
    // ---- plain text or JSON ----

    asio::awaitable<int> plain() {
        auto before = co_await measure(admin_, how_);
        while (!stopped_) {
            if (!before) co_return cannot(settings_.connection, "measure", before.error());
            co_await rest();
            if (stopped_) break;
            auto after = co_await measure(admin_, how_);
            if (stopped_) break;
            if (!after) co_return cannot(settings_.connection, "measure", after.error());
            const top_rates rates = rates_between(*before, *after, order_);
            if (settings_.json) {
                fmt::print("{}\n", top_json(settings_.connection.text(), rates));
            } else {
                top_header header{settings_.connection.text(), clock_text(), {}, false};
                for (const top_line& each : top_lines(header, rates, 100, 0)) {
                    std::string text = each.text;
                    text.erase(text.find_last_not_of(' ') + 1);
                    fmt::print("{}\n", text);
                }
                if (!settings_.once) fmt::print("\n");
            }
            if (std::fflush(stdout) != 0) co_return 0;  // nobody reads any more
            if (settings_.once) break;
            before = std::move(after);
        }
        co_return 0;
    }

    // ---- the screen ----

    asio::awaitable<int> live_screen() {
        // Before the screen is taken: an error that ends it at once is for the shell.
        auto before = co_await measure(admin_, how_);
        if (stopped_) co_return 0;
        if (!before) co_return cannot(settings_.connection, "measure", before.error());
        screen_->enter();
        keys_.emplace(io_, ::dup(screen_->keys()));
        wait_for_key();
        resized_.emplace(io_, SIGWINCH);
        resized_->add(SIGTSTP);
        resized_->add(SIGCONT);
        wait_for_resize();
        rates_ = rates_between(*before, *before, order_);
        newest_ = *before;
        oldest_ = *before;
        // A first picture soon; rates need a little time.
        pause_.expires_after(std::chrono::milliseconds(300));
        draw();
        static_cast<void>(co_await pause_.async_wait(asio::experimental::as_tuple(asio::use_awaitable)));
        while (!stopped_) {
            auto after = co_await measure(admin_, how_);
            if (stopped_) break;
            if (after) {
                trouble_.clear();
                oldest_ = std::move(newest_);
                newest_ = std::move(*after);
                rates_ = rates_between(oldest_, newest_, order_);
            } else {
                trouble_ = fmt::format("no answer: {}; trying again", after.error().message());
            }
            draw();
            co_await rest();
        }
        co_return 0;
    }

    void draw() {
        if (!screen_ || asleep_) return;
        top_header header{settings_.connection.text(), clock_text(), trouble_, true};
        screen_->show(top_lines(header, rates_, screen_->columns(), screen_->rows()));
    }

    asio::awaitable<void> rest() {
        if (stopped_) co_return;
        pause_.expires_after(std::chrono::milliseconds(static_cast<std::int64_t>(settings_.interval * 1000)));
        static_cast<void>(co_await pause_.async_wait(asio::experimental::as_tuple(asio::use_awaitable)));
    }

    void stop() {
        stopped_ = true;
        pause_.cancel();
        signals_.cancel();
        if (resized_) resized_->cancel();
        if (keys_) keys_->cancel();
        // Ends a request that is under way.
        asio::co_spawn(io_, admin_.close(), [](std::exception_ptr) {});
    }

    void wait_for_signal() {
        signals_.async_wait([this](std::error_code cancelled, int) {
            if (!cancelled) stop();
        });
    }

    void wait_for_key() {
        keys_->async_wait(asio::posix::stream_descriptor::wait_read, [this](std::error_code error) {
            if (error || stopped_) return;
            char pressed[32];
            const ssize_t got = ::read(screen_->keys(), pressed, sizeof pressed);
            if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return stop();  // the terminal is gone
            for (ssize_t i = 0; i < got; ++i) {
                switch (pressed[i]) {
                    case 'q': case 'Q': case 4: return stop();
                    case 'm': order_ = top_order::messages; break;
                    case 'b': order_ = top_order::bytes; break;
                    case 's': order_ = top_order::size; break;
                    case 'n': order_ = top_order::name; break;
                    case ' ': pause_.cancel(); break;
                    default: break;
                }
            }
            rates_ = rates_between(oldest_, newest_, order_);
            draw();
            wait_for_key();
        });
    }

    void wait_for_resize() {
        resized_->async_wait([this](std::error_code cancelled, int signal) {
            if (cancelled || stopped_) return;
            if (signal == SIGTSTP) {  // Ctrl-Z: give the terminal back, sleep, take it again
                screen_->leave();
                asleep_ = true;
                std::raise(SIGSTOP);
            }
            if (signal != SIGWINCH) {
                screen_->enter();
                asleep_ = false;
            }
            draw();
            wait_for_resize();
        });
    }

    const top_settings& settings_;
    asio::io_context& io_;
    admin admin_;
    asio::steady_timer pause_;
    asio::signal_set signals_;
    top_options how_;
    std::optional<screen> screen_;
    std::optional<asio::posix::stream_descriptor> keys_;
    std::optional<asio::signal_set> resized_;
    top_order order_ = top_order::messages;
    top_sample oldest_, newest_;
    top_rates rates_;
    std::string trouble_;
    bool stopped_ = false;
    bool asleep_ = false;
};

}  // namespace

void add_top_command(CLI::App& app, action& chosen) {
    auto settings = std::make_shared<top_settings>();
    CLI::App* command = app.add_subcommand("top", "Watch rates, flush latency, the busiest topics and the lag of groups");
    command->footer(top_examples);
    settings->connection.add_to(*command);
    command->add_option("-i,--interval", settings->interval, "Seconds between two measurements")->type_name("SECONDS")
        ->check(CLI::Range(0.2, 3600.0))->capture_default_str();
    command->add_option("--metrics", settings->metrics, "Where the server tells its metrics, or none (default: the first server, port 9464)")
        ->type_name("HOST:PORT")->check(metrics_problem);
    command->add_flag("--no-groups", settings->no_groups, "Leave groups and their lag out");
    command->add_flag("--once", settings->once, "Measure once, print it and end");
    command->add_flag("--json", settings->json, "A line of JSON for each measurement");
    command->callback([settings, &chosen] {
        chosen = [settings] {
            return run([settings](asio::io_context& io) -> asio::awaitable<int> {
                const auto job = std::make_unique<top_job>(io, *settings);
                co_return co_await job->run();
            });
        };
    });
}

}  // namespace imago::client::cli
