#include "client/cli/context_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "client/connection.h"

namespace imago::client::cli {
namespace {

constexpr std::size_t file_bytes_max = 1u << 20;

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool are_brokers(std::string_view list) {
    for (;;) {
        const std::size_t comma = list.find(',');
        if (!endpoint::parse(list.substr(0, comma))) return false;
        if (comma == std::string_view::npos) return true;
        list.remove_prefix(comma + 1);
    }
}

/// What is wrong with this line of a context; empty if it was taken.
std::string take(context& into, std::string_view key, const std::string& value) {
    if (key == "brokers") {
        if (!are_brokers(value)) return "brokers is not HOST:PORT[,HOST:PORT]";
        into.brokers = value;
    } else if (key == "metrics") {
        if (value != "none" && !endpoint::parse(value)) return "metrics is neither HOST:PORT nor none";
        into.metrics = value;
    } else if (key == "timeout") {
        char* end = nullptr;
        const double seconds = std::strtod(value.c_str(), &end);
        if (end == value.c_str() || *end != '\0' || !(seconds > 0) || seconds > 86400) return "timeout is not a number of seconds";
        into.timeout = seconds;
    } else {
        return fmt::format("'{}' is none of brokers, metrics, timeout", key);
    }
    return {};
}

}  // namespace

std::string context_file::place() {
    const char* base = std::getenv("XDG_CONFIG_HOME");
    if (base != nullptr && *base == '/') return std::string(base) + "/imago/contexts";
    const char* home = std::getenv("HOME");
    if (home != nullptr && *home == '/') return std::string(home) + "/.config/imago/contexts";
    return {};
}

bool context_file::is_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    });
}

std::optional<context_file> context_file::parse(std::string_view text, std::string& why) {
    context_file file;
    context* inside = nullptr;
    std::size_t number = 0;
    const auto wrong = [&](std::string_view what) {
        why = fmt::format("line {}: {}", number, what);
        return std::nullopt;
    };
    while (!text.empty()) {
        ++number;
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.front() == '#') continue;
        if (line.front() == '[') {
            const std::string_view name = line.back() == ']' ? trimmed(line.substr(1, line.size() - 2)) : std::string_view();
            if (!is_name(name)) return wrong("not [NAME]");
            inside = &file.contexts[std::string(name)];
            continue;
        }
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos) return wrong("neither [NAME] nor KEY = VALUE");
        const std::string_view key = trimmed(line.substr(0, equals));
        const std::string value(trimmed(line.substr(equals + 1)));
        if (inside == nullptr) {
            if (key != "current") return wrong("only 'current = NAME' may stand before the first [NAME]");
            file.current = value;
        } else if (const std::string problem = take(*inside, key, value); !problem.empty()) {
            return wrong(problem);
        }
    }
    return file;
}

std::optional<context_file> context_file::load(const std::string& place, std::string& why) {
    const int descriptor = ::open(place.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        if (errno == ENOENT || errno == ENOTDIR || place.empty()) return context_file{};
        why = fmt::format("cannot read {}: {}", place, std::strerror(errno));
        return std::nullopt;
    }
    std::string text;
    char block[4096];
    ssize_t got = 0;
    while (text.size() <= file_bytes_max && (got = ::read(descriptor, block, sizeof block)) > 0)
        text.append(block, static_cast<std::size_t>(got));
    const int error = errno;
    ::close(descriptor);
    if (got < 0 || text.size() > file_bytes_max) {
        why = fmt::format("cannot read {}: {}", place, got < 0 ? std::strerror(error) : "it is too large");
        return std::nullopt;
    }
    auto parsed = parse(text, why);
    if (!parsed) why = fmt::format("{}, {}", place, why);
    return parsed;
}

std::string context_file::text() const {
    std::string text = "# The saved contexts of imago; see `imago context --help`.\n";
    if (!current.empty()) text += fmt::format("current = {}\n", current);
    for (const auto& [name, each] : contexts) {
        text += fmt::format("\n[{}]\nbrokers = {}\n", name, each.brokers);
        if (!each.metrics.empty()) text += fmt::format("metrics = {}\n", each.metrics);
        if (each.timeout) text += fmt::format("timeout = {}\n", *each.timeout);
    }
    return text;
}

bool context_file::save(const std::string& place, std::string& why) const {
    const auto failed = [&](std::string_view what) {
        why = fmt::format("cannot {} {}: {}", what, place, std::strerror(errno));
        return false;
    };
    if (place.empty()) {
        why = "there is no place for contexts: neither XDG_CONFIG_HOME nor HOME is set";
        return false;
    }
    std::error_code error;
    const std::filesystem::path folder = std::filesystem::path(place).parent_path();
    std::filesystem::create_directories(folder, error);
    if (error) {
        why = fmt::format("cannot make {}: {}", folder.string(), error.message());
        return false;
    }
    std::string beside = place + ".XXXXXX";  // mkostemp makes it with mode 0600
    const int descriptor = ::mkostemp(beside.data(), O_CLOEXEC);
    if (descriptor < 0) return failed("write beside");
    const std::string all = text();
    std::size_t written = 0;
    while (written < all.size()) {
        const ssize_t step = ::write(descriptor, all.data() + written, all.size() - written);
        if (step < 0 && errno == EINTR) continue;
        if (step < 0) break;
        written += static_cast<std::size_t>(step);
    }
    const bool good = written == all.size() && ::fsync(descriptor) == 0;
    if (!good) static_cast<void>(failed("write"));
    ::close(descriptor);
    if (!good || ::rename(beside.c_str(), place.c_str()) != 0) {
        if (good) static_cast<void>(failed("replace"));
        ::unlink(beside.c_str());
        return false;
    }
    return true;
}

}  // namespace imago::client::cli
