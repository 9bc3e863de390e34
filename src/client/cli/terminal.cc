#include "client/cli/terminal.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "imago/errors.h"

namespace imago::client::cli {

bool is_terminal(int descriptor) { return isatty(descriptor) == 1; }
bool use_colour(int descriptor) { return is_terminal(descriptor) && std::getenv("NO_COLOR") == nullptr; }

std::string advice_for(std::error_code error) {
    if (error == client_errc::not_reachable || error == std::errc::connection_refused)
        return "Is the server running? Start one with `imago serve`, or name another with --brokers HOST:PORT or in "
               "IMAGO_BROKERS.";
    if (error == client_errc::not_kafka)
        return "The port belongs to something else (TLS, HTTP?). The Kafka port is 9092 unless it was configured "
               "otherwise.";
    if (error == kafka_errc::unknown_topic_or_partition)
        return "See what there is with `imago topic list`; create it with `imago topic create NAME`.";
    if (error == kafka_errc::topic_already_exists)
        return "Change it with `imago topic alter`, or pass --if-not-exists.";
    if (error == client_errc::no_such_partition) return "`imago topic describe NAME` shows the partitions.";
    if (error == kafka_errc::message_too_large)
        return "Raise it with `imago topic alter NAME -c max.message.bytes=N`, or use smaller batches with "
               "--batch-bytes N.";
    if (error == kafka_errc::offset_out_of_range)
        return "`imago topic describe NAME` shows the offsets that are there; -o beginning starts at the first.";
    if (error == client_errc::timed_out || error == kafka_errc::request_timed_out)
        return "The server is there but did not answer in time; look at its log and its disk.";
    if (error == client_errc::connection_lost) return "The server closed the connection; its log may say why.";
    if (error == kafka_errc::invalid_config)
        return "`imago topic describe NAME --all` lists the configuration keys that the server knows.";
    if (error == kafka_errc::group_id_not_found) return "See what there is with `imago group list`.";
    if (error == kafka_errc::non_empty_group)
        return "Stop its consumers first; `imago group describe GROUP --members` shows them.";
    if (error == kafka_errc::group_subscribed_to_topic)
        return "The group's consumers read that topic; stop them first.";
    if (error == kafka_errc::coordinator_not_available || error == kafka_errc::coordinator_load_in_progress)
        return "The server is not ready for groups yet; try again in a moment.";
    if (error == client_errc::no_common_version) return "The server is too old for this command, or does not know groups.";
    if (error == kafka_errc::invalid_partitions) return "Partitions can be added, never taken away.";
    return {};
}

int complain(std::string_view what, std::string_view advice) {
    const bool colour = use_colour(STDERR_FILENO);
    fmt::print(stderr, "{}imago:{} {}\n", colour ? "\x1b[1;31m" : "", colour ? "\x1b[0m" : "", what);
    if (!advice.empty()) fmt::print(stderr, "       {}\n", advice);
    return 1;
}

int complain(std::string_view what, std::error_code error, std::string_view detail) {
    std::string text = fmt::format("{}: {}", what, detail.empty() ? error.message() : std::string(detail));
    if (error.category() == kafka_category()) text += fmt::format(" ({})", name_of(error));
    return complain(text, advice_for(error));
}

void table::print() const {
    std::vector<std::size_t> widths;
    for (const std::string& title : titles_) widths.push_back(title.size());
    for (const auto& row : rows_)
        for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    const auto numeric = [](const std::string& cell) {
        return !cell.empty() && cell.find_first_not_of("0123456789,.-") == std::string::npos;
    };
    const auto line = [&](const std::vector<std::string>& cells, const std::vector<std::string>& model) {
        std::string text;
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const bool right = numeric(i < model.size() ? model[i] : cells[i]);
            text += right ? fmt::format("{:>{}}", cells[i], widths[i]) : fmt::format("{:<{}}", cells[i], widths[i]);
            if (i + 1 < cells.size()) text += "  ";
        }
        text.erase(text.find_last_not_of(' ') + 1);
        return text;
    };
    const bool colour = use_colour(STDOUT_FILENO);
    const std::string titles = line(titles_, rows_.empty() ? titles_ : rows_.front());
    fmt::print("{}{}{}\n", colour ? "\x1b[1m" : "", titles, colour ? "\x1b[0m" : "");
    for (const auto& row : rows_) fmt::print("{}\n", line(row, row));
}

std::string with_commas(std::uint64_t value) {
    std::string text = std::to_string(value);
    for (std::size_t at = text.size(); at > 3;) {
        at -= 3;
        text.insert(at, 1, ',');
    }
    return text;
}

std::string byte_text(double bytes) {
    constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB"};
    std::size_t unit = 0;
    while (bytes >= 1000 && unit + 1 < std::size(units)) {
        bytes /= 1000;
        ++unit;
    }
    return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units[unit]);
}

void output::write() {
    std::size_t at = 0;
    while (at < buffer_.size() && !closed_) {
        const ssize_t written = ::write(STDOUT_FILENO, buffer_.data() + at, buffer_.size() - at);
        if (written >= 0) {
            at += static_cast<std::size_t>(written);
        } else if (errno == EAGAIN) {
            pollfd ready{STDOUT_FILENO, POLLOUT, 0};
            ::poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            closed_ = true;
        }
    }
    buffer_.clear();
}

}  // namespace imago::client::cli
