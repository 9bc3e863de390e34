// Makes the codecs, tables and documentation of the Kafka protocol from wire/kafka/messages/*.msg.
//
//   wire_notation OUT_FOLDER FILE.msg ...      writes the sources into OUT_FOLDER/wire/kafka
//   wire_notation --docs OUT_FILE FILE.msg ... writes the table of messages
#include "emit.h"
#include "parse.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace {

/// Writes only what has changed, so that nothing is compiled again in vain.
void write(const std::filesystem::path& file, const std::string& text) {
    if (std::ifstream old(file, std::ios::binary); old) {
        std::ostringstream content;
        content << old.rdbuf();
        if (content.str() == text) return;
    }
    std::filesystem::create_directories(file.parent_path());
    std::ofstream out(file, std::ios::binary);
    out << text;
    out.flush();
    if (!out) throw std::runtime_error(file.string() + ": cannot be written");
}

std::vector<notation::message> parse_all(char** first, char** last) {
    std::vector<notation::message> apis;
    for (char** name = first; name != last; ++name) apis.push_back(notation::parse_file(*name));
    std::sort(apis.begin(), apis.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    for (std::size_t i = 1; i < apis.size(); ++i) {
        if (apis[i].key == apis[i - 1].key)
            throw notation::parse_error(apis[i].name + " and " + apis[i - 1].name + " have the same key");
    }
    return apis;
}

void write_sources(const std::filesystem::path& folder, const std::vector<notation::message>& apis) {
    const auto place = folder / "wire" / "kafka";
    for (const notation::message& api : apis) {
        write(place / (api.name + ".h"), notation::cpp_header(api));
        write(place / (api.name + ".cc"), notation::cpp_source(api));
    }
    write(place / "api_table.h", notation::cpp_api_table(apis));
    write(place / "all_messages.h", notation::cpp_all_messages(apis));
    write(place / "fill_messages.h", notation::cpp_fill(apis));
    write(place / "kafka.dict", notation::fuzz_dictionary(apis));
    write(place / "schema.txt", notation::schema_lines(apis));
    write(place / "kafka.md", notation::markdown(apis));
}

}  // namespace

int main(int count, char** arguments) {
    try {
        const bool docs = count > 1 && std::string(arguments[1]) == "--docs";
        if (count < (docs ? 4 : 3)) {
            std::fprintf(stderr, "usage: wire_notation [--docs] OUT FILE.msg ...\n");
            return 2;
        }
        const auto apis = parse_all(arguments + (docs ? 3 : 2), arguments + count);
        if (docs) {
            write(arguments[2], notation::markdown(apis));
        } else {
            write_sources(arguments[1], apis);
        }
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "wire_notation: %s\n", error.what());
        return 1;
    }
}
