// Sends messages and learns the fate of each.     produce BOOTSTRAP TOPIC COUNT [none|gzip|snappy|lz4|zstd]
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <cstdio>
#include <map>

#include "imago/async.h"

namespace {

using namespace imago::client;

// [produce]
asio::awaitable<std::size_t> produce(client_options options, codec compression, std::string topic, int count) {
    std::size_t written = 0;
    producer_options how;
    how.compression = compression;
    how.on_delivery = [&](const delivery& batch) {  // once a batch; batch.tags has one entry for each message
        if (batch.error) std::printf("%zu not written: %s\n", batch.tags.size(), batch.error.message().c_str());
        else written += batch.tags.size();
    };
    producer sender(co_await asio::this_coro::executor, std::move(options), std::move(how));
    auto opened = co_await sender.open_topic(std::move(topic));
    for (int i = 0; opened && i < count; ++i) {
        const std::string key = "key " + std::to_string(i % 10);  // one key, one partition, in order
        const std::string value = "message " + std::to_string(i);
        message next;
        next.key = key;
        next.value = value;
        const result<> taken = co_await sender.send(**opened, next);  // waits for room, not for the delivery
        if (!taken) break;
    }
    co_await sender.close();  // everything has been reported
    co_return written;
}
// [/produce]

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    const std::map<std::string, codec> codecs = {
        {"none", codec::none}, {"gzip", codec::gzip}, {"snappy", codec::snappy}, {"lz4", codec::lz4}, {"zstd", codec::zstd}};
    client_options options;
    options.brokers = {argv[1]};
    const int count = std::atoi(argv[3]);
    std::size_t written = 0;
    asio::io_context io(1);
    asio::co_spawn(io, produce(options, argc > 4 ? codecs.at(argv[4]) : codec::none, argv[2], count),
                   [&](std::exception_ptr, std::size_t result) { written = result; });
    io.run();
    std::printf("%zu written\n", written);
    return written == static_cast<std::size_t>(count) ? 0 : 1;
}
