#include "server/kafka/request.h"

#include "server/kafka/worker.h"

namespace imago::kafka {

void request::start() {
    home_.count_request(kind_);
    wire::reader in(frame());
    const auto header = wire::decode_request_header(in);
    if (!header) return malformed(header.error());
    header_ = *header;
    read(in);
}

void request::release() {
    out_.clear();
    header_ = {};
    clear();
    home_.recycle(*this);
}

const services& request::with() const { return home_.with(); }

void request::log(std::string_view what) const {
    const wire::api_info* api = wire::find_api(header_.key);
    std::string line(link().peer());
    line += ": ";
    line += api != nullptr ? api->name : "request";
    line += " v" + std::to_string(header_.version) + ": ";
    line += what;
    home_.complain(line);
}

void request::count_error() { home_.count_error(kind_); }

void request::malformed(std::error_code why) {
    count_error();
    log("closing: " + why.message());
    finish(then::close);
}

}  // namespace imago::kafka
