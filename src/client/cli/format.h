// How consumed records are printed: kcat's -f tokens, or JSON lines.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imago/message.h"

namespace imago::client::cli {

/// A format string, parsed once. Tokens:
///   %s value  %S its length (-1 = null)  %R its length as 4 bytes, big-endian
///   %k key    %K its length (-1 = null)  %T timestamp in ms  %h headers as n=v,n=v
///   %t topic  %p partition  %o offset    %% a percent sign
/// and the escapes of unescape().
class record_format {
public:
    /// None, with the reason in `why`, if the format has an unknown token or escape.
    [[nodiscard]] static std::optional<record_format> parse(std::string_view typed, std::string& why);
    /// The key, `key_delimiter` (if given), the value, `delimiter`.
    [[nodiscard]] static record_format plain(const std::optional<std::string>& key_delimiter, std::string delimiter);

    void append(std::string& out, std::string_view topic, std::int32_t partition, const record& what) const;

private:
    struct piece {
        char token = 0;    // 0 = text
        std::string text;
    };
    std::vector<piece> pieces_;
};

/// One record as one line of JSON. Keys and values that are not UTF-8 appear as "key_base64", "value_base64".
void append_json(std::string& out, std::string_view topic, std::int32_t partition, const record& what);

/// `text` as a JSON string, quotes included; it must be UTF-8.
void append_json_string(std::string& out, std::string_view text);
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace imago::client::cli
