#include "broker/groups/consumer_records.h"

#include "broker/record.h"

#include <algorithm>
#include <cstring>

namespace imago::broker::groups {
namespace {

constexpr std::uint8_t record_version = 1;

void put_optional(record_writer& out, const std::optional<std::string>& text) {
    out.put<std::uint8_t>(text ? 1 : 0);
    if (text) out.put_text(*text);
}
std::optional<std::string> get_optional(record_reader& in) {
    if (in.get<std::uint8_t>() == 0) return std::nullopt;
    return std::string(in.get_text());
}

/// Topics: id, number of partitions, partitions.
void put_partitions(record_writer& out, const partition_set& set) {
    std::uint32_t topics = 0;
    for (std::size_t i = 0; i < set.size(); ++i) topics += i == 0 || set[i].topic != set[i - 1].topic ? 1 : 0;
    out.put<std::uint32_t>(topics);
    for (auto from = set.begin(); from != set.end();) {
        const auto to = std::find_if(from, set.end(), [&](const auto& p) { return p.topic != from->topic; });
        out.put_raw(std::as_bytes(std::span(from->topic.bytes)));
        out.put<std::uint32_t>(static_cast<std::uint32_t>(to - from));
        for (; from != to; ++from) out.put<std::int32_t>(from->partition);
    }
}
partition_set get_partitions(record_reader& in) {
    partition_set set;
    for (auto topics = in.get_count(20); topics > 0; --topics) {
        topic_partition where;
        const byte_view id = in.get_raw(16);
        if (id.size() == 16) std::memcpy(where.topic.bytes.data(), id.data(), 16);
        for (auto count = in.get_count(4); count > 0; --count) {
            where.partition = in.get<std::int32_t>();
            set.push_back(where);
        }
    }
    sort_unique(set);
    return set;
}

bool begin(record_reader& in) { return in.get<std::uint8_t>() == record_version; }

}  // namespace

std::string write_group(const consumer_group_record& group) {
    record_writer out(record_version);
    out.put<std::int32_t>(group.epoch);
    out.put<std::int32_t>(group.target_epoch);
    out.put<std::uint64_t>(group.fingerprint);
    out.put<unix_ms>(group.empty_since);
    return out.take();
}

std::optional<consumer_group_record> read_group(std::string_view value) {
    record_reader in(as_bytes(value));
    if (!begin(in)) return std::nullopt;
    consumer_group_record group;
    group.epoch = in.get<std::int32_t>();
    group.target_epoch = in.get<std::int32_t>();
    group.fingerprint = in.get<std::uint64_t>();
    group.empty_since = in.get<unix_ms>();
    if (!in.done()) return std::nullopt;
    return group;
}

std::string write_member(const consumer_member& member) {
    record_writer out(record_version);
    put_optional(out, member.instance);
    put_optional(out, member.rack);
    out.put<std::int32_t>(member.rebalance_timeout_ms);
    out.put_text(member.client.id);
    out.put_text(member.client.host);
    put_optional(out, member.assignor);
    out.put<std::uint32_t>(static_cast<std::uint32_t>(member.subscribed->names.size()));
    for (const auto& name : member.subscribed->names) out.put_text(name);
    out.put_text(member.subscribed->regex);
    out.put<std::uint8_t>(member.classic ? 1 : 0);
    if (member.classic) {
        out.put<std::int32_t>(member.classic->session_timeout_ms);
        out.put<std::uint32_t>(static_cast<std::uint32_t>(member.classic->protocols.size()));
        for (const auto& [name, metadata] : member.classic->protocols) {
            out.put_text(name);
            out.put_text(metadata);
        }
    }
    return out.take();
}

std::optional<consumer_member_record> read_member(std::string_view value) {
    record_reader in(as_bytes(value));
    if (!begin(in)) return std::nullopt;
    consumer_member_record record;
    consumer_member& member = record.member;
    member.instance = get_optional(in);
    member.rack = get_optional(in);
    member.rebalance_timeout_ms = in.get<std::int32_t>();
    member.client.id = in.get_text();
    member.client.host = in.get_text();
    member.assignor = get_optional(in);
    for (auto count = in.get_count(4); count > 0; --count) record.names.emplace_back(in.get_text());
    record.regex = in.get_text();
    if (in.get<std::uint8_t>() != 0) {
        auto& classic = member.classic.emplace();
        classic.session_timeout_ms = in.get<std::int32_t>();
        for (auto count = in.get_count(8); count > 0; --count) {
            std::string name(in.get_text());
            classic.protocols.emplace_back(std::move(name), std::string(in.get_text()));
        }
    }
    if (!in.done()) return std::nullopt;
    return record;
}

std::string write_current(const consumer_member& member) {
    record_writer out(record_version);
    out.put<std::int32_t>(member.epoch);
    out.put<std::int32_t>(member.previous_epoch);
    out.put<std::uint8_t>(static_cast<std::uint8_t>(member.phase));
    put_partitions(out, member.assigned);
    put_partitions(out, member.revoking);
    return out.take();
}

bool read_current(std::string_view value, consumer_member& into) {
    record_reader in(as_bytes(value));
    if (!begin(in)) return false;
    into.epoch = in.get<std::int32_t>();
    into.previous_epoch = in.get<std::int32_t>();
    const auto phase = in.get<std::uint8_t>();
    if (phase < 1 || phase > 3) return false;
    into.phase = static_cast<member_phase>(phase);
    into.assigned = get_partitions(in);
    into.revoking = get_partitions(in);
    return in.done();
}

std::string write_target(const partition_set& target) {
    record_writer out(record_version);
    put_partitions(out, target);
    return out.take();
}

std::optional<partition_set> read_target(std::string_view value) {
    record_reader in(as_bytes(value));
    if (!begin(in)) return std::nullopt;
    partition_set target = get_partitions(in);
    if (!in.done()) return std::nullopt;
    return target;
}

bool consumer_record_readable(const group_record& record) {
    consumer_member scratch;
    switch (record.kind) {
        case consumer_group_kind:
            return record.rest.empty() && read_group(record.value).has_value();
        case consumer_member_kind:
            return read_member(record.value).has_value();
        case consumer_current_kind:
            return read_current(record.value, scratch);
        case consumer_target_kind:
            return read_target(record.value).has_value();
        default:
            return false;
    }
}

}  // namespace imago::broker::groups
