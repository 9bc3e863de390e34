#include "server/http/request_head.h"

#include <algorithm>

namespace imago::http {

namespace {

constexpr std::size_t target_bytes_max = 1024;

/// Takes the next line off `rest`, without its end.
std::string_view take_line(std::string_view& rest) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
}

bool is_token(std::string_view text) {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               others.find(c) != std::string_view::npos;
    });
}

bool is_visible(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
}

/// Whether a comma-separated list holds the word.
bool holds(std::string_view list, std::string_view word) {
    for (;;) {
        const std::size_t comma = list.find(',');
        if (same_word(trimmed(list.substr(0, comma)), word)) return true;
        if (comma == std::string_view::npos) return false;
        list.remove_prefix(comma + 1);
    }
}

int read_request_line(std::string_view line, request_head& head) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) return 400;
    head.method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!is_token(head.method) || !is_visible(target) || target.empty()) return 400;
    if (version.substr(0, 5) != "HTTP/" || version.size() != 8 || version[6] != '.') return 400;
    if (version[5] != '1') return 505;
    if (version[7] == '0') head.keep_alive = false;
    if (target.size() > target_bytes_max) return 414;
    if (target.front() != '/') return 400;
    head.path = target.substr(0, target.find_first_of("?#"));
    return head.method == "GET" || head.method == "HEAD" ? 0 : 405;
}

}  // namespace

std::size_t head_size(std::string_view have) {
    for (std::size_t end = have.find('\n'); end != std::string_view::npos; end = have.find('\n', end + 1)) {
        std::size_t next = end + 1;
        if (next < have.size() && have[next] == '\r') ++next;
        if (next < have.size() && have[next] == '\n') return next + 1;
    }
    return 0;
}

request_head read_head(std::string_view text) {
    request_head head;
    const auto refuse = [&head](int status) {
        if (head.refused == 0) head.refused = status;
        head.keep_alive = false;
    };
    if (text.size() > head_bytes_max) {
        refuse(431);
        return head;
    }
    if (const int status = read_request_line(take_line(text), head)) refuse(status);
    std::size_t lines = 0;
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        if (line.empty()) break;
        if (++lines > header_lines_max) {
            refuse(431);
            break;
        }
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
            refuse(400);
            break;
        }
        const std::string_view name = line.substr(0, colon);
        const std::string_view value = trimmed(line.substr(colon + 1));
        if (value.find_first_of(std::string_view("\0\r", 2)) != std::string_view::npos) refuse(400);
        if (same_word(name, "connection") && holds(value, "close")) head.keep_alive = false;
        // What would follow is a body, and we would take it for the next request.
        if (same_word(name, "transfer-encoding")) refuse(400);
        if (same_word(name, "content-length") && value != "0") refuse(413);
    }
    return head;
}

}  // namespace imago::http
