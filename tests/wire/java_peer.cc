// The C++ side of tests/wire/check_with_java.
//
//   wire_java_peer write        samples to standard output: "message KEY request|response VERSION HEX",
//   "batch HEX" wire_java_peer read FILE    batches that Java made, a line of hex each; exit 1 unless they
//   hold what they should
#include "base/batch_builder.h"
#include "wire/batch_records.h"
#include "wire/kafka/produced_batch.h"
#include "wire/random_message.h"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

using namespace imago;
using namespace imago::wire;
using namespace imago::wire::kafka;

namespace {

constexpr int records_per_batch = 300;
constexpr compression codecs[] = {compression::none, compression::gzip, compression::snappy, compression::lz4,
                                  compression::zstd};

std::string value_of(int record) { return "value " + std::to_string(record) + std::string(200, 'x'); }

void print_hex(byte_view bytes) {
    for (const std::byte byte : bytes) std::printf("%02x", static_cast<unsigned>(byte));
    std::printf("\n");
}

template <class Message>
void write_message(std::int16_t version, std::uint64_t seed) {
    test::random_message random(seed);
    Message message;
    fill(random, version, message);
    gather_buffer out;
    encode(out, version, message);
    std::printf("message %d %s %d ", static_cast<int>(Message::api),
                Message::is_request ? "request" : "response", version);
    print_hex(out.flatten());
}

void write_samples() {
    for (const api_info& api : all_apis) {
        for (std::int16_t version = api.version_min; version <= api.version_max; ++version) {
            with_api(api.key, [version]<class T>(T) {
                for (std::uint64_t seed = 1; seed <= 8; ++seed) {
                    write_message<typename T::request>(version, seed);
                    write_message<typename T::response>(version, seed);
                }
            });
        }
    }
    batch_builder builder;
    const record_header headers[] = {{"name", as_bytes("header")}, {"null", std::nullopt}};
    for (int i = 0; i < records_per_batch; ++i) {
        const std::string key = "key" + std::to_string(i), value = value_of(i);
        builder.add(1'700'000'000'000 + i, i % 3 == 0 ? std::nullopt : std::optional(as_bytes(key)),
                    as_bytes(value), headers);
    }
    const byte_view plain = builder.finish();
    for (const compression codec : codecs) {
        std::vector<std::byte> batch;
        compress_batch(plain, codec, batch);
        std::printf("batch ");
        print_hex(batch);
    }
}

std::vector<std::byte> from_hex(const std::string& text) {
    std::vector<std::byte> made;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        made.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
    return made;
}

bool holds_what_it_should(byte_view batch) {
    const produced_batch verdict = check_produced(batch, {});
    if (verdict.error != kafka_error::none || verdict.count != records_per_batch) {
        std::fprintf(stderr, "codec %d: %s\n", batch_view(batch).codec_bits(),
                     std::string(verdict.text).c_str());
        return false;
    }
    std::vector<std::byte> scratch;
    auto reader = open_records(batch, scratch);
    if (!reader) return false;
    int i = 0;
    for (record_view record; reader->next(record); ++i) {
        header_reader headers(record);
        record_header header;
        if (record.key.has_value() != (i % 3 != 0) || as_text(*record.value) != value_of(i)) return false;
        if (time_of(batch_view(batch), record) != 1'700'000'000'000 + i) return false;
        if (!headers.next(header) || header.key != "name" || as_text(*header.value) != "header") return false;
    }
    return i == records_per_batch && !reader->damaged();
}

bool read_batches(const char* file) {
    std::ifstream in(file);
    unsigned codecs_seen = 0;
    for (std::string line; std::getline(in, line);) {
        const std::vector<std::byte> batch = from_hex(line);
        if (!holds_what_it_should(batch)) return false;
        codecs_seen |= 1u << batch_view(batch).codec_bits();
    }
    return codecs_seen == 31;
}

}  // namespace

int main(int count, char** arguments) {
    if (count == 2 && std::strcmp(arguments[1], "write") == 0) {
        write_samples();
        return 0;
    }
    if (count == 3 && std::strcmp(arguments[1], "read") == 0) return read_batches(arguments[2]) ? 0 : 1;
    std::fprintf(stderr, "usage: wire_java_peer write | read FILE\n");
    return 2;
}
