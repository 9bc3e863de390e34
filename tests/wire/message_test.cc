// Every message at every version: what is encoded decodes to the same, and no prefix or bit flip harms.
#include "support/catch.h"
#include "wire/kafka/writer.h"
#include "wire/random_message.h"

using namespace imago;
using namespace imago::wire;
using namespace imago::wire::kafka;

namespace {

using bytes = std::vector<std::byte>;

template <class Message>
bytes encoded(const Message& message, std::int16_t version) {
    gather_buffer out;
    encode(out, version, message);
    return out.flatten();
}

template <class Message>
bytes random_bytes(std::int16_t version, std::uint64_t seed) {
    test::random_message random(seed);
    Message message;
    fill(random, version, message);
    return encoded(message, version);
}

/// Calls use.operator()<Message>(version) for each message and version.
template <class F>
void for_all_messages(F&& use) {
    for (const api_info& api : all_apis) {
        for (std::int16_t version = api.version_min; version <= api.version_max; ++version) {
            INFO(api.name << " version " << version);
            with_api(api.key, [&]<class T>(T) {
                use.template operator()<typename T::request>(version);
                use.template operator()<typename T::response>(version);
            });
        }
    }
}

}  // namespace

TEST_CASE("every message at every version decodes to what was encoded, in reused memory too", "[wire]") {
    for_all_messages([]<class Message>(std::int16_t version) {
        Message reused;
        for (std::uint64_t seed = 1; seed <= 20; ++seed) {
            const bytes first = random_bytes<Message>(version, seed);
            reader in(first);
            REQUIRE(decode(in, version, reused));
            REQUIRE(in.remaining() == 0);
            REQUIRE(encoded(reused, version) == first);
        }
    });
}

TEST_CASE("a message cut anywhere is an error", "[wire]") {
    for_all_messages([]<class Message>(std::int16_t version) {
        const bytes whole = random_bytes<Message>(version, 7);
        Message into;
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            reader in(part);
            REQUIRE_FALSE(decode(in, version, into));
        }
    });
}

TEST_CASE("flipped bytes never read outside the frame", "[wire]") {
    for_all_messages([]<class Message>(std::int16_t version) {
        const bytes whole = random_bytes<Message>(version, 11);
        Message into;
        for (std::size_t at = 0; at < whole.size(); ++at) {
            for (const int flip : {0xff, 0x80, 0x01}) {
                bytes damaged = whole;
                damaged[at] ^= static_cast<std::byte>(flip);
                reader in(damaged);
                if (decode(in, version, into))
                    REQUIRE(encoded(into, version).size() < whole.size() + 64 * 1024);
            }
        }
    });
}

TEST_CASE("a version outside the range is refused", "[wire]") {
    const bytes nothing(64);
    fetch_request into;
    for (const std::int16_t version : {-1, 3, 19, 32767}) {
        reader in(nothing);
        REQUIRE(decode(in, version, into).error() == wire_errc::unsupported_version);
    }
}

TEST_CASE("a count that the frame cannot hold is refused before memory is taken", "[wire]") {
    gather_buffer out;
    writer to(out);
    to.i32(0x7fffffff);
    const bytes frame = out.flatten();
    metadata_request into;
    reader in(frame);
    REQUIRE(decode(in, 1, into).error() == wire_errc::truncated);
    REQUIRE((!into.topics || into.topics->capacity() == 0));
}

TEST_CASE("unknown tagged fields are skipped", "[wire]") {
    api_versions_request request;
    request.client_software_name = "x";
    request.client_software_version = "1";
    bytes frame = encoded(request, 3);
    REQUIRE(frame.back() == std::byte{0});
    frame.back() = std::byte{2};  // two tagged fields: tag 5 of 3 bytes, tag 1000 of none
    for (const int byte : {5, 3, 1, 2, 3, 0xe8, 0x07, 0}) frame.push_back(static_cast<std::byte>(byte));
    api_versions_request into;
    reader in(frame);
    REQUIRE(decode(in, 3, into));
    REQUIRE(in.remaining() == 0);
    REQUIRE(into.client_software_name == "x");
    REQUIRE(encoded(into, 3) == encoded(request, 3));
}

TEST_CASE("a tagged field that is not its own size is refused", "[wire]") {
    fetch_request request;
    request.cluster_id = "abc";
    bytes frame = encoded(request, 12);
    const std::size_t end = frame.size();
    // ... tags: 1, tag 0, size 4, compact length 4, "abc"
    REQUIRE(frame[end - 7] == std::byte{1});
    frame[end - 5] = std::byte{5};
    frame.push_back(std::byte{0});
    fetch_request into;
    reader in(frame);
    REQUIRE(decode(in, 12, into).error() == wire_errc::bad_value);
}

TEST_CASE("headers follow the flexible versions, and ApiVersions keeps its old response header", "[wire]") {
    REQUIRE(request_header_version(18, 2) == 1);
    REQUIRE(request_header_version(18, 3) == 2);
    REQUIRE(response_header_version(18, 3) == 0);
    REQUIRE(response_header_version(3, 8) == 0);
    REQUIRE(response_header_version(3, 9) == 1);
    REQUIRE(find_api(-1) == nullptr);
    REQUIRE(find_api(32000) == nullptr);
    REQUIRE(find_api(0)->name == "Produce");

    for (const std::int16_t version : {8, 9}) {
        gather_buffer out;
        metadata_request request;
        encode_request_frame(out, {.version = version, .correlation_id = 77, .client_id = "me"}, request);
        const bytes frame = out.flatten();
        REQUIRE(load_be<std::int32_t>(frame.data()) == static_cast<std::int32_t>(frame.size() - 4));
        reader in(byte_view(frame).subspan(4));
        const auto header = decode_request_header(in);
        REQUIRE(header);
        REQUIRE(header->key == 3);
        REQUIRE(header->version == version);
        REQUIRE(header->correlation_id == 77);
        REQUIRE(header->client_id == "me");
        REQUIRE(decode(in, version, request));
        REQUIRE(in.remaining() == 0);
    }
}

TEST_CASE("an unknown key is an error, an unknown version of a known key is not the header's affair",
          "[wire]") {
    const bytes unknown = {std::byte{0x7f}, std::byte{0}, std::byte{0}, std::byte{0},    std::byte{0},
                           std::byte{0},    std::byte{0}, std::byte{1}, std::byte{0xff}, std::byte{0xff}};
    reader in(unknown);
    REQUIRE(decode_request_header(in).error() == wire_errc::unknown_api);
    bytes late = unknown;
    late[0] = std::byte{0};
    late[1] = std::byte{18};
    late[3] = std::byte{99};
    late.push_back(std::byte{0});
    reader again(late);
    const auto header = decode_request_header(again);
    REQUIRE(header);
    REQUIRE(header->version == 99);
    REQUIRE_FALSE(header->client_id);
}

TEST_CASE("records are sent from where they lie", "[wire]") {
    auto slab = std::make_shared<std::vector<std::byte>>(100000, std::byte{7});
    fetch_response response;
    auto& partition = response.responses.emplace_back().partitions.emplace_back();
    partition.records.add({byte_view(*slab).subspan(0, 60000), slab});
    partition.records.add({byte_view(*slab).subspan(60000), slab});
    gather_buffer out;
    encode_response_frame(out, {.version = 12}, response);
    bool first = false, second = false;
    for (byte_view part : out.parts()) {
        first = first || (part.data() == slab->data() && part.size() == 60000);
        second = second || part.data() == slab->data() + 60000;
    }
    REQUIRE(first);
    REQUIRE(second);
    REQUIRE(slab.use_count() > 2);
    response = {};
    REQUIRE(slab.use_count() > 1);  // the frame holds it until it is sent
    out.clear();
    REQUIRE(slab.use_count() == 1);
}

TEST_CASE("handlers are compared with what the codec can do", "[wire]") {
    const handled_api good[] = {{api_key::produce, 3, 13}, {api_key::fetch, 4, 12}};
    REQUIRE(check_handled(good).empty());
    const handled_api bad[] = {{api_key::produce, 3, 14}, {api_key::produce, 3, 13}};
    REQUIRE(check_handled(bad) ==
            "Produce: handles versions 3-14, the codec can do 3-13\nProduce: handled twice\n");
}
