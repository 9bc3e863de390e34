#include "emit.h"

#include <functional>

namespace notation {
namespace {

const char* const banner = "// Made from wire/kafka/messages/$0.msg; change that file, not this one.\n";

std::string default_of(const field& item) {
    if (item.array || item.nullable) return "";
    switch (item.type) {
        case kind::boolean:
            return item.default_value.empty() ? "false" : item.default_value;
        case kind::i8:
        case kind::i16:
        case kind::u16:
        case kind::i32:
        case kind::i64:
            return item.default_value.empty() ? "0" : item.default_value;
        default:
            return "";
    }
}

bool optional_like(const field& item) { return item.nullable && item.type != kind::records; }

/// The structures that tagged fields compare with their default need operator==.
void mark_compared(const structure& shape, bool compared, std::vector<const structure*>& into) {
    if (compared) into.push_back(&shape);
    for (const field& item : shape.fields) {
        if (item.defines_shape)
            mark_compared(*item.shape, compared || (item.tag && !item.array && !item.nullable), into);
    }
}

void emit_struct(const message& api, const structure& shape, const std::vector<const structure*>& compared,
                 const std::string& indent, std::string& out) {
    out += indent + "struct " + shape.name + " {\n";
    const std::string inner = indent + "    ";
    if (shape.path == shape.name) {
        const bool request = &shape == &api.request;
        out += inner + "static constexpr api_key api = api_key::" + api.name + ";\n";
        out += inner + "static constexpr bool is_request = " + (request ? "true" : "false") + ";\n\n";
    }
    for (const field& item : shape.fields) {
        if (!item.defines_shape) continue;
        emit_struct(api, *item.shape, compared, inner, out);
        out += '\n';
    }
    for (const field& item : shape.fields) {
        std::string code = inner + cpp_type(item) + " " + item.name;
        if (const std::string value = default_of(item); !value.empty()) code += " = " + value;
        code += ';';
        std::string remark;
        if (!item.versions.covers(shape.versions)) {
            version_range shown = item.versions;
            if (shown.last == shape.versions.last) shown.last = version_range::open;
            remark = "v" + shown.text();
        }
        if (item.tag) remark += (remark.empty() ? "tag " : ", tag ") + std::to_string(*item.tag);
        if (!item.doc.empty()) remark += (remark.empty() ? "" : ": ") + item.doc;
        if (!remark.empty()) {
            if (code.size() < 48) code.resize(48, ' ');
            code += "  // " + remark;
        }
        out += code + "\n";
    }
    for (const structure* one : compared) {
        if (one == &shape)
            out += "\n" + inner + "bool operator==(const " + shape.name + "&) const = default;\n";
    }
    out += indent + "};\n";
}

/// Emits get() and put() for one structure.
class codec {
public:
    codec(const message& api, const structure& shape) : api_(api), shape_(shape) {
        flexible_ = api.flexible_from <= shape.versions.first ? "true"
                    : api.flexible_from > shape.versions.last ? "false"
                                                              : "flexible";
    }

    std::string get() const {
        std::string body;
        for (const field& item : shape_.fields) {
            if (item.tag) {
                body += "    " + reset(item) + "\n";
            } else {
                body += "    " + get_untagged(item) + "\n";
            }
        }
        body += get_tags();
        return function("static void get(reader& in, std::int16_t v, $0& m) {\n", body);
    }

    std::string put() const {
        std::string body;
        for (const field& item : shape_.fields) {
            if (item.tag) continue;
            const std::string when = condition(item.versions, shape_.versions);
            const std::string code = put_value(item, "out", flexible_);
            if (when.empty()) {
                body += "    " + code + "\n";
            } else if (code.rfind("if ", 0) == 0) {
                body += "    if (" + when + ") {\n        " + code + "\n    }\n";
            } else {
                body += "    if (" + when + ") " + code + "\n";
            }
        }
        body += put_tags();
        return function("static void put(writer& out, std::int16_t v, const $0& m) {\n", body);
    }

private:
    std::string function(const std::string& head, const std::string& body) const {
        std::string made = fill_in(head, {shape_.path});
        const bool names_version =
            body.find("v >") != std::string::npos || body.find("v <") != std::string::npos ||
            body.find(", v") != std::string::npos || body.find("v =") != std::string::npos;
        const bool names_flexible = flexible_ == "flexible" && body.find("flexible") != std::string::npos;
        if (!names_version && !names_flexible) made = fill_in_version(made);
        if (names_flexible)
            made += "    const bool flexible = v >= " + std::to_string(api_.flexible_from) + ";\n";
        return made + body + "}\n";
    }
    static std::string fill_in_version(std::string head) {
        head.replace(head.find("std::int16_t v"), 14, "std::int16_t");
        return head;
    }

    static std::string reset(const field& item) {
        const std::string m = "m." + item.name;
        if (optional_like(item)) return m + ".reset();";
        if (item.array || item.type == kind::records) return m + ".clear();";
        if (const std::string value = default_of(item); !value.empty()) return m + " = " + value + ";";
        return m + " = {};";
    }

    /// An expression of the versions in which `item` may be null.
    std::string nullable_in(const field& item) const {
        if (!item.nullable || item.nullable->empty()) return "false";
        const std::string when = condition(*item.nullable, item.versions);
        return when.empty() ? "true" : when;
    }

    /// The expression that reads a value that is no array and no structure; empty if there is none.
    std::string get_expression(const field& item, const std::string& in, const std::string& flexible) const {
        switch (item.type) {
            case kind::boolean:
                return in + ".boolean()";
            case kind::i8:
                return in + ".i8()";
            case kind::i16:
                return in + ".i16()";
            case kind::u16:
                return in + ".u16()";
            case kind::i32:
                return in + ".i32()";
            case kind::i64:
                return in + ".i64()";
            case kind::uuid:
                return in + ".uuid()";
            case kind::string:
            case kind::bytes: {
                const std::string read = item.type == kind::string ? "string(" : "bytes(";
                const std::string plain = in + "." + read + flexible + ")";
                if (!item.nullable) return plain;
                const std::string null = in + ".nullable_" + read + flexible + ")";
                const std::string when = nullable_in(item);
                if (when == "true") return null;
                return "(" + when + ") ? " + null + " : std::optional(" + plain + ")";
            }
            default:
                return "";
        }
    }

    /// The statement that reads `item` where it is there.
    std::string get_value(const field& item, const std::string& in, const std::string& flexible) const {
        const std::string m = "m." + item.name;
        if (item.array) {
            const std::string size = std::to_string(element_min_size(api_, item));
            const std::string nullable = item.nullable ? nullable_in(item) + ", " : "";
            return fill_in("get_array<$3>($0, v, $1, $2$4);", {in, flexible, nullable, size, m});
        }
        if (item.type == kind::records) return fill_in("get_records($0, $1, $2);", {in, flexible, m});
        if (item.type == kind::structure) {
            if (!item.nullable) return fill_in("get($0, v, $1);", {in, m});
            return fill_in("get_nullable($0, v, $1);", {in, m});
        }
        return m + " = " + get_expression(item, in, flexible) + ";";
    }

    std::string get_untagged(const field& item) const {
        const std::string when = condition(item.versions, shape_.versions);
        const std::string there = get_value(item, "in", flexible_);
        if (when.empty()) return there;
        const std::string value = default_of(item);
        if (!value.empty())
            return "m." + item.name + " = " + wrapped(when) + " ? " + get_expression(item, "in", flexible_) +
                   " : " + value + ";";
        return "if (" + when + ") {\n        " + there + "\n    } else {\n        " + reset(item) + "\n    }";
    }
    static std::string wrapped(const std::string& when) {
        return when.find("&&") == std::string::npos ? when : "(" + when + ")";
    }

    std::string get_tags() const {
        if (!api_.ever_flexible() || flexible_ == "false") return "";
        const std::string before = flexible_ == "true" ? "" : "if (flexible) ";
        std::string cases;
        for (const field& item : shape_.fields) {
            if (!item.tag) continue;
            const version_range flexible{api_.flexible_from, shape_.versions.last};
            const std::string when = condition(item.versions, flexible.meet(shape_.versions));
            cases += "            case " + std::to_string(*item.tag) + ":\n";
            if (!when.empty()) cases += "                if (!(" + when + ")) return false;\n";
            cases +=
                "                " + get_value(item, "field", "true") + "\n                return true;\n";
        }
        if (cases.empty()) return "    " + before + "in.skip_tags();\n";
        return "    " + before + "in.tags([&](std::uint32_t tag, reader& field) {\n        switch (tag) {\n" +
               cases + "            default: return false;\n        }\n    });\n";
    }

    std::string put_value(const field& item, const std::string& out, const std::string& flexible) const {
        const std::string m = "m." + item.name;
        if (item.array) {
            const std::string nullable = item.nullable ? nullable_in(item) + ", " : "";
            return fill_in("put_array($0, v, $1, $2$3);", {out, flexible, nullable, m});
        }
        switch (item.type) {
            case kind::boolean:
                return out + ".boolean(" + m + ");";
            case kind::i8:
                return out + ".i8(" + m + ");";
            case kind::i16:
                return out + ".i16(" + m + ");";
            case kind::u16:
                return out + ".u16(" + m + ");";
            case kind::i32:
                return out + ".i32(" + m + ");";
            case kind::i64:
                return out + ".i64(" + m + ");";
            case kind::uuid:
                return out + ".uuid(" + m + ");";
            case kind::records:
                return out + ".records(" + m + ", " + flexible + ");";
            case kind::string:
            case kind::bytes: {
                const std::string write = item.type == kind::string ? "string(" : "bytes(";
                if (!item.nullable) return out + "." + write + m + ", " + flexible + ");";
                const std::string null = out + ".nullable_" + write + m + ", " + flexible + ");";
                const std::string when = nullable_in(item);
                if (when == "true") return null;
                const std::string empty = item.type == kind::string ? "std::string_view()" : "byte_view()";
                return "if (" + when + ") {\n        " + null + "\n    } else {\n        " + out + "." +
                       write + m + ".value_or(" + empty + "), " + flexible + ");\n    }";
            }
            case kind::structure:
                return item.nullable ? fill_in("put_nullable($0, v, $1);", {out, m})
                                     : fill_in("put($0, v, $1);", {out, m});
        }
        return "";
    }

    std::string put_tags() const {
        if (!api_.ever_flexible() || flexible_ == "false") return "";
        const std::string inner = flexible_ == "true" ? "    " : "        ";
        std::string tests, sum, writes;
        std::vector<const field*> tagged;
        for (const field& item : shape_.fields) {
            if (item.tag) tagged.push_back(&item);
        }
        for (const field* item : tagged) {
            const version_range flexible{api_.flexible_from, shape_.versions.last};
            const std::string when = condition(item->versions, flexible.meet(shape_.versions));
            tests += inner + "const bool has_" + item->name + " = " + (when.empty() ? "" : when + " && ") +
                     differs(*item) + ";\n";
            sum += (sum.empty() ? "" : " + ") + std::string("has_") + item->name;
            writes += fill_in(inner + "if (has_$0) out.tagged($1, [&](writer& field) { $2 });\n",
                              {item->name, std::to_string(*item->tag), put_value(*item, "field", "true")});
        }
        if (tagged.size() > 1) sum = "static_cast<std::uint32_t>(" + sum + ")";
        const std::string code = tests + inner + "out.varint(" + (sum.empty() ? "0" : sum) + ");\n" + writes;
        if (flexible_ == "true") return code;
        if (tagged.empty()) return "    if (flexible) out.varint(0);\n";
        return "    if (flexible) {\n" + code + "    }\n";
    }

    static std::string differs(const field& item) {
        const std::string m = "m." + item.name;
        if (optional_like(item)) return m + ".has_value()";
        if (item.type == kind::records) return "!" + m + ".is_null()";
        if (item.array || item.type == kind::string || item.type == kind::bytes) return "!" + m + ".empty()";
        if (item.type == kind::structure) return "!(" + m + " == " + item.shape->path + "{})";
        if (item.type == kind::uuid) return "!" + m + ".is_nil()";
        return m + " != " + default_of(item);
    }

    const message& api_;
    const structure& shape_;
    std::string flexible_;
};

}  // namespace

std::string fill_in(std::string text, const std::vector<std::string>& values) {
    for (std::size_t i = values.size(); i-- > 0;) {
        const std::string key = "$" + std::to_string(i);
        for (std::size_t at = 0; (at = text.find(key, at)) != std::string::npos; at += values[i].size())
            text.replace(at, key.size(), values[i]);
    }
    return text;
}

std::string condition(version_range inner, version_range outer) {
    std::string made;
    if (inner.first == inner.last && !inner.covers(outer) && inner.first > outer.first &&
        inner.last < outer.last)
        return "v == " + std::to_string(inner.first);
    if (inner.first > outer.first) made = "v >= " + std::to_string(inner.first);
    if (inner.last < outer.last) made += (made.empty() ? "v <= " : " && v <= ") + std::to_string(inner.last);
    return made;
}

std::string element_type(const field& item) {
    switch (item.type) {
        case kind::boolean:
            return "bool";
        case kind::i8:
            return "std::int8_t";
        case kind::i16:
            return "std::int16_t";
        case kind::u16:
            return "std::uint16_t";
        case kind::i32:
            return "std::int32_t";
        case kind::i64:
            return "std::int64_t";
        case kind::uuid:
            return "imago::uuid";
        case kind::string:
            return "std::string_view";
        case kind::bytes:
            return "byte_view";
        case kind::records:
            return "record_data";
        case kind::structure:
            return item.shape->name;
    }
    return "";
}

std::string cpp_type(const field& item) {
    std::string type = element_type(item);
    if (item.array) type = "std::vector<" + type + ">";
    if (optional_like(item)) type = "std::optional<" + type + ">";
    return type;
}

std::vector<const structure*> all_structures(const structure& top) {
    std::vector<const structure*> made;
    for (const field& item : top.fields) {
        if (!item.defines_shape) continue;
        for (const structure* inner : all_structures(*item.shape)) made.push_back(inner);
    }
    made.push_back(&top);
    return made;
}

std::string cpp_header(const message& api) {
    std::string out = "// " + api.title() + ": " + api.doc + "\n//\n";
    out += "// Key " + std::to_string(api.key) + ", versions " + api.versions.text() + ", " +
           (api.ever_flexible() ? "flexible from " + std::to_string(api.flexible_from) : "never flexible") +
           ".\n";
    out += fill_in(banner, {api.name});
    out += R"(#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "wire/kafka/api_table.h"
#include "wire/kafka/record_data.h"

namespace imago::wire {
class gather_buffer;
}

namespace imago::wire::kafka {

class reader;

)";
    for (const structure* body : {&api.request, &api.response}) {
        std::vector<const structure*> compared;
        mark_compared(*body, false, compared);
        emit_struct(api, *body, compared, "", out);
        out += '\n';
    }
    for (const structure* body : {&api.request, &api.response}) {
        out += fill_in("[[nodiscard]] result<> decode(reader& in, std::int16_t version, $0& into);\n",
                       {body->name});
        out +=
            fill_in("void encode(gather_buffer& out, std::int16_t version, const $0& from);\n", {body->name});
    }
    return out + "\n}  // namespace imago::wire::kafka\n";
}

std::string cpp_source(const message& api) {
    std::string out = fill_in(banner, {api.name});
    out += "#include \"wire/kafka/" + api.name + ".h\"\n\n#include \"wire/kafka/message_codec.h\"\n\n";
    out += "namespace imago::wire::kafka {\n\n";
    for (const structure* body : {&api.request, &api.response}) {
        for (const structure* shape : all_structures(*body)) {
            const codec made(api, *shape);
            out += made.get() + "\n" + made.put() + "\n";
        }
    }
    for (const structure* body : {&api.request, &api.response}) {
        out += fill_in(R"(result<> decode(reader& in, std::int16_t version, $0& into) {
    if (version < $1 || version > $2) return fail(wire_errc::unsupported_version);
    get(in, version, into);
    return in.status();
}

void encode(gather_buffer& out, std::int16_t version, const $0& from) {
    IMAGO_ASSERT(version >= $1 && version <= $2);
    writer to(out);
    put(to, version, from);
}

)",
                       {body->name, std::to_string(api.versions.first), std::to_string(api.versions.last)});
    }
    return out + "}  // namespace imago::wire::kafka\n";
}

}  // namespace notation
