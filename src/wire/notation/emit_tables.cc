#include "emit.h"

#include <cstdio>

namespace notation {
namespace {

std::string flexible_from(const message& api) {
    return api.ever_flexible() ? std::to_string(api.flexible_from) : "never";
}

/// `value` as the bytes of a libFuzzer dictionary entry.
std::string escaped(unsigned value, int bytes) {
    std::string made;
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
        char text[8];
        std::snprintf(text, sizeof text, "\\x%02x", (value >> shift) & 0xffu);
        made += text;
    }
    return made;
}

const char* type_name(kind type) {
    switch (type) {
        case kind::boolean:
            return "boolean";
        case kind::i8:
            return "int8";
        case kind::i16:
            return "int16";
        case kind::u16:
            return "uint16";
        case kind::i32:
            return "int32";
        case kind::i64:
            return "int64";
        case kind::uuid:
            return "uuid";
        case kind::string:
            return "string";
        case kind::bytes:
            return "bytes";
        case kind::records:
            return "records";
        case kind::structure:
            return "struct";
    }
    return "";
}

void add_fields(const structure& shape, int version, const std::string& prefix, const std::string& path,
                std::string& out) {
    const auto in = [version](version_range range) {
        return range.first <= version && version <= range.last;
    };
    for (const bool tagged : {false, true}) {
        for (const field& item : shape.fields) {
            if (!in(item.versions) || item.tag.has_value() != tagged) continue;
            const bool nullable = item.nullable && in(*item.nullable);
            std::string type = type_name(item.type);
            if (item.array) type = "array of " + type;
            if (nullable && (item.array || item.type != kind::structure)) type += "?";
            const std::string tag = item.tag ? " tag " + std::to_string(*item.tag) : "";
            const std::string name = path + item.name;
            out += prefix + name + " " + type + tag + "\n";
            if (item.type == kind::structure) add_fields(*item.shape, version, prefix, name + ".", out);
        }
    }
}

}  // namespace

std::string cpp_api_table(const std::vector<message>& apis) {
    std::string out = R"(// The keys, names and versions of all messages that the codec knows.
// Made from wire/kafka/messages/*.msg; change those files, not this one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace imago::wire::kafka {

enum class api_key : std::int16_t {
)";
    for (const message& api : apis) out += "    " + api.name + " = " + std::to_string(api.key) + ",\n";
    out += R"(};

/// What the codec can do. What a server offers is decided by its list of handlers.
struct api_info {
    static constexpr std::int16_t never = 32767;
    api_key key;
    std::string_view name;       // Kafka's spelling
    std::int16_t version_min;
    std::int16_t version_max;
    std::int16_t flexible_from;  // or never
    std::int16_t shown_min;      // what ApiVersions shows as the lowest: old clients look for exactly these
};

)";
    out += "/// In the order of their keys.\ninline constexpr std::array<api_info, " +
           std::to_string(apis.size()) + "> all_apis{{\n";
    for (const message& api : apis) {
        out += fill_in(
            "    {api_key::$0, \"$1\", $2, $3, $4, $5},\n",
            {api.name, api.title(), std::to_string(api.versions.first), std::to_string(api.versions.last),
             api.ever_flexible() ? std::to_string(api.flexible_from) : "api_info::never",
             std::to_string(api.shown_from)});
    }
    return out + "}};\n\n}  // namespace imago::wire::kafka\n";
}

std::string cpp_all_messages(const std::vector<message>& apis) {
    std::string out =
        R"(// Every message, and the way from a key that is known at run time to the types of its messages.
// Made from wire/kafka/messages/*.msg; change those files, not this one.
#pragma once

)";
    for (const message& api : apis) out += "#include \"wire/kafka/" + api.name + ".h\"\n";
    out += R"(
namespace imago::wire::kafka {

template <class Request, class Response>
struct api_types {
    using request = Request;
    using response = Response;
};

/// Calls use(api_types<Request, Response>{}) for the messages of `key`; false if there are none.
template <class F>
bool with_api(api_key key, F&& use) {
    switch (key) {
)";
    for (const message& api : apis)
        out += fill_in("        case api_key::$0: use(api_types<$0_request, $0_response>{}); return true;\n",
                       {api.name});
    return out + "    }\n    return false;\n}\n\n}  // namespace imago::wire::kafka\n";
}

std::string markdown(const std::vector<message>& apis) {
    std::string out = R"(# The Kafka protocol in imago

Made from `src/wire/kafka/messages/*.msg` by `cmake --build BUILD --target protocol-docs`; a test compares the two.

These are the messages that the codec can read and write, as a server and as a client. A server offers those for which
it has a handler; a version in which only the shown minimum is lower is offered for old clients that look for exactly
that number, and refused when used.

| key | message | versions | flexible from | shown from | what for |
|---:|---|---|---|---|---|
)";
    for (const message& api : apis) {
        out += fill_in("| $0 | $1 | $2 | $3 | $4 | $5 |\n",
                       {std::to_string(api.key), api.title(), api.versions.text(), flexible_from(api),
                        std::to_string(api.shown_from), api.doc});
    }
    out += R"(
Requests carry header 2 in flexible versions and header 1 otherwise (the client id has a classic 16-bit length in both);
responses carry header 1 in flexible versions and header 0 otherwise, but ApiVersions always header 0.
)";
    return out;
}

std::string schema_lines(const std::vector<message>& apis) {
    std::string out;
    for (const message& api : apis) {
        for (int version = api.versions.first; version <= api.versions.last; ++version) {
            const std::string key = std::to_string(api.key), in_version = " " + std::to_string(version) + " ";
            add_fields(api.request, version, key + " request" + in_version, "", out);
            add_fields(api.response, version, key + " response" + in_version, "", out);
        }
    }
    return out;
}

std::string fuzz_dictionary(const std::vector<message>& apis) {
    std::string out =
        "# Made from wire/kafka/messages/*.msg: keys with versions, then lengths that mean something.\n";
    for (const message& api : apis) {
        for (int version = api.versions.first; version <= api.versions.last; ++version) {
            out += "\"" + escaped(static_cast<unsigned>(api.key), 2) +
                   escaped(static_cast<unsigned>(version), 2) + "\"\n";
        }
    }
    for (const unsigned length : {0xffffffffu, 0x7fffffffu, 0x80000000u, 0u, 1u, 0x10000u, 0xffffffu})
        out += "\"" + escaped(length, 4) + "\"\n";
    for (const unsigned length : {0xffffu, 0x7fffu, 0x8000u, 0u, 1u})
        out += "\"" + escaped(length, 2) + "\"\n";
    out += "\"\\xff\\xff\\xff\\xff\\x0f\"\n\"\\x80\\x80\\x80\\x80\\x10\"\n\"\\xff\\xff\\x03\"\n\"\\x02\"\n";
    return out;
}

}  // namespace notation
