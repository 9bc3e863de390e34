// One TCP connection of the load generator: requests that were made before go out with new correlation ids, answers come in.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace imago::bench {

/// The first 12 bytes of a request: length, API, version, correlation id. The rest never changes.
struct request_frame {
    std::vector<std::byte> bytes;
    [[nodiscard]] byte_view rest() const { return byte_view(bytes).subspan(12); }
};

/// Non-blocking, without a thread of its own: whoever waits for the descriptor calls ready(). Failures end the program's
/// measurement: error() says which.
class channel {
public:
    /// `answered` gets the correlation id and the answer behind it; the bytes are good during the call.
    using answer_function = std::function<void(std::int32_t correlation, byte_view body)>;

    [[nodiscard]] static result<std::unique_ptr<channel>> open(const std::string& host, const std::string& port);
    ~channel();
    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;

    void on_answer(answer_function answered) { answered_ = std::move(answered); }
    /// Frames are referred to until they are sent: they must live as long as the channel.
    void send(const request_frame& frame, std::int32_t correlation);
    /// The same with a copy of the frame.
    void send_copy(request_frame frame, std::int32_t correlation);
    /// Writes and reads what can be without waiting.
    void ready();

    [[nodiscard]] int descriptor() const { return socket_; }
    [[nodiscard]] bool wants_to_write() const { return !outgoing_.empty(); }
    /// Gets this channel each time that it could not write all, or failed.
    void tell(std::vector<channel*>* attention) { attention_ = attention; }
    bool waits_for_room = false;  ///< the engine's
    [[nodiscard]] const std::string& error() const { return error_; }

private:
    explicit channel(int socket) : socket_(socket), incoming_(1 << 20) {}
    void queue(const request_frame& frame, std::int32_t correlation);
    void write_some();
    void read_some();
    void fail(const char* what);
    void need_attention() {
        if (attention_ != nullptr) attention_->push_back(this);
    }

    struct going {
        std::array<std::byte, 12> head;
        byte_view rest;
        std::vector<std::byte> own;
    };
    int socket_;
    std::deque<going> outgoing_;
    std::size_t sent_ = 0;  // of the first
    std::vector<std::byte> incoming_;
    std::size_t filled_ = 0;
    answer_function answered_;
    std::vector<channel*>* attention_ = nullptr;
    std::string error_;
};

}  // namespace imago::bench
