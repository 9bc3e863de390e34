#include "client/cli/metrics_reader.h"

#include <asio/connect.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "client/event.h"

namespace imago::client::cli {
namespace {

constexpr std::size_t answer_bytes_max = 16u << 20;

/// The text between the quotes of NAME="..." in `labels`; escapes are left as they are.
std::optional<std::string_view> label_in(std::string_view labels, std::string_view name) {
    std::size_t at = 0;
    while (at < labels.size()) {
        const std::size_t equals = labels.find("=\"", at);
        if (equals == std::string_view::npos) break;
        std::size_t end = equals + 2;
        while (end < labels.size() && labels[end] != '"') end += labels[end] == '\\' ? 2 : 1;
        if (end >= labels.size()) break;
        if (labels.substr(at, equals - at) == name) return labels.substr(equals + 2, end - equals - 2);
        at = end + 1;
        while (at < labels.size() && (labels[at] == ',' || labels[at] == ' ')) ++at;
    }
    return std::nullopt;
}

}  // namespace

metrics metrics::parse(std::string_view text) {
    metrics parsed;
    while (!text.empty()) {
        const std::size_t line_end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, line_end);
        text.remove_prefix(std::min(line_end + 1, text.size()));
        if (line.empty() || line.front() == '#') continue;
        const std::size_t name_end = line.find_first_of("{ ");
        if (name_end == 0 || name_end == std::string_view::npos) continue;
        sample each;
        std::size_t value_at = name_end;
        if (line[name_end] == '{') {
            // A brace may stand in a label, but not behind the last one.
            const std::size_t close = line.rfind('}');
            if (close == std::string_view::npos || close < name_end) continue;
            each.labels = line.substr(name_end + 1, close - name_end - 1);
            value_at = close + 1;
        }
        const std::string value(line.substr(value_at));
        char* end = nullptr;
        each.value = std::strtod(value.c_str(), &end);
        if (end == value.c_str()) continue;
        parsed.samples_.emplace(std::string(line.substr(0, name_end)), std::move(each));
    }
    return parsed;
}

double metrics::sum(std::string_view name) const {
    double total = 0;
    for (auto [at, end] = samples_.equal_range(name); at != end; ++at) total += at->second.value;
    return total;
}

double metrics::with(std::string_view name, std::string_view label, std::string_view value) const {
    for (auto [at, end] = samples_.equal_range(name); at != end; ++at)
        if (label_in(at->second.labels, label) == value) return at->second.value;
    return 0;
}

std::string metrics::label(std::string_view name, std::string_view label) const {
    const auto found = samples_.find(name);
    if (found == samples_.end()) return {};
    return std::string(label_in(found->second.labels, label).value_or(""));
}

std::vector<metrics::bucket> metrics::histogram(std::string_view name) const {
    std::vector<bucket> buckets;
    for (auto [at, end] = samples_.equal_range(std::string(name) + "_bucket"); at != end; ++at) {
        const auto bound = label_in(at->second.labels, "le");
        if (bound) buckets.push_back({std::strtod(std::string(*bound).c_str(), nullptr), at->second.value});
    }
    std::sort(buckets.begin(), buckets.end(), [](const bucket& a, const bucket& b) { return a.bound < b.bound; });
    return buckets;
}

std::optional<double> quantile(const std::vector<metrics::bucket>& before, const std::vector<metrics::bucket>& after,
                               double q) {
    if (after.empty() || before.size() != after.size()) return std::nullopt;
    const auto counted = [&](std::size_t i) { return after[i].count - before[i].count; };
    const double wanted = counted(after.size() - 1) * q;
    if (counted(after.size() - 1) <= 0) return std::nullopt;
    for (std::size_t i = 0; i < after.size(); ++i) {
        if (counted(i) < wanted) continue;
        const double low = i == 0 ? 0 : after[i - 1].bound;
        const double below = i == 0 ? 0 : counted(i - 1);
        if (std::isinf(after[i].bound)) return low;  // longer than any bound
        const double inside = counted(i) - below;
        return low + (after[i].bound - low) * (inside > 0 ? (wanted - below) / inside : 1);
    }
    return after.back().bound;
}

asio::awaitable<result<metrics>> read_metrics(endpoint where, milliseconds patience) {
    const auto executor = co_await asio::this_coro::executor;
    // Shared with the timer, which may fire just when all is done.
    struct attempt {
        asio::ip::tcp::resolver resolver;
        asio::ip::tcp::socket socket;
        bool late = false;
    };
    const auto tried = std::make_shared<attempt>(attempt{asio::ip::tcp::resolver(executor), asio::ip::tcp::socket(executor)});
    asio::ip::tcp::resolver& resolver = tried->resolver;
    asio::ip::tcp::socket& socket = tried->socket;
    asio::steady_timer limit(executor, patience);
    limit.async_wait([tried](std::error_code cancelled) {
        if (cancelled) return;
        tried->late = true;
        tried->resolver.cancel();
        tried->socket.close(cancelled);
    });
    std::string text;
    const auto work = [&]() -> asio::awaitable<std::error_code> {
        const std::string port = std::to_string(where.port);
        const auto [unresolved, places] = co_await resolver.async_resolve(where.host, port, no_throw);
        if (unresolved) co_return unresolved;
        const auto [refused, place] = co_await asio::async_connect(socket, places, no_throw);
        if (refused) co_return refused;
        const std::string asked = "GET /metrics HTTP/1.1\r\nHost: " + where.text() + "\r\nConnection: close\r\n\r\n";
        const auto [unsent, sent] = co_await asio::async_write(socket, asio::buffer(asked), no_throw);
        if (unsent) co_return unsent;
        auto into = asio::dynamic_buffer(text, answer_bytes_max);
        const auto [ended, got] = co_await asio::async_read(socket, into, no_throw);
        co_return ended == asio::error::eof ? std::error_code{} : ended;
    };
    std::error_code error = co_await work();
    limit.cancel();
    if (tried->late) error = make_error_code(client_errc::timed_out);
    if (error) co_return tl::unexpected(error);
    const std::size_t body = text.find("\r\n\r\n");
    if (body == std::string::npos || text.compare(0, 7, "HTTP/1.") != 0 || text.compare(8, 5, " 200 ") != 0)
        co_return tl::unexpected(make_error_code(client_errc::bad_response));
    co_return metrics::parse(std::string_view(text).substr(body + 4));
}

}  // namespace imago::client::cli
