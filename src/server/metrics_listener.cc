#include "server/metrics_listener.h"

#include "server/http/request_head.h"

namespace imago {

result<std::unique_ptr<net::server>> listen_metrics(std::string host, std::string port, const metric_sources& sources) {
    net::net_options options;
    options.host = std::move(host);
    options.port = std::move(port);
    options.threads = 1;
    options.frame_bytes_max = http::head_bytes_max + 1;
    options.connection_bytes_max = 4 << 20;
    options.total_bytes_max = 32 << 20;
    options.pipelined_max = 4;
    options.connections_max = 64;
    options.idle_timeout = std::chrono::minutes(2);
    options.frame_timeout = std::chrono::seconds(10);
    options.send_timeout = std::chrono::seconds(10);
    const http::responder respond = [&sources](std::string_view path) { return answer_metrics(sources, path); };
    auto made = net::server::listen(std::move(options), [respond](net::event_loop&) {
        return result<std::unique_ptr<net::protocol>>(http::make_service(respond));
    });
    if (made) (*made)->accept();
    return made;
}

}  // namespace imago
