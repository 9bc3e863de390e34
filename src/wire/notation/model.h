// What the message notation says, as data. The notation itself is described in notation/parse.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace notation {

/// Versions first..last of a message; an upper end that is left open is `open`.
struct version_range {
    static constexpr int open = 32767;
    int first = 0;
    int last = open;

    [[nodiscard]] bool empty() const { return first > last; }
    [[nodiscard]] bool covers(version_range other) const {
        return first <= other.first && last >= other.last;
    }
    [[nodiscard]] version_range meet(version_range other) const {
        return {first > other.first ? first : other.first, last < other.last ? last : other.last};
    }
    /// "3-13", "9+" or "4".
    [[nodiscard]] std::string text() const;
};

enum class kind { boolean, i8, i16, u16, i32, i64, uuid, string, bytes, records, structure };

struct structure;

struct field {
    std::string name;
    kind type = kind::i32;
    bool array = false;
    version_range versions;                 // already narrowed to those of the structure around it
    std::optional<version_range> nullable;  // versions in which it may be null
    std::optional<int> tag;                 // a tagged field in all its versions
    std::string default_value;              // of a number; empty = 0
    std::string doc;
    std::shared_ptr<structure> shape;  // of kind::structure
    bool defines_shape = false;        // the shape is described under this field, not elsewhere
    int line = 0;
};

struct structure {
    std::string name;  // as it is written: topic_data
    std::string path;  // as C++ has it: produce_request::topic_data
    std::string doc;
    version_range versions;
    std::vector<field> fields;
};

struct message {
    int key = 0;
    std::string name;  // snake_case: offset_for_leader_epoch
    std::string doc;
    version_range versions;
    int flexible_from = version_range::open;
    int shown_from = 0;  // the lowest version a server shows, which may lie below what the codec can do
    structure request;
    structure response;

    [[nodiscard]] bool ever_flexible() const { return flexible_from <= versions.last; }
    /// Kafka's spelling: OffsetForLeaderEpoch.
    [[nodiscard]] std::string title() const;
};

/// The fewest bytes that an element of the array `item` takes in any version: what bounds the array's length.
[[nodiscard]] int element_min_size(const message& api, const field& item);

}  // namespace notation
