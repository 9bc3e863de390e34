// Requests about several groups: each is asked for itself, and the answer leaves when the last of them has answered.
#pragma once

#include "server/kafka/group_handler.h"

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace imago::kafka {

/// What a group says, or why it does not.
struct described_group {
    std::error_code error;
    groups::group_view view;
};

/// `Outcome` has an error. When the server stops, nobody waits for a write any more: what is still out comes back to
/// nothing, and the client is told to ask elsewhere.
template <class Request, class Response, class Outcome>
class many_groups_handler : public handler<Request, Response> {
public:
    using handler<Request, Response>::handler;

    void hurry() override {
        // Else the last answer is on its way to returned(), or nothing was asked yet.
        if (out_ == nullptr || out_->settled.exchange(true)) return;
        Outcome stopped;
        stopped.error = groups::group_errc::not_coordinator;
        // Others may still write into what they were given.
        finish_now(std::vector<Outcome>(out_->found.size(), stopped));
    }

protected:
    [[nodiscard]] virtual std::size_t count() const = 0;
    /// Asks for one of them. `done` may be called on any thread, also before this returns.
    virtual void ask(std::size_t which, std::function<void(Outcome)> done) = 0;
    /// Adds it to reply(). The outcome stays until the reply was encoded.
    virtual void tell(std::size_t which, const Outcome& found) = 0;

    /// READ, DELETE, DESCRIBE, as a bit field of Kafka's operation numbers.
    static constexpr std::int32_t group_operations = (1 << 3) | (1 << 6) | (1 << 8);

    void run() final {
        if (count() == 0) return this->respond_now();
        out_ = std::make_shared<asked_for>(count());
        for (std::size_t i = 0; i < out_->found.size(); ++i) {
            ask(i, [this, out = out_, i](Outcome found) {
                out->found[i] = std::move(found);
                if (out->left.fetch_sub(1) == 1 && !out->settled.exchange(true)) this->come_back();
            });
        }
    }
    void returned() final { finish_now(std::move(out_->found)); }
    void clear() override {
        handler<Request, Response>::clear();
        out_ = nullptr;
        found_.clear();
    }

    [[nodiscard]] groups::group_coordinator& group_work() { return this->with().broker.group_work; }
    [[nodiscard]] unix_ms now() const { return group_now(this->with().options); }
    [[nodiscard]] std::int16_t error_of(std::error_code error) const {
        return wire::code_of(to_kafka(error, this->with().options.log));
    }
    void describe(std::string_view group, std::function<void(Outcome)> done) {
        group_work().describe(std::string(group), now(),
                              [done = std::move(done)](std::error_code error, groups::group_view view) {
                                  done({error, std::move(view)});
                              });
    }

private:
    struct asked_for {
        explicit asked_for(std::size_t count) : found(count), left(count) {}
        std::vector<Outcome> found;
        std::atomic<std::size_t> left;
        std::atomic<bool> settled{false};
    };

    void finish_now(std::vector<Outcome> found) {
        found_ = std::move(found);
        for (std::size_t i = 0; i < found_.size(); ++i) tell(i, found_[i]);
        this->respond_now();
    }

    std::shared_ptr<asked_for> out_;
    std::vector<Outcome> found_;
};

}  // namespace imago::kafka
