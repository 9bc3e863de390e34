#include <CLI/CLI.hpp>
#include <asio/signal_set.hpp>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "client/cli/block_reader.h"
#include "client/cli/commands.h"
#include "client/cli/completion.h"
#include "client/cli/escapes.h"
#include "client/cli/progress.h"
#include "client/cli/session.h"
#include "client/cli/splitter.h"
#include "client/cli/terminal.h"
#include "imago/async.h"

namespace imago::client::cli {
namespace {

constexpr const char* produce_examples = R"(
Each message is a line of standard input, an empty line an empty message. Everything read is delivered, or the
command says what was not and exits with 1.

Examples:
  echo 'hello' | imago produce greetings
  printf 'k1:v1\nk2:v2\n' | imago produce table -K :
  imago produce events -z zstd -H source=import < events.jsonl
  find . -name '*.json' -print0 | imago produce paths -D '\0'
  seq 1000000 | imago produce numbers -p 0 -a 1

Exit code: 0 all delivered, 1 something was not, 2 wrong arguments.)";

const std::map<std::string, codec> codecs = {{"none", codec::none}, {"gzip", codec::gzip}, {"snappy", codec::snappy},
                                             {"lz4", codec::lz4},   {"zstd", codec::zstd}};
const std::map<std::string, int> acks_names = {{"all", -1}, {"-1", -1}, {"0", 0}, {"1", 1}};
const std::map<std::string, partitioning> partitioners = {{"keyed-sticky", partitioning::keyed_sticky},
                                                          {"keyed-round-robin", partitioning::keyed_round_robin},
                                                          {"round-robin", partitioning::round_robin}};

struct produce_settings {
    connection_settings connection;
    std::string topic;
    std::string key_delimiter;
    std::string delimiter = "\\n";
    std::string key;
    std::vector<std::string> headers;
    std::int32_t partition = -1;
    codec compression = codec::none;
    int acks = -1;
    partitioning partitioner = partitioning::keyed_sticky;
    double linger_ms = 5;
    std::size_t batch_bytes = 512u << 10;
    bool empty_is_null = false;
    bool quiet = false;
};

/// Counts what was not delivered, and says the first of each kind.
class delivery_log {
public:
    void note(const delivery& what) {
        if (!what.error) return;
        failed_ += what.tags.size();
        if (++kinds_[what.error] == 1)
            complain(fmt::format("{} messages to {}[{}] were not delivered", what.tags.size(), what.topic,
                                 what.partition),
                     what.error);
    }
    [[nodiscard]] std::uint64_t failed() const { return failed_; }

private:
    std::uint64_t failed_ = 0;
    std::map<std::error_code, int> kinds_;
};

std::uint64_t input_size() {
    struct stat about {};
    if (::fstat(STDIN_FILENO, &about) != 0 || !S_ISREG(about.st_mode)) return 0;
    const off_t at = ::lseek(STDIN_FILENO, 0, SEEK_CUR);
    return at >= 0 && about.st_size > at ? static_cast<std::uint64_t>(about.st_size - at) : 0;
}

class produce_job {
public:
    produce_job(asio::io_context& io, const produce_settings& settings)
        : settings_(settings), input_(io, STDIN_FILENO), splitter_(*unescape(settings.delimiter)),
          bar_(input_size()), signals_(io, SIGINT, SIGTERM) {
        producer_options how;
        how.acks = static_cast<std::int16_t>(settings.acks);
        how.compression = settings.compression;
        how.partitioner = settings.partitioner;
        how.linger = milliseconds(static_cast<std::int64_t>(settings.linger_ms));
        how.batch_bytes = settings.batch_bytes;
        how.on_delivery = [this](const delivery& what) { log_.note(what); };
        producer_ = std::make_unique<producer>(io.get_executor(), settings.connection.options(), std::move(how));
        key_delimiter_ = *unescape(settings.key_delimiter);
        for (const std::string& each : settings.headers) {
            auto& [name, value] = header_texts_.emplace_back();
            static_cast<void>(split_pair(each, name, value));
        }
        for (const auto& [name, value] : header_texts_) headers_.push_back({name, std::string_view(value)});
        message_.headers = headers_;
        message_.partition = settings.partition;
        if (!settings.key.empty()) message_.key = settings.key;
    }

    asio::awaitable<int> run() {
        const auto started = std::chrono::steady_clock::now();
        signals_.async_wait([this](std::error_code cancelled, int) {
            if (cancelled) return;
            interrupted_ = true;
            input_.stop();
            signals_.clear();  // a second one ends the program at once
        });
        std::string name = settings_.topic;
        const auto topic = co_await producer_->open_topic(std::move(name));
        if (!topic) {
            signals_.cancel();
            co_await producer_->close();
            co_return complain(fmt::format("cannot produce to '{}' at {}", settings_.topic, settings_.connection.text()),
                               topic.error());
        }
        const result<> sent = co_await send_all(**topic);
        if (!sent)
            complain(fmt::format("cannot go on producing to '{}'", settings_.topic), sent.error());
        co_await producer_->close();
        signals_.cancel();
        bar_.finish();
        const producer::statistics counted = producer_->counted();
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
        if (!settings_.quiet && is_terminal(STDERR_FILENO))
            fmt::print(stderr, "{} messages, {} in {:.2f} s ({}/s){}\n", with_commas(counted.messages_acknowledged),
                       byte_text(static_cast<double>(counted.payload_bytes)), seconds,
                       byte_text(static_cast<double>(counted.payload_bytes) / seconds),
                       interrupted_ ? ", interrupted" : "");
        if (input_.error()) co_return complain("cannot read standard input", input_.error());
        if (log_.failed() > 0)
            complain(fmt::format("{} of {} messages were not delivered", with_commas(log_.failed()),
                                 with_commas(log_.failed() + counted.messages_acknowledged)),
                     "");
        co_return sent && log_.failed() == 0 ? interrupted_ ? 130 : 0 : 1;
    }

private:
    asio::awaitable<result<>> send_all(producer::topic& topic) {
        std::string_view text;
        for (;;) {
            const std::string_view block = co_await input_.next();
            if (block.empty()) break;
            splitter_.feed(block);
            while (splitter_.next(text)) {
                fill(text);
                result<> taken = producer_->try_send(topic, message_);
                if (taken) continue;
                taken = co_await send_slowly(topic);
                if (!taken) co_return taken;
            }
            read_ += block.size();
            bar_.update(read_ - std::min<std::uint64_t>(read_, producer_->buffered_bytes()),
                        producer_->counted().messages_acknowledged);
        }
        if (!interrupted_ && splitter_.finish(text)) {
            fill(text);
            co_return co_await send_slowly(topic);
        }
        co_return result<>{};
    }

    // The buffer was full, or something is wrong.
    asio::awaitable<result<>> send_slowly(producer::topic& topic) {
        for (;;) {
            const result<> taken = producer_->try_send(topic, message_);
            if (taken || taken.error() != client_errc::buffer_full) co_return taken;
            bar_.update(read_, producer_->counted().messages_acknowledged);
            const result<> roomy = co_await producer_->room();
            if (!roomy) co_return roomy;
        }
    }

    void fill(std::string_view text) {
        if (!key_delimiter_.empty()) {
            const std::size_t at = text.find(key_delimiter_);
            if (at == std::string_view::npos) {
                message_.key.reset();
            } else {
                message_.key = text.substr(0, at);
                text.remove_prefix(at + key_delimiter_.size());
            }
        }
        if (text.empty() && settings_.empty_is_null) message_.value.reset();
        else message_.value = text;
    }

    const produce_settings& settings_;
    block_reader input_;
    splitter splitter_;
    progress_bar bar_;
    asio::signal_set signals_;
    delivery_log log_;
    std::unique_ptr<producer> producer_;
    std::string key_delimiter_;
    std::vector<std::pair<std::string, std::string>> header_texts_;
    std::vector<header> headers_;
    message message_;
    std::uint64_t read_ = 0;
    bool interrupted_ = false;
};

}  // namespace

void add_produce_command(CLI::App& app, action& chosen) {
    auto settings = std::make_shared<produce_settings>();
    CLI::App* command = app.add_subcommand("produce", "Send lines of standard input as messages");
    command->footer(produce_examples);
    const auto delimiter_check = [](const std::string& text) -> std::string {
        const auto bytes = unescape(text);
        if (!bytes) return "unknown escape in '" + text + "': known are \\n \\r \\t \\0 \\e \\\\ \\xHH";
        return bytes->empty() ? "a delimiter cannot be empty" : "";
    };
    settings->connection.add_to(*command);
    command->add_option("topic", settings->topic, "The topic; the server may create it")->required()->type_name("TOPIC");
    command->add_option("-K,--key-delimiter", settings->key_delimiter, "Cut each message into key and value at the first DELIM")
        ->type_name("DELIM")->check(delimiter_check);
    command->add_option("-D,--delimiter", settings->delimiter, "What ends a message (\\n \\t \\0 \\xHH are understood)")
        ->type_name("DELIM")->check(delimiter_check)->capture_default_str();
    command->add_option("-k,--key", settings->key, "The key of all messages")->type_name("KEY")->excludes("-K");
    command->add_option("-H,--header", settings->headers, "A header for all messages; may be given again")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false)
        ->check([](const std::string& text) -> std::string {
            std::string name, value;
            return split_pair(text, name, value) ? "" : "'" + text + "' is not NAME=VALUE";
        });
    command->add_option("-p,--partition", settings->partition, "The partition of all messages (default: by key, else spread)")
        ->type_name("N")->check(CLI::Range(0, 2147483647));
    command->add_option("-z,--compression", settings->compression, "none, gzip, snappy, lz4 or zstd (default: none)")
        ->type_name("CODEC")->transform(CLI::CheckedTransformer(codecs).description(""));
    offer(command->get_option("--compression"), {"none", "gzip", "snappy", "lz4", "zstd"});
    command->add_option("-a,--acks", settings->acks, "all, 1 or 0: who must have a message before it counts (default: all)")
        ->type_name("ACKS")->transform(CLI::CheckedTransformer(acks_names).description(""));
    offer(command->get_option("--acks"), {"all", "1", "0"});
    command->add_option("--partitioner", settings->partitioner, "keyed-sticky, keyed-round-robin or round-robin")
        ->type_name("NAME")->transform(CLI::CheckedTransformer(partitioners).description(""));
    offer(command->get_option("--partitioner"), {"keyed-sticky", "keyed-round-robin", "round-robin"});
    command->add_option("-l,--linger", settings->linger_ms, "How long a batch waits for more messages")
        ->type_name("MS")->check(CLI::Range(0.0, 60000.0))->capture_default_str();
    command->add_option("--batch-bytes", settings->batch_bytes, "A batch is sent when it has this many bytes")
        ->type_name("BYTES")->check(CLI::Range(std::size_t{1}, std::size_t{64} << 20))->capture_default_str();
    command->add_flag("-Z,--null", settings->empty_is_null, "Send empty values as null");
    command->add_flag("-q,--quiet", settings->quiet, "No summary on the terminal");
    command->callback([settings, &chosen] {
        chosen = [settings] {
            return run([settings](asio::io_context& io) -> asio::awaitable<int> {
                const auto job = std::make_unique<produce_job>(io, *settings);
                co_return co_await job->run();
            });
        };
    });
}

}  // namespace imago::client::cli
