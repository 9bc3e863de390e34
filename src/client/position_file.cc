#include "client/position_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "base/checksum.h"
#include "imago/errors.h"

namespace imago::client {
namespace {

constexpr std::string_view first_line = "imago positions 1\n";
constexpr std::string_view last_word = "checksum ";
constexpr std::size_t size_max = 64u << 20;

class descriptor {
public:
    descriptor(const char* path, int flags) : fd_(::open(path, flags | O_CLOEXEC, 0644)) {}
    ~descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

tl::unexpected<std::error_code> system_error() {
    return tl::unexpected(std::error_code(errno, std::system_category()));
}

std::string checksum_of(std::string_view text) {
    char hex[17];
    std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(xxh3(as_bytes(text))));
    return hex;
}

/// Takes the text up to `end` off the front; false if there is none.
bool take(std::string_view& from, char end, std::string_view& into) {
    const std::size_t at = from.find(end);
    if (at == std::string_view::npos) return false;
    into = from.substr(0, at);
    from.remove_prefix(at + 1);
    return true;
}

template <class T>
bool number(std::string_view text, T& into) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
    return error == std::errc{} && end == text.data() + text.size() && into >= 0;
}

result<position_map> parse(std::string_view text) {
    const auto damaged = tl::unexpected(make_error_code(client_errc::damaged_positions));
    const std::size_t end = text.size() < 26 ? std::string_view::npos : text.size() - 26;  // "checksum " 16 "\n"
    if (end == std::string_view::npos || text.substr(end, 9) != last_word || text.back() != '\n') return damaged;
    if (text.substr(end + 9, 16) != checksum_of(text.substr(0, end))) return damaged;
    if (text.substr(0, first_line.size()) != first_line) return damaged;
    std::string_view lines = text.substr(first_line.size(), end - first_line.size());
    position_map positions;
    while (!lines.empty()) {
        std::string_view topic, partition, offset;
        topic_partition where;
        std::int64_t at = 0;
        if (!take(lines, ' ', topic) || !take(lines, ' ', partition) || !take(lines, '\n', offset) ||
            !number(partition, where.partition) || !number(offset, at))
            return damaged;
        where.topic = topic;
        positions[std::move(where)] = at;
    }
    return positions;
}

}  // namespace

result<position_map> load_positions(const std::string& path) {
    const descriptor file(path.c_str(), O_RDONLY);
    if (file.get() < 0) {
        if (errno == ENOENT) return position_map{};
        return system_error();
    }
    std::string text;
    char piece[65536];
    for (;;) {
        const ssize_t got = ::read(file.get(), piece, sizeof piece);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error();
        if (got == 0) break;
        text.append(piece, static_cast<std::size_t>(got));
        if (text.size() > size_max) return tl::unexpected(make_error_code(client_errc::damaged_positions));
    }
    return parse(text);
}

result<> save_positions(const std::string& path, const position_map& positions) {
    std::string text(first_line);
    for (const auto& [where, offset] : positions) {
        text += where.topic;
        text += ' ';
        text += std::to_string(where.partition);
        text += ' ';
        text += std::to_string(offset);
        text += '\n';
    }
    const std::string checksum = checksum_of(text);
    text.append(last_word).append(checksum) += '\n';

    const std::string beside = path + ".new";
    {
        const descriptor file(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC);
        if (file.get() < 0) return system_error();
        for (std::string_view left = text; !left.empty();) {
            const ssize_t put = ::write(file.get(), left.data(), left.size());
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) return system_error();
            left.remove_prefix(static_cast<std::size_t>(put));
        }
        if (::fsync(file.get()) != 0) return system_error();
    }
    if (::rename(beside.c_str(), path.c_str()) != 0) return system_error();
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const descriptor parent(folder.c_str(), O_RDONLY | O_DIRECTORY);
    if (parent.get() < 0 || ::fsync(parent.get()) != 0) return system_error();
    return {};
}

}  // namespace imago::client
