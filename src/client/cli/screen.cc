#include "client/cli/screen.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "client/cli/terminal.h"

namespace imago::client::cli {
namespace {

// What a signal handler needs: the terminal as it was, and how to leave the other screen.
constexpr char leave_text[] = "\x1b[0m\x1b[?25h\x1b[?1049l";
constexpr int deadly[] = {SIGABRT, SIGSEGV, SIGBUS};
volatile std::sig_atomic_t keys_of_dying = -1;
termios terminal_before;

void restore_and_die(int signal) {
    if (keys_of_dying >= 0) {
        ::tcsetattr(keys_of_dying, TCSANOW, &terminal_before);
        if (::write(STDOUT_FILENO, leave_text, sizeof leave_text - 1) < 0) ::_exit(128 + signal);
    }
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

void write_all(std::string_view text) {
    while (!text.empty()) {
        const ssize_t wrote = ::write(STDOUT_FILENO, text.data(), text.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(wrote));
    }
}

winsize size_now() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
        size.ws_col = 80;
        size.ws_row = 24;
    }
    return size;
}

}  // namespace

screen::screen() : keys_(::open("/dev/tty", O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)) {
    if (keys_ >= 0 && ::tcgetattr(keys_, &before_) != 0) {
        ::close(keys_);
        keys_ = -1;
    }
}

screen::~screen() {
    leave();
    if (keys_ >= 0) ::close(keys_);
}

void screen::enter() {
    if (inside_ || keys_ < 0) return;
    inside_ = true;
    terminal_before = before_;
    keys_of_dying = keys_;
    for (const int each : deadly) std::signal(each, restore_and_die);
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // Ctrl-C and Ctrl-Z stay signals
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    ::tcsetattr(keys_, TCSANOW, &raw);
    write_all("\x1b[?1049h\x1b[?25l\x1b[2J");
}

void screen::leave() {
    if (!inside_) return;
    inside_ = false;
    write_all(std::string_view(leave_text, sizeof leave_text - 1));
    ::tcsetattr(keys_, TCSANOW, &before_);
    for (const int each : deadly) std::signal(each, SIG_DFL);
    keys_of_dying = -1;
}

int screen::columns() const { return size_now().ws_col; }
int screen::rows() const { return size_now().ws_row; }

void screen::show(const std::vector<top_line>& lines) {
    const bool colour = use_colour(STDOUT_FILENO);
    std::string text = "\x1b[H";
    for (std::size_t i = 0; i < lines.size(); ++i) {
        using style = top_line::style;
        const char* begin = "";
        if (lines[i].how == style::title) begin = "\x1b[1m";
        if (lines[i].how == style::heading) begin = "\x1b[7m";
        if (lines[i].how == style::warning) begin = colour ? "\x1b[1;31m" : "\x1b[1m";
        if (lines[i].how == style::dim) begin = "\x1b[2m";
        text += begin;
        text += lines[i].text;
        if (*begin != '\0') text += "\x1b[0m";
        text += "\x1b[K";
        if (i + 1 < lines.size()) text += "\r\n";
    }
    text += "\x1b[J";
    write_all(text);
}

}  // namespace imago::client::cli
