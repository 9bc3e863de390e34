// Standard input in large blocks, read by a thread of its own so that the network does not wait for it.
#pragma once

#include <asio/io_context.hpp>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "client/event.h"

namespace imago::client::cli {

/// Reads ahead a few blocks. One thread calls next(); the object belongs to its io_context.
class block_reader {
public:
    block_reader(asio::io_context& io, int descriptor);
    /// Stops reading. A read that is blocked on a terminal or pipe is left behind.
    ~block_reader();

    /// The next block, good until the next call; empty at the end of the input, on an error (see error()) and after
    /// stop().
    [[nodiscard]] asio::awaitable<std::string_view> next();
    [[nodiscard]] std::error_code error() const { return error_; }
    /// Ends next() as if the input had ended.
    void stop();

private:
    static constexpr std::size_t block_size = 1 << 20;
    static constexpr std::size_t blocks = 4;
    struct block {
        std::unique_ptr<char[]> bytes{new char[block_size]};
        std::size_t size = 0;
    };
    /// What both threads touch; outlives the object while the thread is blocked in read().
    struct shared {
        std::mutex mutex;
        std::condition_variable freed;
        std::vector<block> free;
        std::deque<block> full;
        int error = 0;
        bool ended = false;
        bool stopped = false;
    };
    static void read_all(std::shared_ptr<shared> state, int descriptor, std::function<void()> tell);

    event arrived_;
    std::shared_ptr<shared> state_;
    std::shared_ptr<event*> target_;  // where arrivals are told; null after destruction
    block current_;
    bool have_current_ = false;
    std::error_code error_;
};

}  // namespace imago::client::cli
