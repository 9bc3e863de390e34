#include "client/cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "client/cli/terminal.h"

namespace imago::client::cli {

progress_bar::progress_bar(std::uint64_t total)
    : started_(std::chrono::steady_clock::now()), next_(started_ + std::chrono::seconds(1)), total_(total),
      terminal_(is_terminal(STDERR_FILENO)) {}

void progress_bar::update(std::uint64_t bytes, std::uint64_t messages) {
    if (!terminal_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(100);
    winsize size{};
    const int width = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    const double seconds = std::chrono::duration<double>(now - started_).count();
    fmt::print(stderr, "\r\x1b[K{}", line(bytes, total_, messages, seconds, width - 1));
    std::fflush(stderr);
    drawn_ = true;
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
    if (total > 0) {
        const double share = std::min(1.0, static_cast<double>(bytes) / static_cast<double>(total));
        if (rate > 0) text += fmt::format("  {:.0f} s left", static_cast<double>(total - std::min(bytes, total)) / rate);
        const int room = std::min(40, width - static_cast<int>(text.size()) - 9);
        if (room >= 5) {
            const int filled = static_cast<int>(share * room);
            text = fmt::format("[{:=<{}}{: <{}}] {:3.0f}%  {}", "", filled, "", room - filled, share * 100, text);
        }
    }
    if (text.size() > static_cast<std::size_t>(std::max(width, 0))) text.resize(static_cast<std::size_t>(std::max(width, 0)));
    return text;
}

}  // namespace imago::client::cli
