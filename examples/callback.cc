// Functions that are called with what comes.     callback BOOTSTRAP GROUP TOPIC COUNT
#include <atomic>
#include <cstdio>
#include <future>
#include <string>

#include "imago/callback.h"

using namespace imago::client;

// [callback]
std::error_code there_and_back(const client_options& options, const std::string& group, const std::string& topic, int count) {
    std::promise<std::error_code> done;  // what ends this: all is read, or an error
    int left = count;                    // on the consumer's thread only
    group_options how;
    how.group = group;
    how.start = start_from::beginning();
    callback::group_consumer member(options, how, {topic}, [&](const result<group_pulled>& got) {
        if (left <= 0) return;
        if (!got) {
            if (is_retriable(got.error())) return;
            left = 0;
            return done.set_value(got.error());
        }
        for (const record& each : got->records) std::printf("%s\n", std::string(each.value.value_or("null")).c_str());
        left -= static_cast<int>(got->records.size());
        if (left <= 0) done.set_value({});
    });

    std::atomic<int> written{0};
    callback::producer sender(options);
    for (int i = 0; i < count; ++i) {
        const std::string value = "message " + std::to_string(i);
        message next;
        next.value = value;
        sender.send(topic, next, [&](const callback::sent& fate) {
            if (fate.error) std::printf("not written: %s\n", fate.error.message().c_str());
            else ++written;
        });
    }
    sender.stop();  // every message has been told of
    const std::error_code error = written == count ? done.get_future().get() : make_error_code(client_errc::outcome_unknown);
    member.stop();
    return error;
}
// [/callback]

int main(int argc, char** argv) {
    if (argc < 5) return 2;
    client_options options;
    options.brokers = {argv[1]};
    const std::error_code error = there_and_back(options, argv[2], argv[3], std::atoi(argv[4]));
    if (error) std::printf("error %s\n", error.message().c_str());
    return error ? 1 : 0;
}
