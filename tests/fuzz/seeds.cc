// Writes the seeds that a fuzz target starts from: fuzz_seeds requests|responses|batches FOLDER
#include "base/batch_builder.h"
#include "wire/compression.h"
#include "wire/kafka/writer.h"
#include "wire/random_message.h"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

using namespace imago;
using namespace imago::wire;
using namespace imago::wire::kafka;

namespace {

void write(const std::filesystem::path& file, byte_view bytes) {
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

template <class Message>
Message random_of(std::int16_t version, test::random_message& random) {
    Message message;
    fill(random, version, message);
    return message;
}

void write_messages(const std::filesystem::path& folder, bool requests) {
    for (const api_info& api : all_apis) {
        for (std::int16_t version = api.version_min; version <= api.version_max; ++version) {
            test::random_message random(static_cast<std::uint64_t>(version) + 1);
            const request_header header{static_cast<std::int16_t>(api.key), version, 7, "fuzz"};
            gather_buffer out;
            writer to(out);
            with_api(api.key, [&]<class T>(T) {
                if (requests) {
                    encode_request_header(out, header);
                    encode(out, version, random_of<typename T::request>(version, random));
                } else {
                    to.i16(header.key);
                    to.i16(version);
                    encode_response_header(out, header);
                    encode(out, version, random_of<typename T::response>(version, random));
                }
            });
            if (out.size() < 4096)
                write(folder / (std::string(api.name) + std::to_string(version)), out.flatten());
        }
    }
}

void write_batches(const std::filesystem::path& folder) {
    for (const int count : {1, 2, 40}) {
        batch_builder builder;
        const record_header headers[] = {{"h", as_bytes("v")}, {"null", std::nullopt}};
        for (int i = 0; i < count; ++i)
            builder.add(1'700'000'000'000 + i, as_bytes("key"), as_bytes("value"), headers);
        const byte_view plain = builder.finish();
        for (int codec = 0; codec < 5; ++codec) {
            std::vector<std::byte> batch;
            compress_batch(plain, static_cast<compression>(codec), batch);
            // Untouched; header and checksum put right; the codec and the count as well.
            for (const int how : {0, 1, 7}) {
                std::vector<std::byte> seed{static_cast<std::byte>(how | codec << 3)};
                seed.insert(seed.end(), batch.begin(), batch.end());
                write(folder /
                          (std::to_string(count) + "-" + std::to_string(codec) + "-" + std::to_string(how)),
                      seed);
            }
        }
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) {
        std::fprintf(stderr, "usage: fuzz_seeds requests|responses|batches FOLDER\n");
        return 2;
    }
    const std::filesystem::path folder = arguments[2];
    std::filesystem::create_directories(folder);
    if (std::strcmp(arguments[1], "batches") == 0) {
        write_batches(folder);
    } else {
        write_messages(folder, std::strcmp(arguments[1], "requests") == 0);
    }
    return 0;
}
