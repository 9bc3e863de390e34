#include "inspect/cli.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/record_batch.h"
#include "inspect/check.h"
#include "inspect/dump.h"

namespace imago::inspect {
namespace {

using json = nlohmann::json;

struct log_settings {
    std::string directory;
    std::string output = "table";
    dump_filter filter;
    bool no_index = false;
    progress tell;

    [[nodiscard]] bool as_json() const { return output == "json"; }
};

std::string time_text(std::int64_t ms) {
    if (ms < 0) return "-";
    const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
    std::tm parts{};
    if (::gmtime_r(&seconds, &parts) == nullptr) return std::to_string(ms);
    char text[32];
    const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    return fmt::format("{}.{:03}Z", std::string_view(text, size), ms % 1000);
}

std::string place_of(const finding& each) {
    std::string text = each.place;
    if (each.to > each.from) text = fmt::format("log positions {} to {}", each.from, each.to);
    if (each.queue >= 0) text += fmt::format(", queue {}", each.queue);
    if (each.first_offset >= 0) text += fmt::format(", offsets {} to {}", each.first_offset, each.end_offset - 1);
    return text;
}

json as_json(const finding& each) {
    json entry = {{"level", each.level == severity::error ? "error" : "note"}, {"place", each.place}, {"what", each.what}};
    if (each.to > each.from) {
        entry["from"] = each.from;
        entry["to"] = each.to;
    }
    if (each.queue >= 0) entry["queue"] = each.queue;
    if (each.first_offset >= 0) {
        entry["first_offset"] = each.first_offset;
        entry["end_offset"] = each.end_offset;
    }
    return entry;
}

/// Opens the folder and hands it to `work`.
template <class F>
int with_folder(const log_settings& settings, F work) {
    const std::unique_ptr<io::disk> disk = io::make_posix_disk();
    auto opened = folder::open(*disk, settings.directory);
    if (!opened) {
        fmt::print(stderr, "imago: {} holds no log: {}\n       Give the folder that `imago serve --data-dir` was given.\n",
                   settings.directory, opened.error().message());
        return 1;
    }
    return work(*opened);
}

int check(const log_settings& settings) {
    return with_folder(settings, [&](folder& from) {
        const inspection found = inspect(from, !settings.no_index, settings.tell);
        std::size_t errors = 0;
        for (const finding& each : found.findings) errors += each.level == severity::error ? 1 : 0;
        if (settings.as_json()) {
            json all = {{"sound", found.sound()},
                        {"frames", found.frames},
                        {"batch_bytes", found.batch_bytes},
                        {"queues", found.queues.size()},
                        {"index_blocks", found.index_blocks},
                        {"end", found.log.end},
                        {"durable", found.log.durable},
                        {"findings", json::array()}};
            for (const finding& each : found.findings) all["findings"].push_back(as_json(each));
            fmt::print("{}\n", all.dump(2));
        } else {
            for (const finding& each : found.findings)
                fmt::print("{}: {}: {}\n", each.level == severity::error ? "error" : "note", place_of(each), each.what);
            fmt::print("{} frames, {} bytes of batches, {} queues, {} index blocks: {}\n", found.frames, found.batch_bytes,
                       found.queues.size(), found.index_blocks,
                       errors == 0 ? "sound" : fmt::format("{} errors", errors));
        }
        return errors == 0 ? 0 : 1;
    });
}

void print_info(folder& from, const inspection& found) {
    std::uint64_t bytes = 0;
    for (const segment_entry& each : from.segments()) bytes += each.bytes;
    fmt::print("log:        {} segments, {} bytes, positions {} to {}\n", from.segments().size(), bytes,
               from.segments().empty() ? 0 : from.segments().front().base, found.log.end);
    fmt::print("durable:    {}{}\n", found.log.durable,
               from.frontier() ? from.frontier()->clean ? " (clean stop)" : " (not stopped cleanly, or running)" : "");
    if (found.log.torn)
        fmt::print("torn tail:  {} to {}: {}\n", found.log.torn->from, found.log.torn->to, found.log.torn->reason);
    for (const bad_range& each : found.log.damage) fmt::print("damage:     {} to {}: {}\n", each.from, each.to, each.reason);
    if (found.checkpoints.newest) {
        const checkpoint& newest = *found.checkpoints.newest;
        fmt::print("checkpoint: {}, sequence {}, replay from {} ({} bytes), {} queues, {} table keys, {} producers\n",
                   newest.file, newest.sequence, newest.replay_from,
                   found.log.end - std::min(found.log.end, newest.replay_from), newest.queues.size(), newest.table_keys,
                   newest.producers);
    } else {
        fmt::print("checkpoint: none\n");
    }
    for (const journal& each : found.journals)
        fmt::print("journal:    {}, sequence {}, {} entries in {} pieces, covers {} to {}\n", each.file, each.sequence,
                   each.entries.size(), each.pieces, each.from, each.to);
    fmt::print("frames:     {}, {} bytes of batches\n", found.frames, found.batch_bytes);
    fmt::print("\n{:>20}  {:>12}  {:>20}  {}\n", "SEGMENT", "BYTES", "SALT", "SPANS");
    for (const segment_entry& each : from.segments())
        fmt::print("{:>20}  {:>12}  {:>20x}  {}\n", each.base, each.bytes, each.spans.empty() ? 0 : each.spans.front().salt,
                   each.spans.size());
    fmt::print("\n{:>8}  {:>12}  {:>12}  {:>10}  {:>14}  {}\n", "QUEUE", "START", "END", "BATCHES", "BYTES", "LAST APPEND");
    for (const auto& [id, each] : found.queues) {
        if (each.removed) continue;
        fmt::print("{:>8}  {:>12}  {:>12}  {:>10}  {:>14}  {}\n", id, each.start, each.end, each.batches, each.bytes,
                   time_text(each.last_append));
    }
}

int info(const log_settings& settings) {
    return with_folder(settings, [&](folder& from) {
        const inspection found = inspect(from, false, settings.tell);
        if (!settings.as_json()) {
            print_info(from, found);
            return found.sound() ? 0 : 1;
        }
        json all = {{"end", found.log.end}, {"durable", found.log.durable}, {"frames", found.frames},
                    {"batch_bytes", found.batch_bytes}, {"segments", json::array()}, {"queues", json::array()},
                    {"damage", json::array()}, {"journals", json::array()}};
        for (const journal& each : found.journals)
            all["journals"].push_back({{"file", each.file}, {"sequence", each.sequence}, {"pieces", each.pieces},
                                       {"entries", each.entries.size()}, {"from", each.from}, {"to", each.to}});
        if (from.frontier()) all["clean_stop"] = from.frontier()->clean;
        for (const segment_entry& each : from.segments())
            all["segments"].push_back({{"base", each.base}, {"bytes", each.bytes}, {"spans", each.spans.size()}});
        for (const bad_range& each : found.log.damage)
            all["damage"].push_back({{"from", each.from}, {"to", each.to}, {"reason", each.reason}});
        if (found.log.torn) all["torn"] = {{"from", found.log.torn->from}, {"to", found.log.torn->to}};
        if (found.checkpoints.newest)
            all["checkpoint"] = {{"file", found.checkpoints.newest->file},
                                 {"sequence", found.checkpoints.newest->sequence},
                                 {"replay_from", found.checkpoints.newest->replay_from},
                                 {"queues", found.checkpoints.newest->queues.size()}};
        for (const auto& [id, each] : found.queues)
            if (!each.removed)
                all["queues"].push_back({{"queue", id}, {"start", each.start}, {"end", each.end},
                                         {"batches", each.batches}, {"bytes", each.bytes}, {"last_append", each.last_append}});
        fmt::print("{}\n", all.dump(2));
        return found.sound() ? 0 : 1;
    });
}

int dump_log(const log_settings& settings) {
    return with_folder(settings, [&](folder& from) { return dump(from, settings.filter, settings.as_json()) ? 0 : 1; });
}

}  // namespace

void add_log_commands(CLI::App& app, std::function<int()>& chosen, const progress& tell) {
    CLI::App* log = app.add_subcommand("log", "Look at a data folder without a server; changes nothing");
    log->require_subcommand(1);
    log->footer("\nWorks on a stopped or damaged folder. Exit code: 0 sound, 1 something is wrong or cannot be read, "
                "2 wrong arguments.");
    const auto add = [&](const char* name, const char* what, const char* footer, int (*work)(const log_settings&)) {
        auto settings = std::make_shared<log_settings>();
        settings->tell = tell;
        CLI::App* command = log->add_subcommand(name, what);
        command->footer(footer);
        command->add_option("directory", settings->directory, "The data folder")->required()->type_name("DIR");
        command->add_option("--output", settings->output, "table or json")->check(CLI::IsMember({"table", "json"}))
            ->capture_default_str();
        command->callback([settings, work, &chosen] { chosen = [settings, work] { return work(*settings); }; });
        return std::pair(command, settings);
    };
    static_cast<void>(add("info", "Segments, durable frontier, checkpoint, index journal and queues",
                          "\nExample: imago log info /var/lib/imago", info));
    const auto [checking, c] = add("check",
                                   "Verify every frame, batch, offset, index block, the checkpoint and the index journal",
                                   "\nPrints each place that is wrong with position, queue and offsets. A torn tail that was "
                                   "never acknowledged is a note, no error.\nExample: imago log check /var/lib/imago",
                                   check);
    checking->add_flag("--no-index", c->no_index, "Leave out the blocks of the index");
    const auto [dumping, d] = add("dump", "Print each frame as a line, or as JSON",
                                  "\nExample: imago log dump /var/lib/imago --queue 17 --records | head", dump_log);
    dumping->add_option("--queue", d->filter.queue, "Only this queue's frames")->type_name("ID")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{0xffffffff}));
    dumping->add_option("--from", d->filter.from, "Only frames at this position or later")->type_name("POSITION");
    dumping->add_option("--to", d->filter.to, "Only frames before this position")->type_name("POSITION");
    dumping->add_flag("--records", d->filter.records, "The records of uncompressed batches too");
}

}  // namespace imago::inspect
