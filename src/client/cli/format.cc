#include "client/cli/format.h"

#include <fmt/format.h>

#include <iterator>

#include "base/bytes.h"
#include "client/cli/escapes.h"

namespace imago::client::cli {
namespace {

constexpr std::string_view tokens = "sSRkKThtpo%";

void append_number(std::string& out, std::int64_t value) { fmt::format_to(std::back_inserter(out), "{}", value); }

void append_length(std::string& out, const std::optional<std::string_view>& field) {
    append_number(out, field ? static_cast<std::int64_t>(field->size()) : -1);
}

void append_base64(std::string& out, std::string_view bytes) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t three = 0;
        for (std::size_t k = 0; k < 3; ++k)
            three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (std::size_t k = 0; k < 4; ++k)
            out += i + k <= bytes.size() ? digits[three >> (18 - 6 * k) & 63] : '=';
    }
}

void append_json_field(std::string& out, std::string_view name, const std::optional<std::string_view>& field) {
    const bool text = !field || is_utf8(*field);
    fmt::format_to(std::back_inserter(out), "\"{}{}\":", name, text ? "" : "_base64");
    if (!field) {
        out += "null";
    } else if (text) {
        append_json_string(out, *field);
    } else {
        out += '"';
        append_base64(out, *field);
        out += '"';
    }
}

}  // namespace

std::optional<record_format> record_format::parse(std::string_view typed, std::string& why) {
    record_format format;
    std::string text;
    const auto end_text = [&] {
        const auto bytes = unescape(text);
        if (!bytes) return false;
        if (!bytes->empty()) format.pieces_.push_back({0, *bytes});
        text.clear();
        return true;
    };
    for (std::size_t i = 0; i < typed.size(); ++i) {
        if (typed[i] != '%') {
            text += typed[i];
            continue;
        }
        const char token = i + 1 < typed.size() ? typed[i + 1] : '\0';
        if (token == '\0' || tokens.find(token) == std::string_view::npos) {
            why = token == '\0' ? "a single % at the end: write %% for a percent sign"
                                : fmt::format("unknown token %{}: known are %s %S %R %k %K %T %h %t %p %o %%", token);
            return std::nullopt;
        }
        if (!end_text()) break;
        format.pieces_.push_back({token, token == '%' ? "%" : ""});
        ++i;
    }
    if (!end_text()) {
        why = "unknown escape: known are \\n \\r \\t \\0 \\e \\\\ \\xHH";
        return std::nullopt;
    }
    return format;
}

record_format record_format::plain(const std::optional<std::string>& key_delimiter, std::string delimiter) {
    record_format format;
    if (key_delimiter) {
        format.pieces_.push_back({'k', ""});
        format.pieces_.push_back({0, *key_delimiter});
    }
    format.pieces_.push_back({'s', ""});
    if (!delimiter.empty()) format.pieces_.push_back({0, std::move(delimiter)});
    return format;
}

void record_format::append(std::string& out, std::string_view topic, std::int32_t partition,
                           const record& what) const {
    for (const piece& each : pieces_) {
        switch (each.token) {
            case 's': out += what.value.value_or(""); break;
            case 'S': append_length(out, what.value); break;
            case 'R': {
                std::byte size[4];
                store_be<std::int32_t>(size, what.value ? static_cast<std::int32_t>(what.value->size()) : -1);
                out += as_text(size);
                break;
            }
            case 'k': out += what.key.value_or(""); break;
            case 'K': append_length(out, what.key); break;
            case 'T': append_number(out, what.timestamp); break;
            case 'h':
                for (std::size_t i = 0; i < what.headers.size(); ++i) {
                    if (i > 0) out += ',';
                    out += what.headers[i].name;
                    out += '=';
                    out += what.headers[i].value.value_or("NULL");
                }
                break;
            case 't': out += topic; break;
            case 'p': append_number(out, partition); break;
            case 'o': append_number(out, what.offset); break;
            default: out += each.text;
        }
    }
}

void append_json(std::string& out, std::string_view topic, std::int32_t partition, const record& what) {
    out += "{\"topic\":";
    append_json_string(out, topic);
    fmt::format_to(std::back_inserter(out), ",\"partition\":{},\"offset\":{},\"timestamp\":{},", partition, what.offset,
                   what.timestamp);
    append_json_field(out, "key", what.key);
    out += ',';
    append_json_field(out, "value", what.value);
    if (!what.headers.empty()) {
        out += ",\"headers\":[";
        for (std::size_t i = 0; i < what.headers.size(); ++i) {
            out += i > 0 ? ",{" : "{";
            append_json_field(out, "name", what.headers[i].name);
            out += ',';
            append_json_field(out, "value", what.headers[i].value);
            out += '}';
        }
        out += ']';
    }
    out += "}\n";
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            default:
                if (static_cast<unsigned char>(c) < 0x20)
                    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
                else
                    out += c;
        }
    }
    out += '"';
}

bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        if (lead < 0xc2 || lead > 0xf4 || i + size > text.size()) return false;
        for (std::size_t k = 1; k < size; ++k)
            if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
        const auto second = static_cast<unsigned char>(text[i + 1]);
        if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
            (lead == 0xf4 && second > 0x8f))
            return false;  // overlong, surrogate, or beyond U+10FFFF
        i += size;
    }
    return true;
}

}  // namespace imago::client::cli
