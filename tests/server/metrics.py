#!/usr/bin/env python3
"""GET /metrics and /healthz of a running server: the format, counters that follow what was done, ports that are taken.

    metrics.py IMAGO
"""
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import shutil

IMAGO = sys.argv[1]
FOLDER = tempfile.mkdtemp(prefix="imago-metrics-")
checks = 0


def check(what, holds, detail=""):
    global checks
    checks += 1
    if not holds:
        sys.exit(f"FAILED: {what} {detail}")


def start(name, *more):
    """A server with its log; (process, Kafka's address, metrics' address or None)."""
    log = open(f"{FOLDER}/{name}.log", "wb")
    process = subprocess.Popen([IMAGO, "serve", "--data-dir", f"{FOLDER}/{name}", "--kafka", "127.0.0.1:0", *more],
                               stdout=subprocess.PIPE, stderr=log)
    line = process.stdout.readline().decode()
    if "serving kafka on" not in line:
        return process, None, None
    told = open(log.name).read()
    found = re.search(r"metrics on http://([0-9.:]+)/metrics", told)
    return process, line.split()[-1], found.group(1) if found else None


def stop(process):
    process.send_signal(signal.SIGTERM)
    check("the server stops cleanly", process.wait(60) == 0)


def imago(*args, given=b""):
    done = subprocess.run([IMAGO, *args], input=given, capture_output=True, timeout=120)
    check(f"imago {' '.join(args)}", done.returncode == 0, done.stderr.decode())
    return done.stdout


def get(address, path, method="GET"):
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.getheader("Content-Type"), answer.read().decode()


def scrape(address):
    """Every sample; checks the format on the way: each family has its HELP and TYPE before its samples."""
    status, kind, text = get(address, "/metrics")
    check("200 in Prometheus' format", status == 200 and kind.startswith("text/plain; version=0.0.4"), kind)
    check("it ends with a newline", text.endswith("\n"))
    samples, types = {}, {}
    for line in text.splitlines():
        if found := re.fullmatch(r"# TYPE ([a-z_]+) (counter|gauge|histogram)", line):
            check("a family stands once", found[1] not in types, found[1])
            types[found[1]] = found[2]
        elif not line.startswith("# HELP "):
            found = re.fullmatch(r'([a-z_]+)(\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? ([0-9.e+-]+)', line)
            check("a sample is NAME{LABELS} VALUE", found is not None, line)
            family = re.sub(r"_(bucket|sum|count)$", "", found[1]) if found[1] not in types else found[1]
            check("a sample has a type", family in types, line)
            check("counters are named _total or are known", types[family] != "counter" or family.endswith(("_total", "_position")), line)
            check("a sample stands once", found[1] + (found[2] or "") not in samples, line)
            samples[found[1] + (found[2] or "")] = float(found[3])
    return samples


def what_is_told():
    process, kafka, address = start("one", "--set", "metrics.listen=127.0.0.1:0")
    check("the log says where", address is not None)
    before = scrape(address)
    check("an API that nobody asked is told as 0", before['imago_requests_total{api="Produce"}'] == 0)
    os.environ["IMAGO_BROKERS"] = kafka
    imago("topic", "create", "events", "-p", "3")
    imago("produce", "events", given=b"x\n" * 5000)
    check("consumed", len(imago("consume", "events", "-o", "beginning", "-e")) == 10000)
    subprocess.run([IMAGO, "consume", "missing", "-e"], capture_output=True, timeout=60)
    after = scrape(address)

    def grew(name):
        return after[name] - before[name]
    check("records", grew("imago_log_records_total") == 5000, grew("imago_log_records_total"))
    check("requests by API", grew('imago_requests_total{api="Produce"}') > 0 and grew('imago_requests_total{api="CreateTopics"}') == 1)
    check("no errors where there were none", grew('imago_request_errors_total{api="Produce"}') == 0)
    check("errors where there were some", grew('imago_request_errors_total{api="Metadata"}') >= 1, after)
    check("three queues more", grew("imago_queues") == 3, grew("imago_queues"))
    check("read from memory", grew("imago_cache_reads_total") > 0 and grew("imago_disk_reads_total") == 0)
    check("bytes on the wire", grew("imago_received_bytes_total") > 5000 and grew("imago_sent_bytes_total") > 5000)
    check("log bytes hold the batches", grew("imago_log_bytes_total") > grew("imago_log_batch_bytes_total") > 5000)

    buckets = [(k, v) for k, v in after.items() if k.startswith("imago_log_flush_seconds_bucket")]
    check("buckets rise", [v for _, v in buckets] == sorted(v for _, v in buckets) and len(buckets) > 10)
    check("the last bucket is all", buckets[-1][0].endswith('{le="+Inf"}') and buckets[-1][1] == after["imago_log_flush_seconds_count"])
    check("flushes took time", after["imago_log_flush_seconds_sum"] > 0 and grew("imago_log_flush_seconds_count") > 0)
    bounds = [float(re.search('le="([^"]+)"', k)[1]) for k, _ in buckets]
    check("bounds rise", bounds == sorted(bounds))
    check("memory and its budgets", 0 < after['imago_memory_used_bytes{budget="cache"}'] <= after['imago_memory_budget_bytes{budget="cache"}'] == 256 << 20)
    check("the process", after["process_resident_memory_bytes"] > 1 << 20)
    check("no group yet", not any(k.startswith("imago_groups{") for k in after) and after["imago_committed_offsets"] == 0)
    imago("group", "reset", "some", "--topic", "events", "--to-end")
    now = scrape(address)
    check("a group with its offsets", now['imago_groups{state="Empty"}'] == 1 and now["imago_committed_offsets"] == 3, now)
    check("not failed, not full", after["imago_log_failed"] == 0 and after["imago_log_out_of_space"] == 0)

    check("well", get(address, "/healthz")[::2] == (200, "ok\n"))
    check("HEAD has no body", get(address, "/metrics", "HEAD")[::2] == (200, ""))
    check("another path", get(address, "/")[0] == 404)
    check("another method", get(address, "/metrics", "POST")[0] == 405)
    stop(process)
    check("it ends with the server", socket.socket().connect_ex(tuple([address.split(":")[0], int(address.split(":")[1])])) != 0)


def ports():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process, kafka, _ = start("two", "--set", f"metrics.listen=127.0.0.1:{taken.getsockname()[1]}")
        check("a configured port that is taken: no start", process.wait(60) == 1 and kafka is None)
        told = open(f"{FOLDER}/two.log").read()
        check("and it says which", "metrics.listen" in told and "in use" in told, told)
    # Two with the default: one has it, or neither, but both serve.
    first, second = start("three"), start("four")
    for process, kafka, _ in (first, second):
        check("the default that is taken only warns", kafka is not None)
    check("the second says so", second[2] is None and "no metrics: 127.0.0.1:9464" in open(f"{FOLDER}/four.log").read())
    for process, _, _ in (first, second):
        stop(process)
    process, _, address = start("five", "--set", "metrics.listen=")
    check("empty: no listener", address is None and "metrics" not in open(f"{FOLDER}/five.log").read())
    stop(process)


try:
    what_is_told()
    ports()
    print(f"{checks} checks passed")
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
