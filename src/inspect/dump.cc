#include "inspect/dump.h"

#include <fmt/format.h>

#include <cstdio>
#include <iterator>

#include "base/record_batch.h"
#include "base/records.h"
#include "inspect/walk.h"

namespace imago::inspect {
namespace {

constexpr const char* codec_names[] = {"none", "gzip", "snappy", "lz4", "zstd", "?", "?", "?"};

/// Printable text as it is, all else as \xHH; at most 200 bytes of it.
void append_text(std::string& out, const std::optional<byte_view>& bytes, bool as_json) {
    if (!bytes) {
        out += as_json ? "null" : "NULL";
        return;
    }
    constexpr std::size_t shown_max = 200;
    out += '"';
    for (const std::byte each : bytes->first(std::min(bytes->size(), shown_max))) {
        const auto c = std::to_integer<unsigned char>(each);
        if (c == '"' || c == '\\') out += {'\\', static_cast<char>(c)};
        else if (c >= 0x20 && c < 0x7f) out += static_cast<char>(c);
        else if (as_json) fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
        else fmt::format_to(std::back_inserter(out), "\\x{:02x}", c);
    }
    out += '"';
    if (bytes->size() > shown_max && !as_json) fmt::format_to(std::back_inserter(out), "... ({} bytes)", bytes->size());
}

void append_records(std::string& out, const walked_frame& frame, bool as_json) {
    if (frame.payload.size() < batch_header_size) return;
    const batch_view batch(frame.payload);
    if (batch.codec_bits() != 0) return;
    record_reader records(frame.payload.subspan(batch_header_size));
    bool first = true;
    if (as_json) out += ",\"records\":[";
    for (record_view each; records.next(each); first = false) {
        const std::int64_t offset = frame.header.base + each.offset_delta;
        if (as_json) {
            fmt::format_to(std::back_inserter(out), "{}{{\"offset\":{},\"timestamp\":{},\"key\":", first ? "" : ",", offset,
                           batch.base_timestamp() + each.timestamp_delta);
            append_text(out, each.key, true);
            out += ",\"value\":";
            append_text(out, each.value, true);
            out += '}';
        } else {
            fmt::format_to(std::back_inserter(out), "    {} ", offset);
            append_text(out, each.key, false);
            out += " = ";
            append_text(out, each.value, false);
            out += '\n';
        }
    }
    if (as_json) out += ']';
    else if (records.damaged()) out += "    (the rest cannot be read)\n";
}

void append_frame(std::string& out, const walked_frame& frame, bool records, bool as_json) {
    const frame_header& h = frame.header;
    const char* codec = frame.payload.size() >= batch_header_size && h.type == 1
                            ? codec_names[batch_view(frame.payload).codec_bits()]
                            : "-";
    if (as_json) {
        fmt::format_to(std::back_inserter(out),
                       "{{\"position\":{},\"type\":\"{}\",\"queue\":{},\"base\":{},\"count\":{},\"size\":{},\"advance\":{},"
                       "\"max_timestamp\":{},\"append_time\":{},\"frontier\":{},\"epoch\":{},\"codec\":\"{}\"",
                       h.position, h.type == 1 ? "batch" : "footer", h.queue, h.base, h.count, h.payload_size, h.advance,
                       h.max_timestamp, h.append_time, h.frontier, h.epoch, codec);
        if (!frame.payload_error.empty()) fmt::format_to(std::back_inserter(out), ",\"error\":\"{}\"", frame.payload_error);
        if (records && h.type == 1) append_records(out, frame, true);
        out += "}\n";
        return;
    }
    if (h.type != 1) {
        fmt::format_to(std::back_inserter(out), "{:>14} footer, next {}\n", h.position, h.position + h.advance);
        return;
    }
    fmt::format_to(std::back_inserter(out), "{:>14} queue {} offsets {}-{} size {} {} time {} frontier {}{}{}\n", h.position,
                   h.queue, h.base, h.end() - 1, h.payload_size, codec, h.append_time, h.frontier,
                   frame.payload_error.empty() ? "" : "  DAMAGED: ", frame.payload_error);
    if (records) append_records(out, frame, false);
}

}  // namespace

bool dump(folder& from, const dump_filter& filter, bool as_json) {
    std::string out;
    bool sound = true;
    const walk_result walked = walk(from, 0, [&](const walked_frame& frame) {
        const frame_header& h = frame.header;
        if (h.position < filter.from || h.position >= filter.to ||
            (filter.queue >= 0 && (h.type != 1 || h.queue != filter.queue)))
            return;
        sound = sound && frame.payload_error.empty();
        append_frame(out, frame, filter.records, as_json);
        if (out.size() < 64 * 1024) return;
        std::fwrite(out.data(), 1, out.size(), stdout);
        out.clear();
    });
    std::fwrite(out.data(), 1, out.size(), stdout);
    std::fflush(stdout);
    for (const bad_range& each : walked.damage) {
        if (each.from >= filter.to || each.to <= filter.from) continue;
        fmt::print(stderr, "damage: log positions {} to {}: {}\n", each.from, each.to, each.reason);
        sound = false;
    }
    if (walked.torn) fmt::print(stderr, "torn tail: log positions {} to {}\n", walked.torn->from, walked.torn->to);
    return sound;
}

}  // namespace imago::inspect
