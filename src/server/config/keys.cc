#include "server/config/keys.h"

#include "server/config/units.h"

#include <algorithm>
#include <array>

namespace imago::config {
namespace {

using config = server_config;
constexpr std::int64_t KiB = 1LL << 10;
constexpr std::int64_t MiB = 1LL << 20;
constexpr std::int64_t GiB = 1LL << 30;
constexpr std::int64_t TiB = 1LL << 40;
constexpr std::int64_t second = 1'000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t day = 24 * 60 * minute;
constexpr std::int64_t int32_max = INT32_MAX;

constexpr std::array list{
    key{.section = "data",
        .name = "dir",
        .type = kind::text,
        .initial = "imago-data",
        .flag = "--data-dir",
        .kafka = "log.dirs",
        .help = "The folder of all data; created if it is missing. One server at a time.",
        .where = [](config& c) -> slot { return &c.data.dir; }},
    key{.section = "data",
        .name = "backend",
        .type = kind::choice,
        .initial = "auto",
        .choices = "auto, uring, posix",
        .help = "How the disk is spoken to. auto takes io_uring, or plain system calls where the kernel "
                "forbids it.",
        .where = [](config& c) -> slot { return &c.data.backend; }},
    key{.section = "data",
        .name = "segment_size",
        .type = kind::size,
        .initial = "256MiB",
        .least = 16 * MiB,
        .most = 16 * GiB,
        .help = "Size of one file of the commit log, a multiple of 1MiB. Room is given back in units of it.",
        .where = [](config& c) -> slot { return &c.data.segment_size; }},
    key{.section = "data",
        .name = "cache_size",
        .type = kind::size,
        .initial = "256MiB",
        .least = 8 * MiB,
        .most = TiB,
        .help = "Newest part of the log that is kept in memory; consumers that keep up never touch the disk.",
        .where = [](config& c) -> slot { return &c.data.cache_size; }},
    key{.section = "data",
        .name = "commit_size",
        .type = kind::size,
        .initial = "2MiB",
        .least = 64 * KiB,
        .most = 16 * MiB,
        .help = "Most bytes of one durable write; whatever has arrived until then goes together. A larger "
                "batch is "
                "written alone.",
        .where = [](config& c) -> slot { return &c.data.commit_size; }},
    key{.section = "data",
        .name = "checkpoint_interval",
        .type = kind::size,
        .initial = "1GiB",
        .least = 16 * MiB,
        .most = TiB,
        .help = "Bytes of log between two checkpoints: what a start after a crash has to read at most.",
        .where = [](config& c) -> slot { return &c.data.checkpoint_interval; }},
    key{.section = "data",
        .name = "index_memory",
        .type = kind::size,
        .initial = "512MiB",
        .least = 16 * MiB,
        .most = TiB,
        .help = "Memory for the newest part of the indexes of all queues.",
        .where = [](config& c) -> slot { return &c.data.index_memory; }},
    key{.section = "data",
        .name = "open_files",
        .type = kind::integer,
        .initial = "1024",
        .least = 16,
        .most = 1'000'000,
        .help = "Files of the index (64 MiB each, shared by all queues) that are kept open at one time.",
        .where = [](config& c) -> slot { return &c.data.open_files; }},

    key{.section = "kafka",
        .name = "listen",
        .type = kind::address,
        .initial = "127.0.0.1:9092",
        .flag = "--kafka",
        .help = "Where Kafka clients connect, HOST:PORT or [IPv6]:PORT. Port 0 takes a free one.",
        .where = [](config& c) -> slot { return &c.kafka.listen; }},
    key{.section = "kafka",
        .name = "advertise",
        .type = kind::address,
        .initial = "",
        .flag = "--advertise",
        .help = "The address that clients are told to connect to, HOST:PORT. Empty: the same as "
                "kafka.listen. Needed "
                "when that names every interface (0.0.0.0), for no client can connect to such an address.",
        .where = [](config& c) -> slot { return &c.kafka.advertise; }},
    key{.section = "kafka",
        .name = "node_id",
        .type = kind::integer,
        .initial = "1",
        .least = 0,
        .most = int32_max,
        .kafka = "node.id",
        .help = "The number of this server, as clients see it.",
        .where = [](config& c) -> slot { return &c.kafka.node_id; }},
    key{.section = "kafka",
        .name = "auto_create_topics",
        .type = kind::boolean,
        .initial = "true",
        .kafka = "auto.create.topics.enable",
        .live = true,
        .help = "Whether asking for a topic that is not there creates it.",
        .where = [](config& c) -> slot { return &c.kafka.auto_create_topics; }},
    key{.section = "kafka",
        .name = "default_partitions",
        .type = kind::integer,
        .initial = "1",
        .least = 1,
        .most = 100'000,
        .kafka = "num.partitions",
        .live = true,
        .help = "Partitions of a topic that is created without a number. 1 as in Kafka: a topic keeps one "
                "order until "
                "somebody decides otherwise.",
        .where = [](config& c) -> slot { return &c.kafka.default_partitions; }},
    key{.section = "kafka",
        .name = "max_message_size",
        .type = kind::size,
        .initial = "1048588",
        .least = 1 * KiB,
        .most = 1 * GiB,
        .kafka = "message.max.bytes",
        .live = true,
        .help =
            "Largest record batch, as sent (after compression). A topic may set its own (max.message.bytes).",
        .where = [](config& c) -> slot { return &c.kafka.max_message_size; }},
    key{.section = "kafka",
        .name = "max_request_size",
        .type = kind::size,
        .initial = "100MiB",
        .least = 64 * KiB,
        .most = int32_max,
        .kafka = "socket.request.max.bytes",
        .help = "Largest request; a longer one closes the connection.",
        .where = [](config& c) -> slot { return &c.kafka.max_request_size; }},
    key{.section = "kafka",
        .name = "fetch_max_size",
        .type = kind::size,
        .initial = "55MiB",
        .least = 1 * KiB,
        .most = int32_max,
        .kafka = "fetch.max.bytes",
        .help = "Most bytes of records that one fetch is answered with.",
        .where = [](config& c) -> slot { return &c.kafka.fetch_max_size; }},

    key{.section = "net",
        .name = "threads",
        .type = kind::integer,
        .initial = "0",
        .least = 0,
        .most = 1'024,
        .help = "Threads that serve connections; 0 = one for each core.",
        .where = [](config& c) -> slot { return &c.net.threads; }},
    key{.section = "net",
        .name = "connections_max",
        .type = kind::integer,
        .initial = "10000",
        .least = 1,
        .most = 1'000'000,
        .kafka = "max.connections",
        .help = "Connections at one time; more are closed at once.",
        .where = [](config& c) -> slot { return &c.net.connections_max; }},
    key{.section = "net",
        .name = "connections_per_ip_max",
        .type = kind::integer,
        .initial = "10000",
        .least = 1,
        .most = 1'000'000,
        .kafka = "max.connections.per.ip",
        .help = "The same for one address.",
        .where = [](config& c) -> slot { return &c.net.connections_per_ip_max; }},
    key{.section = "net",
        .name = "pipelined_max",
        .type = kind::integer,
        .initial = "512",
        .least = 1,
        .most = 100'000,
        .help = "Requests of one connection that are worked on before its next one is read.",
        .where = [](config& c) -> slot { return &c.net.pipelined_max; }},
    key{.section = "net",
        .name = "in_flight_per_connection",
        .type = kind::size,
        .initial = "64MiB",
        .least = 64 * KiB,
        .most = TiB,
        .help = "Bytes of requests and answers of one connection before its reading stops.",
        .where = [](config& c) -> slot { return &c.net.in_flight_per_connection; }},
    key{.section = "net",
        .name = "in_flight_total",
        .type = kind::size,
        .initial = "512MiB",
        .least = 1 * MiB,
        .most = TiB,
        .help = "The same for all connections together.",
        .where = [](config& c) -> slot { return &c.net.in_flight_total; }},
    key{.section = "net",
        .name = "idle_timeout",
        .type = kind::duration,
        .initial = "10m",
        .least = second,
        .most = 365 * day,
        .kafka = "connections.max.idle.ms",
        .help = "A connection that asks nothing and waits for nothing is closed after this.",
        .where = [](config& c) -> slot { return &c.net.idle_timeout; }},
    key{.section = "net",
        .name = "frame_timeout",
        .type = kind::duration,
        .initial = "30s",
        .least = 100,
        .most = 1 * day,
        .help = "A request that began to arrive and does not go on closes its connection after this.",
        .where = [](config& c) -> slot { return &c.net.frame_timeout; }},
    key{.section = "net",
        .name = "send_timeout",
        .type = kind::duration,
        .initial = "30s",
        .least = 100,
        .most = 1 * day,
        .help = "A client that takes nothing of its answer for this long is cut off.",
        .where = [](config& c) -> slot { return &c.net.send_timeout; }},

    key{.section = "retention",
        .name = "time",
        .type = kind::duration,
        .initial = "7d",
        .least = 0,
        .endless = "forever",
        .kafka = "log.retention.ms",
        .live = true,
        .help = "How long records are kept in topics that do not say (retention.ms).",
        .where = [](config& c) -> slot { return &c.retention.time; }},
    key{.section = "retention",
        .name = "size",
        .type = kind::size,
        .initial = "unlimited",
        .least = 0,
        .endless = "unlimited",
        .kafka = "log.retention.bytes",
        .live = true,
        .help = "Most bytes that each partition keeps in topics that do not say (retention.bytes).",
        .where = [](config& c) -> slot { return &c.retention.size; }},
    key{.section = "retention",
        .name = "offsets",
        .type = kind::duration,
        .initial = "7d",
        .least = minute,
        .most = 3650 * day,
        .kafka = "offsets.retention.minutes",
        .help = "Committed offsets that nobody commits again are forgotten after this; whole minutes.",
        .where = [](config& c) -> slot { return &c.retention.offsets; }},
    key{.section = "retention",
        .name = "producers",
        .type = kind::duration,
        .initial = "1d",
        .least = minute,
        .most = 24 * day,
        .kafka = "producer.id.expiration.ms",
        .help = "What is known of an idempotent producer is forgotten when it is silent for this long.",
        .where = [](config& c) -> slot { return &c.retention.producers; }},

    key{.section = "groups",
        .name = "initial_rebalance_delay",
        .type = kind::duration,
        .initial = "3s",
        .most = 3'600'000,
        .kafka = "group.initial.rebalance.delay.ms",
        .help = "An empty group waits for so long for more members before its first rebalance (classic protocol).",
        .where = [](config& c) -> slot { return &c.groups.initial_rebalance_delay; }},
    key{.section = "groups",
        .name = "session_timeout_min",
        .type = kind::duration,
        .initial = "6s",
        .least = 1,
        .most = INT32_MAX,
        .kafka = "group.min.session.timeout.ms",
        .help = "Least session timeout that members may ask for (classic protocol).",
        .where = [](config& c) -> slot { return &c.groups.session_timeout_min; }},
    key{.section = "groups",
        .name = "session_timeout_max",
        .type = kind::duration,
        .initial = "30m",
        .least = 1,
        .most = INT32_MAX,
        .kafka = "group.max.session.timeout.ms",
        .help = "Greatest session timeout that members may ask for (classic protocol).",
        .where = [](config& c) -> slot { return &c.groups.session_timeout_max; }},
    key{.section = "groups",
        .name = "size_max",
        .type = kind::integer,
        .initial = "2147483647",
        .least = 1,
        .most = INT32_MAX,
        .kafka = "group.max.size",
        .help = "Most members of a group (classic protocol).",
        .where = [](config& c) -> slot { return &c.groups.size_max; }},
    key{.section = "groups",
        .name = "consumer_session_timeout",
        .type = kind::duration,
        .initial = "45s",
        .least = 1,
        .most = INT32_MAX,
        .kafka = "group.consumer.session.timeout.ms",
        .help = "A member that is silent for this long is taken out of its group (consumer protocol).",
        .where = [](config& c) -> slot { return &c.groups.consumer_session_timeout; }},
    key{.section = "groups",
        .name = "consumer_heartbeat_interval",
        .type = kind::duration,
        .initial = "5s",
        .least = 1,
        .most = INT32_MAX,
        .kafka = "group.consumer.heartbeat.interval.ms",
        .help = "How often members are told to heartbeat (consumer protocol).",
        .where = [](config& c) -> slot { return &c.groups.consumer_heartbeat_interval; }},
    key{.section = "groups",
        .name = "consumer_size_max",
        .type = kind::integer,
        .initial = "2147483647",
        .least = 1,
        .most = INT32_MAX,
        .kafka = "group.consumer.max.size",
        .help = "Most members of a group (consumer protocol).",
        .where = [](config& c) -> slot { return &c.groups.consumer_size_max; }},
    key{.section = "groups",
        .name = "consumer_migration",
        .type = kind::choice,
        .initial = "bidirectional",
        .choices = "disabled, downgrade, upgrade, bidirectional",
        .kafka = "group.consumer.migration.policy",
        .help = "Whether a group with members may change from the classic to the consumer protocol (upgrade) and "
                "back (downgrade).",
        .where = [](config& c) -> slot { return &c.groups.consumer_migration; }},

    key{.section = "metrics",
        .name = "listen",
        .type = kind::address,
        .initial = "127.0.0.1:9464",
        .help = "Where GET /metrics (for Prometheus) and GET /healthz are answered over HTTP. Empty: nowhere. If the "
                "default is taken by somebody else the server warns and goes on; an address that was configured "
                "must be free. Port 0 takes a free one.",
        .where = [](config& c) -> slot { return &c.metrics.listen; }},

    key{.section = "log",
        .name = "level",
        .type = kind::choice,
        .initial = "info",
        .choices = "debug, info, warn, error",
        .flag = "--log-level",
        .help = "What the server says about itself.",
        .where = [](config& c) -> slot { return &c.log.level; }},
    key{.section = "log",
        .name = "format",
        .type = kind::choice,
        .initial = "text",
        .choices = "text, json",
        .help = "Lines for people, or one JSON object a line.",
        .where = [](config& c) -> slot { return &c.log.format; }},
};

bool is_choice(std::string_view choices, std::string_view value) {
    while (!choices.empty()) {
        const auto comma = choices.find(", ");
        if (choices.substr(0, comma) == value) return true;
        if (comma == std::string_view::npos) break;
        choices.remove_prefix(comma + 2);
    }
    return false;
}

std::string format_number(const key& key, std::int64_t number) {
    if (number == -1 && !key.endless.empty()) return std::string(key.endless);
    if (key.type == kind::size) return format_size(number);
    if (key.type == kind::duration) return format_duration(number);
    return std::to_string(number);
}

std::optional<std::string> read_number(const key& key, std::string_view text, std::int64_t& into) {
    if (!key.endless.empty() && (text == key.endless || text == "-1")) {
        into = -1;
        return std::nullopt;
    }
    std::optional<std::int64_t> number;
    std::string_view wanted;
    if (key.type == kind::size) {
        number = parse_size(text);
        wanted = "a size such as 256MiB or 1048576";
    } else if (key.type == kind::duration) {
        number = parse_duration(text);
        wanted = "a duration such as 500ms, 10s, 5m, 2h or 7d";
    } else {
        number = parse_integer(text);
        wanted = "a whole number";
    }
    if (!number) {
        std::string problem = "expected " + std::string(wanted);
        if (!key.endless.empty()) problem += ", or " + std::string(key.endless);
        return problem + ", got \"" + std::string(text) + "\"";
    }
    if (*number < key.least || *number > key.most) {
        return "must lie in " + allowed_values(key) + ", got " + std::string(text);
    }
    into = *number;
    return std::nullopt;
}

/// Levenshtein's distance; '-' and '_' count as the same.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const char x = a[i - 1] == '-' ? '_' : a[i - 1];
            const std::size_t substituted = diagonal + (x == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

}  // namespace

std::span<const key> keys() { return list; }

const key* find_key(std::string_view section, std::string_view name) {
    const auto found = std::find_if(
        list.begin(), list.end(), [&](const key& key) { return key.section == section && key.name == name; });
    return found == list.end() ? nullptr : &*found;
}

std::optional<std::string> read_value(const key& key, std::string_view text, server_config& into) {
    const slot where = key.where(into);
    switch (key.type) {
        case kind::boolean:
            if (text != "true" && text != "false")
                return "expected true or false, got \"" + std::string(text) + "\"";
            *std::get<bool*>(where) = text == "true";
            return std::nullopt;
        case kind::integer:
        case kind::size:
        case kind::duration:
            return read_number(key, text, *std::get<std::int64_t*>(where));
        case kind::choice:
            if (!is_choice(key.choices, text)) {
                return "must be one of " + std::string(key.choices) + ", got \"" + std::string(text) + "\"";
            }
            break;
        case kind::address:
            if (!text.empty() && !parse_address(text)) {
                return "expected HOST:PORT or [IPv6]:PORT, got \"" + std::string(text) + "\"";
            }
            break;
        case kind::text:
            if (text.empty()) return "must not be empty";
            break;
    }
    *std::get<std::string*>(where) = text;
    return std::nullopt;
}

std::string write_value(const key& key, const server_config& from) {
    const slot where = key.where(const_cast<server_config&>(from));  // only read below
    if (const auto* flag = std::get_if<bool*>(&where)) return **flag ? "true" : "false";
    if (const auto* number = std::get_if<std::int64_t*>(&where)) return format_number(key, **number);
    return *std::get<std::string*>(where);
}

std::string kafka_value(const key& key, const server_config& from) {
    const slot where = key.where(const_cast<server_config&>(from));
    if (const auto* number = std::get_if<std::int64_t*>(&where)) {
        return std::to_string(key.kafka.ends_with(".minutes") ? **number / minute : **number);
    }
    return write_value(key, from);
}

std::string allowed_values(const key& key) {
    switch (key.type) {
        case kind::boolean:
            return "true, false";
        case kind::choice:
            return std::string(key.choices);
        case kind::address:
            return "HOST:PORT";
        case kind::text:
            return "text";
        case kind::integer:
        case kind::size:
        case kind::duration:
            break;
    }
    const bool unit = key.type != kind::integer && key.least == 0;
    std::string range = key.most == INT64_MAX
                            ? "at least " + (unit ? std::string("0") : format_number(key, key.least))
                            : format_number(key, key.least) + ".." + format_number(key, key.most);
    if (!key.endless.empty()) range += ", or " + std::string(key.endless);
    return range;
}

std::string nearest_key(std::string_view name) {
    std::string best;
    std::size_t best_distance = SIZE_MAX;
    const auto dot = name.rfind('.');
    const std::string_view own = dot == std::string_view::npos ? name : name.substr(dot + 1);
    for (const key& key : list) {
        // The right name in the wrong section, or in none, is near too.
        const std::size_t away = std::min(distance(name, key.full_name()), 1 + distance(own, key.name));
        if (away >= best_distance) continue;
        best_distance = away;
        best = key.full_name();
    }
    return best_distance <= std::max<std::size_t>(2, own.size() / 3) ? best : std::string();
}

}  // namespace imago::config
