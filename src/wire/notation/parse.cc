#include "parse.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

namespace notation {
namespace {

struct line {
    int number = 0;
    int indent = 0;  // in steps of four spaces
    std::vector<std::string> words;
    std::string comment;
};

const std::map<std::string, kind> kinds = {
    {"bool", kind::boolean}, {"i8", kind::i8},          {"i16", kind::i16},   {"u16", kind::u16},
    {"i32", kind::i32},      {"i64", kind::i64},        {"uuid", kind::uuid}, {"string", kind::string},
    {"bytes", kind::bytes},  {"records", kind::records}};

std::string trim(std::string text) {
    text.erase(0, text.find_first_not_of(" \t"));
    text.erase(text.find_last_not_of(" \t") + 1);
    return text;
}

class parser {
public:
    explicit parser(const std::filesystem::path& file) : file_(file) {
        std::ifstream in(file);
        if (!in) throw parse_error(file.string() + ": cannot be read");
        std::string text;
        for (int number = 1; std::getline(in, text); ++number) add_line(number, text);
    }

    message parse() {
        message api;
        for (; at_ < lines_.size() && lines_[at_].words.empty(); ++at_) {
            if (!api.doc.empty()) api.doc += ' ';
            api.doc += lines_[at_].comment;
        }
        parse_api(next("an api line"), api);
        lines_.erase(
            std::remove_if(lines_.begin(), lines_.end(), [](const line& l) { return l.words.empty(); }),
            lines_.end());
        at_ = 1;
        parse_body(api, "request", api.request);
        parse_body(api, "response", api.response);
        if (at_ != lines_.size()) wrong(lines_[at_], "expected the end of the file");
        return api;
    }

private:
    void add_line(int number, const std::string& text) {
        line parsed;
        parsed.number = number;
        const auto hash = text.find('#');
        if (hash != std::string::npos) parsed.comment = trim(text.substr(hash + 1));
        const std::string code = text.substr(0, hash);
        std::istringstream words(code);
        for (std::string word; words >> word;) parsed.words.push_back(word);
        if (parsed.words.empty() && parsed.comment.empty()) return;
        const auto spaces = code.find_first_not_of(' ');
        if (!parsed.words.empty() && spaces % 4 != 0) wrong(parsed, "indent by four spaces");
        parsed.indent = parsed.words.empty() ? 0 : static_cast<int>(spaces / 4);
        lines_.push_back(std::move(parsed));
    }

    [[noreturn]] void wrong(const line& where, const std::string& what) const {
        throw parse_error(file_.string() + ":" + std::to_string(where.number) + ": " + what);
    }
    const line& next(const std::string& expected) {
        if (at_ == lines_.size()) throw parse_error(file_.string() + ": ends, expected " + expected);
        return lines_[at_++];
    }
    int number(const line& where, const std::string& word) const {
        if (word.empty() || word.find_first_not_of("0123456789") != std::string::npos)
            wrong(where, "expected a number, not '" + word + "'");
        return std::stoi(word);
    }
    version_range range(const line& where, const std::string& word) const {
        if (word.back() == '+') return {number(where, word.substr(0, word.size() - 1)), version_range::open};
        const auto dash = word.find('-');
        if (dash == std::string::npos) return {number(where, word), number(where, word)};
        return {number(where, word.substr(0, dash)), number(where, word.substr(dash + 1))};
    }

    void parse_api(const line& from, message& api) {
        if (from.words.size() < 4 || from.words[0] != "api") wrong(from, "expected: api KEY NAME VERSIONS");
        api.key = number(from, from.words[1]);
        api.name = from.words[2];
        api.versions = range(from, from.words[3]);
        api.shown_from = api.versions.first;
        for (std::size_t i = 4; i + 1 < from.words.size(); i += 2) {
            if (from.words[i] == "flexible") {
                api.flexible_from = number(from, from.words[i + 1]);
            } else if (from.words[i] == "shown") {
                api.shown_from = number(from, from.words[i + 1]);
            } else {
                wrong(from, "expected 'flexible' or 'shown', not '" + from.words[i] + "'");
            }
        }
    }

    void parse_body(const message& api, const std::string& part, structure& body) {
        const line& head = next("'" + part + "'");
        if (head.indent != 0 || head.words != std::vector<std::string>{part})
            wrong(head, "expected '" + part + "'");
        shapes_.clear();
        body.name = body.path = api.name + "_" + part;
        body.versions = api.versions;
        parse_fields(api, body, 1);
    }

    void parse_fields(const message& api, structure& into, int indent) {
        while (at_ < lines_.size() && lines_[at_].indent == indent) {
            const line& from = lines_[at_++];
            field made = parse_field(from, into);
            if (made.tag && made.versions.first < api.flexible_from)
                wrong(from, "tagged before it is flexible");
            const bool described = at_ < lines_.size() && lines_[at_].indent > indent;
            if (described && made.type != kind::structure) wrong(lines_[at_], "only a structure has fields");
            if (made.type == kind::structure) {
                structure& shape = *made.shape;
                if (described) {
                    shape.path = into.path + "::" + shape.name;
                    shape.versions = made.versions;
                    made.defines_shape = true;
                    parse_fields(api, shape, indent + 1);
                    shapes_[shape.name] = made.shape;
                } else {
                    const auto known = shapes_.find(shape.name);
                    if (known == shapes_.end()) wrong(from, "no type '" + shape.name + "'");
                    made.shape = known->second;
                }
            }
            into.fields.push_back(std::move(made));
        }
        if (at_ < lines_.size() && lines_[at_].indent > indent) wrong(lines_[at_], "indented too far");
    }

    field parse_field(const line& from, const structure& around) {
        if (from.words.size() < 2) wrong(from, "expected: name type");
        field made;
        made.line = from.number;
        made.name = from.words[0];
        made.doc = from.comment;
        std::string type = from.words[1];
        if (type.front() == '?') {
            made.nullable = version_range{};
            type.erase(0, 1);
        }
        if (type.size() > 2 && type.front() == '[' && type.back() == ']') {
            made.array = true;
            type = type.substr(1, type.size() - 2);
        }
        if (const auto known = kinds.find(type); known != kinds.end()) {
            made.type = known->second;
        } else {
            made.type = kind::structure;
            made.shape = std::make_shared<structure>();
            made.shape->name = type;
            made.shape->doc = from.comment;
            if (type == made.name) wrong(from, "C++ needs another name for the structure than for its field");
        }
        for (std::size_t i = 2; i < from.words.size(); ++i) {
            const std::string& word = from.words[i];
            const bool last = i + 1 == from.words.size();
            if (word == "null" && !last) {
                made.nullable = range(from, from.words[++i]);
            } else if (word == "tag" && !last) {
                made.tag = number(from, from.words[++i]);
            } else if (word == "=" && !last) {
                made.default_value = from.words[++i];
            } else {
                made.versions = range(from, word);
            }
        }
        made.versions = made.versions.meet(around.versions);
        if (made.versions.empty()) wrong(from, "in no version of what is around it");
        if (made.nullable) made.nullable = made.nullable->meet(made.versions);
        return made;
    }

    std::filesystem::path file_;
    std::vector<line> lines_;
    std::size_t at_ = 0;
    std::map<std::string, std::shared_ptr<structure>> shapes_;
};

}  // namespace

message parse_file(const std::filesystem::path& file) { return parser(file).parse(); }

std::string version_range::text() const {
    if (last == open) return std::to_string(first) + "+";
    if (first == last) return std::to_string(first);
    return std::to_string(first) + "-" + std::to_string(last);
}

std::string message::title() const {
    std::string made;
    bool upper = true;
    for (const char letter : name) {
        if (letter != '_') made += upper ? static_cast<char>(std::toupper(letter)) : letter;
        upper = letter == '_';
    }
    return made;
}

namespace {

int size_at(const message& api, const structure& shape, int version);

/// The fewest bytes of a field in one version; of an element if it is an array and `as_element`.
int size_at(const message& api, const field& item, int version, bool as_element) {
    const bool flexible = version >= api.flexible_from;
    if (item.array && !as_element) return flexible ? 1 : 4;
    switch (item.type) {
        case kind::boolean:
        case kind::i8: return 1;
        case kind::i16:
        case kind::u16: return 2;
        case kind::i32: return 4;
        case kind::i64: return 8;
        case kind::uuid: return 16;
        case kind::string: return flexible ? 1 : 2;
        case kind::bytes:
        case kind::records: return flexible ? 1 : 4;
        case kind::structure: return item.nullable && !item.array ? 1 : size_at(api, *item.shape, version);
    }
    return 0;
}

int size_at(const message& api, const structure& shape, int version) {
    int size = version >= api.flexible_from ? 1 : 0;  // the count of tagged fields
    for (const field& item : shape.fields) {
        const bool there = item.versions.first <= version && version <= item.versions.last;
        if (there && !item.tag) size += size_at(api, item, version, false);
    }
    return size;
}

}  // namespace

int element_min_size(const message& api, const field& item) {
    int least = version_range::open;
    for (int version = item.versions.first; version <= item.versions.last; ++version)
        least = std::min(least, size_at(api, item, version, true));
    return least;
}

}  // namespace notation
