// A world for simulations of groups: a virtual clock, a network that delays, loses and repeats, a server that is killed
// and comes back with what was durable, writes that fail now and then, a disk that stands still for a while. Everything
// follows from the seed.
//
// The server is the real coordinator over the real tables and a store that is stepped. Clients are the simulation's:
// they call the server with call() and are told the answer, late, twice or never. See classic_simulation_test.cc.
#pragma once

#include "broker/broker.h"
#include "broker/groups/errors.h"
#include "store/errors.h"
#include "support/catch.h"
#include "support/fake_store.h"

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace imago::test {

namespace groups = imago::broker::groups;

/// Chances in a thousand, times in milliseconds.
struct world_options {
    int lost = 20;       ///< of requests and of answers
    int repeated = 20;   ///< of requests that may be
    int late = 30;       ///< take up to late_ms
    int late_ms = 3000;
    int usual_ms = 20;
    int write_fails = 3;  ///< of the store's steps
    int stalls = 2;       ///< of the store's steps: the disk stands still before it, for up to stall_ms
    int stall_ms = 60'000;
};

class group_world final : private groups::alarm {
public:
    group_world(std::uint64_t seed, broker::config_map settings, broker::service_options service,
                world_options options = {})
        : random(seed), options_(options), settings_(std::move(settings)), service_options_(std::move(service)) {
        boot();
    }
    ~group_world() override { kill(); }

    std::mt19937_64 random;
    unix_ms now = 1'700'000'000'000;
    /// No more losses, repetitions, failures.
    bool calm = false;

    [[nodiscard]] bool chance(int in_thousand) {
        return std::uniform_int_distribution<int>(0, 999)(random) < in_thousand;
    }
    [[nodiscard]] int pick(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random); }

    [[nodiscard]] broker::service& server() { return *server_->service; }
    [[nodiscard]] broker::broker_tables& tables() { return *server_->tables; }
    /// Changes with each start of the server.
    [[nodiscard]] int incarnation() const { return incarnation_; }

    void at(unix_ms when, std::function<void()> what) { events_.emplace(when, std::move(what)); }
    void after(std::int64_t ms, std::function<void()> what) { at(now + ms, std::move(what)); }

    /// Sends a request: `ask(server, now, done)` runs at the server some time later, and `told(answer)` here, some time
    /// after `done`; or never. Repeated requests are asked again, and their answers go nowhere.
    template <class Answer>
    void call(std::function<void(broker::service&, unix_ms, std::function<void(Answer)>)> ask,
              std::function<void(Answer)> told, bool repeatable) {
        if (!calm && chance(options_.lost)) return;
        after(delay(), [this, ask, told] { arrive<Answer>(ask, told); });
        if (repeatable && !calm && chance(options_.repeated)) {
            after(delay(), [this, ask] { arrive<Answer>(ask, [](Answer) {}); });
        }
    }

    /// The process is gone with everything that was not durable, and another one starts.
    void restart() {
        kill();
        boot();
    }

    /// Until `until`, event by event.
    void run(unix_ms until) {
        for (;;) {
            unix_ms next = until;
            if (!events_.empty()) next = std::min(next, events_.begin()->first);
            if (alarm_at_ <= next) {
                now = std::max(now, alarm_at_);
                alarm_at_ = INT64_MAX;
                server().group_work.tick(now);
                work_soon();
                continue;
            }
            if (events_.empty() || events_.begin()->first > until) break;
            auto node = events_.extract(events_.begin());
            now = node.key();
            node.mapped()();
        }
        now = until;
    }

    /// Answers that the present server still owes.
    [[nodiscard]] int owed() const { return owed_; }

private:
    struct running {
        std::unique_ptr<broker::broker_tables> tables;
        std::unique_ptr<fake_store> store;
        std::unique_ptr<broker::service> service;
    };

    [[nodiscard]] std::int64_t delay() {
        if (!calm && chance(options_.late)) return pick(0, options_.late_ms);
        return pick(0, options_.usual_ms);
    }

    template <class Answer>
    void arrive(const std::function<void(broker::service&, unix_ms, std::function<void(Answer)>)>& ask,
                const std::function<void(Answer)>& told) {
        const int asked_in = incarnation_;
        auto given = std::make_shared<bool>(false);
        ++owed_;
        ask(server(), now, [this, told, asked_in, given](Answer answer) {
            REQUIRE_FALSE(*given);
            *given = true;
            if (asked_in != incarnation_) return;  // that server is dead: nobody hears it
            --owed_;
            if (!calm && chance(options_.lost)) return;
            after(delay(), [this, told, asked_in, answer = std::move(answer)]() mutable {
                if (asked_in == incarnation_) told(std::move(answer));
            });
        });
        work_soon();
    }

    void work_soon() {
        const int asked_in = incarnation_;
        after(pick(0, options_.usual_ms), [this, asked_in] {
            if (asked_in != incarnation_) return;
            if (!calm && now >= stalled_until_ && chance(options_.stalls)) stalled_until_ = now + pick(0, options_.stall_ms);
            if (!calm && now < stalled_until_) {
                return at(stalled_until_, [this, asked_in] {
                    if (asked_in == incarnation_) work_soon();
                });
            }
            if (!calm && chance(options_.write_fails)) {
                server_->store->fail_change(0, make_error_code(store::store_errc::no_space));
            }
            if (server_->store->step()) work_soon();
        });
    }

    void kill() {
        ++incarnation_;
        owed_ = 0;
        stalled_until_ = 0;
        alarm_at_ = INT64_MAX;
        const auto frames = server_->store->frames();
        frames_.insert(frames_.end(), frames.begin(), frames.end());
        server_->store->close();
        server_->service.reset();
        server_.reset();
        alarm_at_ = INT64_MAX;
    }

    void boot() {
        server_ = std::make_unique<running>();
        server_->tables = std::make_unique<broker::broker_tables>(settings_);
        const auto bindings = server_->tables->bindings();
        for (const auto& frame : frames_) {
            for (const auto& change : frame) {
                for (const auto& binding : bindings) {
                    if (binding.id != change.table) continue;
                    binding.state->apply(as_bytes(change.key), as_bytes(change.value), change.removed);
                }
            }
        }
        REQUIRE(server_->tables->problem().empty());
        server_->store = std::make_unique<fake_store>(bindings, fake_store::mode::stepped);
        server_->service = std::make_unique<broker::service>(*server_->store, *server_->tables, service_options_);
        server_->service->group_work.start(*this, now);
        work_soon();
    }

    void set(unix_ms when) override { alarm_at_ = when; }

    const world_options options_;
    const broker::config_map settings_;
    broker::service_options service_options_;
    std::multimap<unix_ms, std::function<void()>> events_;
    std::vector<std::vector<store::table_change>> frames_;
    std::unique_ptr<running> server_;
    unix_ms alarm_at_ = INT64_MAX;
    unix_ms stalled_until_ = 0;
    int incarnation_ = 0;
    int owed_ = 0;
};

}  // namespace imago::test
