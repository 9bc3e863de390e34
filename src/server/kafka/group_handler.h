// What the handlers of group requests have in common.
#pragma once

#include "broker/broker.h"
#include "broker/groups/errors.h"
#include "server/kafka/error_map.h"
#include "server/kafka/request.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace imago::kafka {

namespace groups = broker::groups;

/// The clock of the groups' deadlines.
[[nodiscard]] inline unix_ms group_now(const kafka_options& options) {
    return options.group_clock ? options.group_clock() : options.clock();
}

[[nodiscard]] inline groups::instance_id to_instance(const std::optional<std::string_view>& text) {
    if (!text) return std::nullopt;
    return std::string(*text);
}

[[nodiscard]] inline std::optional<std::string_view> view_of(const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    return std::string_view(*text);
}

/// Asks a group and answers when the group does, which may be long after. The group knows nothing of connections:
/// when the client goes away its answer is dropped, and the member stays until its session ends.
template <class Request, class Response, class Answer>
class group_handler : public handler<Request, Response> {
public:
    using handler<Request, Response>::handler;

    void hurry() override {
        // False: the answer is on its way to returned(), or nothing was asked yet.
        if (!ticket_.forget()) return;
        answer_ = {};
        answer_.error = groups::group_errc::not_coordinator;
        finish_now();
    }

protected:
    /// Asks the group; the callback for it is on_answer().
    virtual groups::ticket ask() = 0;
    /// Writes the answer into reply(). The answer stays until the reply was encoded.
    virtual void tell(Answer& answer) = 0;

    void run() final { ticket_ = ask(); }
    void returned() final { finish_now(); }
    void clear() override {
        handler<Request, Response>::clear();
        ticket_ = {};
        answer_ = {};
    }

    [[nodiscard]] groups::answer_to<Answer> on_answer() {
        return [this](Answer answer) {
            answer_ = std::move(answer);
            this->come_back();
        };
    }
    [[nodiscard]] groups::group_coordinator& group_work() { return this->with().broker.group_work; }
    [[nodiscard]] unix_ms now() const { return group_now(this->with().options); }
    [[nodiscard]] std::int16_t error_of(std::error_code error) const {
        return wire::code_of(to_kafka(error, this->with().options.log));
    }
    /// The client's own name, and "/" with its address, as Kafka shows it.
    [[nodiscard]] groups::client_identity client() const {
        std::string_view host = this->link().peer();
        host = host.substr(0, host.rfind(':'));
        if (host.size() >= 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
        return {std::string(this->header().client_id.value_or("")), "/" + std::string(host)};
    }

private:
    void finish_now() {
        tell(answer_);
        this->respond_now();
    }

    groups::ticket ticket_;
    Answer answer_;
};

}  // namespace imago::kafka
