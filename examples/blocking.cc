// Without coroutines and without Asio: sends, and reads back in a group.     blocking BOOTSTRAP GROUP TOPIC COUNT
#include <cstdio>
#include <string>
#include <vector>

#include "imago/blocking.h"

using namespace imago::client;

// [blocking]
result<> there_and_back(const client_options& options, const std::string& group, const std::string& topic, int count) {
    std::vector<std::string> values;
    for (int i = 0; i < count; ++i) values.push_back("message " + std::to_string(i));
    std::vector<message> messages(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) messages[i].value = values[i];

    blocking::producer sender(options);
    result<> going = sender.send(topic, messages);
    if (going) going = sender.flush();  // all are written, or on_delivery has said why not
    if (!going) return going;

    group_options how;
    how.group = group;
    how.start = start_from::beginning();
    blocking::group_consumer member(options, how);
    going = member.subscribe({topic});
    while (going && count > 0) {
        const result<group_pulled> got = member.pull(std::chrono::seconds(1));
        if (!got) return tl::unexpected(got.error());
        for (const record& each : got->records) std::printf("%s\n", std::string(each.value.value_or("null")).c_str());
        count -= static_cast<int>(got->records.size());
    }
    if (going) going = member.commit();
    return going;  // the destructors close in order
}
// [/blocking]

int main(int argc, char** argv) {
    if (argc < 5) return 2;
    client_options options;
    options.brokers = {argv[1]};
    const result<> done = there_and_back(options, argv[2], argv[3], std::atoi(argv[4]));
    if (!done) std::printf("error %s\n", done.error().message().c_str());
    return done ? 0 : 1;
}
