// Reads one partition from a time on to its end.     read_since BOOTSTRAP TOPIC PARTITION MILLISECONDS_SINCE_1970
#include <cstdio>
#include <cstdlib>

#include "imago/blocking.h"

using namespace imago::client;

// [read_since]
result<> read(const client_options& options, const topic_partition& where, timestamp_ms since) {
    blocking::admin admin(options);
    const auto begin = admin.list_offsets({where}, since);
    const auto end = admin.list_offsets({where}, offset_spec::latest);
    if (!begin || !end) return tl::unexpected(begin ? end.error() : begin.error());
    if (begin->front().error) return tl::unexpected(begin->front().error);
    if (begin->front().offset < 0) return {};  // nothing is so young

    blocking::consumer reader(options);
    result<> going = reader.assign(where, begin->front().offset);
    while (going && reader.position(where) < end->front().offset) {
        const result<pulled> got = reader.pull(std::chrono::seconds(1));
        if (!got || got->error) return tl::unexpected(got ? got->error : got.error());
        for (const record& each : got->records)
            std::printf("%lld %s\n", static_cast<long long>(each.timestamp), std::string(each.value.value_or("null")).c_str());
    }
    return going;
}
// [/read_since]

int main(int argc, char** argv) {
    if (argc < 5) return 2;
    client_options options;
    options.brokers = {argv[1]};
    const result<> done = read(options, {argv[2], std::atoi(argv[3])}, std::atoll(argv[4]));
    if (!done) std::printf("error %s\n", done.error().message().c_str());
    return done ? 0 : 1;
}
