// The ring of the simulated disk; see sim_disk.h.
#pragma once

#include "io/event_descriptor.h"
#include "io/request_list.h"
#include "io/ring_owner.h"
#include "io/sim_disk.h"

#include <deque>

namespace imago::io {

class sim_file final : public file {
public:
    sim_file(std::string path, open_mode mode, std::size_t block_size, sim_content_ptr the_content,
             std::uint64_t the_generation)
        : file(std::move(path), mode.direct, block_size),
          content(std::move(the_content)),
          generation(the_generation),
          writable(mode.write) {}

    const sim_content_ptr content;
    const std::uint64_t generation;
    const bool writable;
    std::shared_ptr<void> lock;  // held by whoever took it with disk::lock
};

class sim_ring final : public ring {
public:
    sim_ring(sim_disk& disk, unsigned entries);
    ~sim_ring() override;

    void submit(request& request) override;
    void flush() override;
    std::size_t reap() override;
    std::size_t wait(std::chrono::nanoseconds timeout) override;
    void wake() override;
    [[nodiscard]] int event_descriptor() const override;
    [[nodiscard]] std::size_t in_flight() const override { return in_flight_; }

    /// The power goes: hands what is under way to the disk.
    void power_off();
    /// The ring's disk is gone: it forgets its requests.
    void kill();

private:
    struct started {
        io::request* request;
        std::uint64_t up_to;  // for a sync: the writes it covers
    };

    bool complete_one();
    bool perform(const started& entry);
    std::size_t deliver();

    sim_disk* disk_;
    const std::size_t entries_;
    ring_owner owner_;
    request_list submitted_;
    std::deque<started> started_;
    request_list completed_;
    std::size_t in_flight_ = 0;
    bool woken_ = false;
    mutable io::event_descriptor event_;
};

}  // namespace imago::io
