#include "broker/groups/classic_record.h"

#include "broker/record.h"

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

}  // namespace

std::string write_classic_record(const classic_record& record) {
    record_writer out(record_version);
    out.put<std::int32_t>(record.generation);
    out.put_text(record.protocol_type);
    put_optional(out, record.protocol);
    put_optional(out, record.leader);
    out.put<std::int64_t>(record.since);
    out.put<std::uint32_t>(static_cast<std::uint32_t>(record.members.size()));
    for (const auto& member : record.members) {
        out.put_text(member.id);
        put_optional(out, member.instance);
        out.put_text(member.client.id);
        out.put_text(member.client.host);
        out.put<std::int32_t>(member.session_timeout_ms);
        out.put<std::int32_t>(member.rebalance_timeout_ms);
        out.put<std::uint32_t>(static_cast<std::uint32_t>(member.protocols.size()));
        for (const auto& [name, metadata] : member.protocols) {
            out.put_text(name);
            out.put_text(metadata);
        }
        out.put_text(member.assignment);
    }
    return out.take();
}

std::optional<classic_record> read_classic_record(std::string_view value) {
    record_reader in(as_bytes(value));
    if (in.get<std::uint8_t>() != record_version) return std::nullopt;
    classic_record record;
    record.generation = in.get<std::int32_t>();
    record.protocol_type = in.get_text();
    record.protocol = get_optional(in);
    record.leader = get_optional(in);
    record.since = in.get<std::int64_t>();
    // A member is at least its fixed fields and the lengths of its texts.
    const std::uint32_t members = in.get_count(29);
    for (std::uint32_t i = 0; i < members && in.ok(); ++i) {
        classic_record::member& member = record.members.emplace_back();
        member.id = in.get_text();
        member.instance = get_optional(in);
        member.client.id = in.get_text();
        member.client.host = in.get_text();
        member.session_timeout_ms = in.get<std::int32_t>();
        member.rebalance_timeout_ms = in.get<std::int32_t>();
        const std::uint32_t protocols = in.get_count(8);
        for (std::uint32_t p = 0; p < protocols && in.ok(); ++p) {
            std::string name(in.get_text());
            std::string metadata(in.get_text());
            member.protocols.emplace_back(std::move(name), std::move(metadata));
        }
        member.assignment = in.get_text();
    }
    if (!in.done()) return std::nullopt;
    return record;
}

}  // namespace imago::broker::groups
