#include "client/cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "client/cli/terminal.h"

namespace imago::client::cli {

namespace {

/// `text` behind a bar for `done` of `total`, cut to `width` columns.
std::string with_bar(std::string text, std::uint64_t done, std::uint64_t total, double rate, int width) {
    if (total > 0) {
        const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
        if (rate > 0) text += fmt::format("  {:.0f} s left", static_cast<double>(total - std::min(done, total)) / rate);
        const int room = std::min(40, width - static_cast<int>(text.size()) - 9);
        if (room >= 5) {
            const int filled = static_cast<int>(share * room);
            text = fmt::format("[{:=<{}}{: <{}}] {:3.0f}%  {}", "", filled, "", room - filled, share * 100, text);
        }
    }
    const auto columns = static_cast<std::size_t>(std::max(width, 0));
    if (text.size() > columns) text.resize(columns);
    return text;
}

}  // namespace

progress_bar::progress_bar(std::uint64_t total) : progress_bar(total, {}) {}

progress_bar::progress_bar(std::uint64_t total, std::string things)
    : started_(std::chrono::steady_clock::now()), next_(started_ + std::chrono::seconds(1)), total_(total),
      things_(std::move(things)), terminal_(is_terminal(STDERR_FILENO)) {}

template <class Line>
void progress_bar::draw(Line line) {
    if (!terminal_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(100);
    winsize size{};
    const int width = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    fmt::print(stderr, "\r\x1b[K{}", line(std::chrono::duration<double>(now - started_).count(), width - 1));
    std::fflush(stderr);
    drawn_ = true;
}

void progress_bar::update(std::uint64_t bytes, std::uint64_t messages) {
    draw([&](double seconds, int width) { return line(bytes, total_, messages, seconds, width); });
}

void progress_bar::update(std::uint64_t done) {
    draw([&](double seconds, int width) { return count_line(done, total_, things_, seconds, width); });
}

void progress_bar::finish() {
    if (drawn_) fmt::print(stderr, "\r\x1b[K");
    drawn_ = false;
}

std::string progress_bar::line(std::uint64_t bytes, std::uint64_t total, std::uint64_t messages, double seconds,
                               int width) {
    const double rate = seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
    std::string text = fmt::format("{}  {} messages  {}/s", byte_text(static_cast<double>(bytes)), with_commas(messages),
                                   byte_text(rate));
    return with_bar(std::move(text), bytes, total, rate, width);
}

std::string progress_bar::count_line(std::uint64_t done, std::uint64_t total, const std::string& things, double seconds,
                                     int width) {
    const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
    std::string text = total > 0 ? fmt::format("{} of {} {}", with_commas(done), with_commas(total), things)
                                 : fmt::format("{} {}", with_commas(done), things);
    return with_bar(std::move(text), done, total, rate, width);
}

std::function<void(std::uint64_t done, std::uint64_t total)> show_byte_progress() {
    return [bar = std::make_shared<std::optional<progress_bar>>()](std::uint64_t done, std::uint64_t total) {
        constexpr std::uint64_t mib = 1u << 20;
        if (!*bar) bar->emplace(total / mib, "MiB");
        if (done >= total) (*bar)->finish();
        else (*bar)->update(done / mib);
    };
}

}  // namespace imago::client::cli
