// A data folder, opened to be read and never changed.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "inspect/formats.h"
#include "io/disk.h"

namespace imago::inspect {

/// What the small files say, and reading of the large ones. A folder in use may be looked at too; it is then seen as it
/// was at some moments. One thread.
class folder {
public:
    /// Fails only if there is no such folder or its `log` cannot be listed. `disk` must outlive it.
    [[nodiscard]] static result<folder> open(io::disk& disk, std::string path);

    [[nodiscard]] const std::string& path() const { return path_; }
    /// The segments, by base: those of the manifest, or, if no slot of that is valid, those whose files are there.
    [[nodiscard]] const std::vector<segment_entry>& segments() const { return segments_; }
    [[nodiscard]] bool manifest_valid() const { return manifest_valid_; }
    [[nodiscard]] const std::optional<frontier_stamp>& frontier() const { return frontier_; }
    /// Names in `log` that are neither segments of the manifest nor known otherwise.
    [[nodiscard]] const std::vector<std::string>& strangers() const { return strangers_; }
    /// The segment that holds `position`; null if none does.
    [[nodiscard]] const segment_entry* segment_of(std::uint64_t position) const;

    /// Bytes of the log from `position` on, at most to the end of its segment and of `into`; how many. Fails if the
    /// segment's file is missing or cannot be read.
    [[nodiscard]] result<std::size_t> read_log(std::uint64_t position, byte_span into);
    /// A whole file below the folder; an error if it is not there.
    [[nodiscard]] result<std::vector<std::byte>> read_file(const std::string& name);
    [[nodiscard]] io::disk& disk() { return *disk_; }

    [[nodiscard]] static std::string segment_name(std::uint64_t base);

private:
    folder(io::disk& disk, std::string path) : disk_(&disk), path_(std::move(path)) {}
    [[nodiscard]] result<io::file*> open_segment(std::uint64_t base);

    io::disk* disk_;
    std::string path_;
    std::vector<segment_entry> segments_;
    bool manifest_valid_ = false;
    std::optional<frontier_stamp> frontier_;
    std::vector<std::string> strangers_;
    std::unique_ptr<io::file> open_file_;
    std::uint64_t open_base_ = ~std::uint64_t{0};
};

/// Reads the log through one window that moves forward, so that walking does few and large reads.
class log_window {
public:
    explicit log_window(folder& from) : from_(from) {}
    /// `size` bytes at `position`, or fewer at the end of the segment. Good until the next call.
    [[nodiscard]] result<byte_view> at(std::uint64_t position, std::size_t size);

private:
    folder& from_;
    std::vector<std::byte> bytes_;
    std::uint64_t start_ = 0;
    std::size_t filled_ = 0;
};

}  // namespace imago::inspect
