#include "imago/errors.h"

#include <array>
#include <cerrno>
#include <string>

#include "wire/kafka/error_code.h"

namespace imago::client {
namespace {

wire::kafka::kafka_error known(int code) { return static_cast<wire::kafka::kafka_error>(code); }

class kafka_errors final : public std::error_category {
public:
    const char* name() const noexcept override { return "kafka"; }
    std::string message(int code) const override {
        return std::string(wire::kafka::error_text(known(code)));
    }
};

constexpr std::array<std::string_view, 17> client_names = {
    "",            "TIMED_OUT",         "CONNECTION_LOST", "NOT_REACHABLE",     "NOT_KAFKA",         "NO_COMMON_VERSION",
    "CLOSED",      "BUFFER_FULL",       "MESSAGE_TOO_LARGE", "OUTCOME_UNKNOWN", "BAD_RESPONSE",      "NO_SUCH_PARTITION",
    "BAD_ARGUMENT", "NO_POSITION",      "NOT_SUBSCRIBED",  "DAMAGED_POSITIONS", "CANNOT_SAVE"};

class client_errors final : public std::error_category {
public:
    const char* name() const noexcept override { return "imago.client"; }
    std::string message(int code) const override {
        switch (static_cast<client_errc>(code)) {
            case client_errc::timed_out: return "no answer in time";
            case client_errc::connection_lost: return "the connection was lost";
            case client_errc::not_reachable: return "no broker could be reached";
            case client_errc::not_kafka: return "what answers there does not speak the Kafka protocol";
            case client_errc::no_common_version: return "the server supports no version of this request that we know";
            case client_errc::closed: return "closed";
            case client_errc::buffer_full: return "the producer's buffer is full";
            case client_errc::message_too_large: return "the message is larger than a request may be";
            case client_errc::outcome_unknown: return "it is not known whether the batch was written";
            case client_errc::bad_response: return "the server's answer makes no sense";
            case client_errc::no_such_partition: return "the topic has no such partition";
            case client_errc::bad_argument: return "an argument is outside its range";
            case client_errc::no_position: return "no position is known and there is no rule where to start";
            case client_errc::not_subscribed: return "not subscribed, or the partition is not ours";
            case client_errc::damaged_positions: return "the file of positions is damaged, or is none";
            case client_errc::cannot_save: return "the file of positions cannot be written";
        }
        return "unknown error";
    }
};

}  // namespace

const std::error_category& kafka_category() noexcept {
    static const kafka_errors category;
    return category;
}
const std::error_category& client_category() noexcept {
    static const client_errors category;
    return category;
}

std::error_code from_wire(std::int16_t code) noexcept {
    if (code == 0) return {};
    return {code, kafka_category()};
}

bool is_retriable(std::error_code error) noexcept {
    if (error.category() == kafka_category()) return wire::kafka::is_retriable(known(error.value()));
    // What the system says when a server is away for a while.
    if (error.category() == std::system_category()) {
        switch (error.value()) {
            case ECONNREFUSED:
            case ECONNRESET:
            case ECONNABORTED:
            case EPIPE:
            case ETIMEDOUT:
            case EHOSTUNREACH:
            case EHOSTDOWN:
            case ENETUNREACH:
            case ENETDOWN:
            case ENETRESET: return true;
            default: return false;
        }
    }
    return error == client_errc::timed_out || error == client_errc::connection_lost ||
           error == client_errc::not_reachable;
}

std::string_view name_of(std::error_code error) noexcept {
    if (error.category() == kafka_category()) return wire::kafka::error_name(known(error.value()));
    if (error.category() == client_category() && error.value() > 0 &&
        error.value() < static_cast<int>(client_names.size()))
        return client_names[static_cast<std::size_t>(error.value())];
    return "SYSTEM_ERROR";
}

}  // namespace imago::client
