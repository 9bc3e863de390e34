// HTTP on the network's side: answers GET and HEAD of a few paths. Of net it knows the interfaces in session.h only.
#pragma once

#include "server/net/session.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace imago::http {

struct answer {
    int status = 200;
    std::string_view type = "text/plain; charset=utf-8";
    std::string body;
};

/// Answers for a path, or with status 404. Called on the network thread; must not block for long.
using responder = std::function<answer(std::string_view path)>;

/// The protocol of one loop. Answers come in the order of the requests; a request that is refused ends the connection.
[[nodiscard]] std::unique_ptr<net::protocol> make_service(responder respond);

}  // namespace imago::http
