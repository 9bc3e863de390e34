#include "inspect/folder.h"

#include <fmt/format.h>

#include <algorithm>

namespace imago::inspect {

std::string folder::segment_name(std::uint64_t base) { return fmt::format("{:020}.seg", base); }

result<folder> folder::open(io::disk& disk, std::string path) {
    folder made(disk, std::move(path));
    IMAGO_TRY(const std::vector<std::string> names, disk.list(made.path_ + "/log"));
    if (const auto bytes = made.read_file("log/manifest")) {
        if (auto found = decode_manifest(*bytes)) {
            made.manifest_valid_ = true;
            made.segments_ = std::move(found->segments);
        }
    }
    if (const auto bytes = made.read_file("log/frontier")) made.frontier_ = decode_frontier(*bytes);
    for (const std::string& name : names) {
        const bool segment = name.size() == 24 && name.substr(20) == ".seg" &&
                             name.find_first_not_of("0123456789") == 20;
        if (!segment) {
            const bool known = name == "manifest" || name == "frontier" || name.rfind("recycled-", 0) == 0 ||
                               name == "prepare.tmp" || name == "lock";
            if (!known) made.strangers_.push_back(name);
            continue;
        }
        const std::uint64_t base = std::stoull(name.substr(0, 20));
        const bool listed = std::any_of(made.segments_.begin(), made.segments_.end(),
                                        [&](const segment_entry& each) { return each.base == base; });
        if (listed) continue;
        if (made.manifest_valid_) {
            made.strangers_.push_back(name);
            continue;
        }
        // Without a manifest: what the segment says of itself.
        const auto bytes = disk.open(made.path_ + "/log/" + name, {});
        if (!bytes) continue;
        std::vector<std::byte> head(segment_header_size);
        const auto got = disk.read_at(**bytes, 0, head);
        std::string why;
        const auto header = decode_segment_header(byte_view(head).first(got.value_or(0)), why);
        if (header && header->base == base)
            made.segments_.push_back({base, header->size, {{base, header->salt}}});
        else
            made.strangers_.push_back(name);
    }
    std::sort(made.segments_.begin(), made.segments_.end(),
              [](const segment_entry& a, const segment_entry& b) { return a.base < b.base; });
    return made;
}

const segment_entry* folder::segment_of(std::uint64_t position) const {
    auto after = std::upper_bound(segments_.begin(), segments_.end(), position,
                                  [](std::uint64_t p, const segment_entry& each) { return p < each.base; });
    if (after == segments_.begin()) return nullptr;
    --after;
    return position < after->end() ? &*after : nullptr;
}

result<io::file*> folder::open_segment(std::uint64_t base) {
    if (open_file_ && open_base_ == base) return open_file_.get();
    IMAGO_TRY(open_file_, disk_->open(path_ + "/log/" + segment_name(base), {}));
    open_base_ = base;
    return open_file_.get();
}

result<std::size_t> folder::read_log(std::uint64_t position, byte_span into) {
    const segment_entry* segment = segment_of(position);
    if (segment == nullptr) return fail(std::make_error_code(std::errc::no_such_file_or_directory));
    IMAGO_TRY(io::file * file, open_segment(segment->base));
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), segment->end() - position));
    return disk_->read_at(*file, position - segment->base, into.first(size));
}

result<std::vector<std::byte>> folder::read_file(const std::string& name) {
    return io::read_file(*disk_, path_ + "/" + name);
}

result<byte_view> log_window::at(std::uint64_t position, std::size_t size) {
    if (position < start_ || position + size > start_ + filled_) {
        bytes_.resize(std::max<std::size_t>(size, std::size_t{4} << 20));
        start_ = position;
        filled_ = 0;
        IMAGO_TRY(filled_, from_.read_log(position, bytes_));
    }
    const std::size_t offset = static_cast<std::size_t>(position - start_);
    return byte_view(bytes_).subspan(offset, std::min(size, filled_ - offset));
}

}  // namespace imago::inspect
