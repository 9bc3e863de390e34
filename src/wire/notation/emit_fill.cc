#include "emit.h"

namespace notation {
namespace {

std::string fill_value(const message& api, const field& item, const structure& shape) {
    const std::string m = "m." + item.name;
    const std::string when = condition(item.versions, shape.versions);
    std::string null = "false";
    if (item.nullable) {
        null = condition(*item.nullable, item.versions);
        if (null.empty()) null = "true";
    }
    std::string code = item.nullable ? fill_in("random.fill_nullable(v, $0, $1);", {null, m})
                                     : fill_in("random.fill_value(v, $0);", {m});
    static_cast<void>(api);
    return "    " + (when.empty() ? "" : "if (" + when + ") ") + code + "\n";
}

}  // namespace

std::string cpp_fill(const std::vector<message>& apis) {
    std::string out = R"(// For tests: random values for exactly the fields that a version has.
// Made from wire/kafka/messages/*.msg; change those files, not this one.
#pragma once

#include "wire/kafka/all_messages.h"

namespace imago::wire::kafka {

)";
    for (const message& api : apis) {
        for (const structure* body : {&api.request, &api.response}) {
            for (const structure* shape : all_structures(*body)) {
                std::string code;
                for (const field& item : shape->fields) code += fill_value(api, item, *shape);
                const bool names_version =
                    code.find("v ") != std::string::npos || code.find("(v") != std::string::npos;
                out +=
                    fill_in("template <class Random>\nvoid fill(Random& random, std::int16_t$1, $0& m) {\n",
                            {shape->path, names_version ? " v" : ""});
                out += code + "}\n";
            }
        }
    }
    return out + "\n}  // namespace imago::wire::kafka\n";
}

}  // namespace notation
