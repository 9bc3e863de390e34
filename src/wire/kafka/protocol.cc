#include "wire/kafka/protocol.h"

#include "wire/kafka/writer.h"

#include <set>

namespace imago::wire::kafka {
namespace {

constexpr std::size_t keys = static_cast<std::size_t>(all_apis.back().key) + 1;

/// Where each key is in all_apis, plus one; 0 = nowhere.
constexpr auto places = [] {
    std::array<std::uint8_t, keys> made{};
    for (std::size_t i = 0; i < all_apis.size(); ++i)
        made[static_cast<std::size_t>(all_apis[i].key)] = static_cast<std::uint8_t>(i + 1);
    return made;
}();

bool is_flexible(std::int16_t key, std::int16_t version) noexcept {
    const api_info* api = find_api(key);
    return api != nullptr && version >= api->flexible_from;
}

}  // namespace

const api_info* find_api(std::int16_t key) noexcept {
    if (key < 0 || static_cast<std::size_t>(key) >= keys) return nullptr;
    const std::uint8_t place = places[static_cast<std::size_t>(key)];
    return place == 0 ? nullptr : &all_apis[place - 1u];
}

std::int16_t request_header_version(std::int16_t key, std::int16_t version) noexcept {
    return is_flexible(key, version) ? 2 : 1;
}

std::int16_t response_header_version(std::int16_t key, std::int16_t version) noexcept {
    return is_flexible(key, version) && key != static_cast<std::int16_t>(api_key::api_versions) ? 1 : 0;
}

result<request_header> decode_request_header(reader& in) {
    request_header header;
    header.key = in.i16();
    header.version = in.i16();
    header.correlation_id = in.i32();
    if (in.ok() && find_api(header.key) == nullptr) in.fail(wire_errc::unknown_api);
    header.client_id = in.nullable_string(false);
    if (request_header_version(header.key, header.version) == 2) in.skip_tags();
    IMAGO_CHECK(in.status());
    return header;
}

void encode_request_header(gather_buffer& out, const request_header& header) {
    writer to(out);
    to.i16(header.key);
    to.i16(header.version);
    to.i32(header.correlation_id);
    to.nullable_string(header.client_id, false);
    if (request_header_version(header.key, header.version) == 2) to.varint(0);
}

result<std::int32_t> decode_response_header(reader& in, std::int16_t key, std::int16_t version) {
    const std::int32_t correlation_id = in.i32();
    if (response_header_version(key, version) == 1) in.skip_tags();
    IMAGO_CHECK(in.status());
    return correlation_id;
}

void encode_response_header(gather_buffer& out, const request_header& header) {
    writer to(out);
    to.i32(header.correlation_id);
    if (response_header_version(header.key, header.version) == 1) to.varint(0);
}

std::string check_handled(std::span<const handled_api> handled) {
    std::string wrong;
    std::set<api_key> seen;
    for (const handled_api& one : handled) {
        const api_info* api = find_api(static_cast<std::int16_t>(one.key));
        const std::string name = api ? std::string(api->name) : std::to_string(static_cast<int>(one.key));
        if (!seen.insert(one.key).second) wrong += name + ": handled twice\n";
        if (api == nullptr) {
            wrong += name + ": no such message\n";
        } else if (one.version_min > one.version_max || one.version_min < api->version_min ||
                   one.version_max > api->version_max) {
            wrong += name + ": handles versions " + std::to_string(one.version_min) + "-" +
                     std::to_string(one.version_max) + ", the codec can do " +
                     std::to_string(api->version_min) + "-" + std::to_string(api->version_max) + "\n";
        }
    }
    return wrong;
}

}  // namespace imago::wire::kafka
