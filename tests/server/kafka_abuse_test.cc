// Whatever bytes come, the server goes on serving others, and holds no memory for the offender.
#include "kafka_server.h"
#include "wire/kafka/all_messages.h"
#include "wire/kafka/api_versions.h"

#include <random>

namespace imago::test {

namespace {

/// A valid request of every kind that is served, in every version.
std::vector<std::string> valid_requests() {
    std::vector<std::string> all;
    for (const wire::api_info& info : wire::all_apis) {
        for (std::int16_t version = info.version_min; version <= info.version_max; ++version) {
            wire::with_api(info.key, [&](auto types) {
                typename decltype(types)::request request;
                imago::wire::gather_buffer out;
                encode_request_frame(out, {0, version, 1, "abuse"}, request);
                const auto bytes = out.flatten();
                all.emplace_back(as_text(byte_view(bytes).subspan(4)));
            });
        }
    }
    return all;
}

}  // namespace

TEST_CASE("random, cut and changed frames harm nobody", "[kafka]") {
    kafka_server server;
    const auto seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const std::vector<std::string> valid = valid_requests();
    kafka_client honest(server);
    for (int round = 0; round < 400; ++round) {
        peer client(server.port());
        std::string all;
        for (int i = 0; i < 5; ++i) {
            std::string body = valid[random() % valid.size()];
            switch (random() % 5) {
                case 0:
                    body.resize(random() % (body.size() + 1));
                    break;
                case 1:
                    for (int flips = 0; flips < 3 && !body.empty(); ++flips) {
                        body[random() % body.size()] = static_cast<char>(random());
                    }
                    break;
                case 2:
                    for (int extra = 0; extra < 40; ++extra) body += static_cast<char>(random());
                    break;
                case 3:
                    for (char& c : body) c = static_cast<char>(random());
                    break;
                default:
                    break;
            }
            all += peer::framed(body);
        }
        if (round % 3 == 0) all.resize(random() % (all.size() + 1));
        client.send(all);
        if (round % 20 == 0) {
            REQUIRE(honest.call<wire::api_versions_response>(3, wire::api_versions_request{}).error_code ==
                    0);
        }
    }
    CHECK(honest.call<wire::api_versions_response>(3, wire::api_versions_request{}).error_code == 0);
    CHECK(soon([&] { return server.net->statistics().connections == 1; }));
    CHECK(server.net->statistics().bytes_held == 0);
}

TEST_CASE("broken requests do not flood the log", "[kafka]") {
    kafka_server server;
    for (int i = 0; i < 300; ++i) {
        peer client(server.port());
        REQUIRE(client.send(peer::framed(std::string("\x03\xe7\0\0\0\0\0\1\xff\xff", 10))));
        CHECK(client.receive() == "(closed)");
    }
    CHECK(server.lines_logged() >= 10);
    CHECK(server.lines_logged() < 150);
}

}  // namespace imago::test
