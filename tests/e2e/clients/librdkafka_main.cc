#include "librdkafka.h"

#include <cstdlib>
#include <iostream>
#include <mutex>

namespace e2e {
namespace {

constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

json answer(const std::string& address, const json& request) {
    const std::string verb = request.at("do");
    if (verb == "hello") {
        return {{"version", rd_kafka_version_str()}, {"codecs", {"none", "gzip", "snappy", "lz4", "zstd"}},
                {"can", {"topics", "replaces", "classic", "cooperative", "static", "pattern", "groups", "describe", "offsets", "reset", "delete"}}};
    }
    if (verb == "produce") {
        return produce(address, request);
    }
    if (verb == "consume") {
        return consume(address, request);
    }
    if (is_group_verb(verb)) {
        return group_answer(address, verb, request);
    }
    return administer(address, verb, request);
}

}  // namespace

client connect(rd_kafka_type_t type, const std::string& address, const json& settings) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    char why[512];
    const auto set = [&](const std::string& name, const std::string& value) {
        if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK) {
            throw failure{why, RD_KAFKA_RESP_ERR__INVALID_ARG};
        }
    };
    set("bootstrap.servers", address);
    set("log_level", "0");
    for (const auto& [name, value] : settings.items()) {
        set(name, value);
    }
    client made(rd_kafka_new(type, conf, why, sizeof why));
    if (!made) {
        throw failure{why, RD_KAFKA_RESP_ERR__FAIL};
    }
    return made;
}

json encode(const void* data, std::size_t size) {
    if (data == nullptr) {
        return nullptr;
    }
    const auto* bytes = static_cast<const unsigned char*>(data);
    std::string out;
    out.reserve((size + 2) / 3 * 4);
    for (std::size_t i = 0; i < size; i += 3) {
        const std::size_t left = size - i;
        const unsigned group = bytes[i] << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
        out += alphabet[group >> 18];
        out += alphabet[group >> 12 & 63];
        out += left > 1 ? alphabet[group >> 6 & 63] : '=';
        out += left > 2 ? alphabet[group & 63] : '=';
    }
    return out;
}

std::string decode(const json& text) {
    if (text.is_null()) {
        return {};
    }
    static const std::string digits(alphabet);
    std::string out;
    unsigned bits = 0;
    int held = 0;
    for (const char c : text.get_ref<const std::string&>()) {
        if (c == '=') {
            break;
        }
        bits = bits << 6 | static_cast<unsigned>(digits.find(c));
        held += 6;
        if (held >= 8) {
            held -= 8;
            out += static_cast<char>(bits >> held & 0xff);
        }
    }
    return out;
}

void say(const json& what) {
    static std::mutex speaking;
    const std::lock_guard lock(speaking);
    std::cout << what.dump() << std::endl;
}

}  // namespace e2e

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: e2e_librdkafka HOST:PORT, then one command a line on stdin (see session.py)\n";
        return 2;
    }
    for (std::string line; std::getline(std::cin, line);) {
        e2e::json reply;
        try {
            const auto request = e2e::json::parse(line);
            reply["ok"] = e2e::answer(argv[1], request);
        } catch (const e2e::failure& error) {
            reply = {{"error", error.text}, {"code", error.code}};
        } catch (const std::exception& error) {
            reply = {{"error", error.what()}, {"code", nullptr}};
        }
        e2e::say(reply);
    }
    std::_Exit(0);    // a member that has not left dies here
}
