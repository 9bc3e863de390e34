import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;

/**
 * RocketMQ as a load, with its own Java client.
 *
 * <p>Load create|produce|fill|consume|end-to-end|ready -server NAMESERVER -broker HOST:PORT -topic T -queues N ...
 *
 * <p>A group is a batch, which goes to one queue: RocketMQ's batches have one. Without a rate a producer has -window
 * groups in flight; with one, times count from when a group was due, whether or not it could be sent then.
 */
public final class Load {
    static final long begin = System.nanoTime();

    static long now() {
        return System.nanoTime() - begin;
    }

    /** What was acknowledged while the measurement is on. */
    static final class Meter {
        final Times times = new Times();
        final AtomicLong acknowledged = new AtomicLong();
        volatile boolean on;

        void done(long due, int messages) {
            long took = now() - due;
            acknowledged.addAndGet(messages);
            if (on) times.record(took, messages);
        }
    }

    static void giveUp(Throwable why) {
        System.err.println(why);
        Runtime.getRuntime().halt(1);
    }

    /** Tells the caller that the measurement begins or ends now: it then looks at the server's counters. */
    static void mark(String at) {
        System.out.println("{\"mark\":\"" + at + "\"}");
    }

    static void report(Options with, String setting, double seconds, long messages, String of, Times times) {
        String line = String.format(Locale.ROOT,
            "{\"what\":\"%s\",\"setting\":\"%s\",\"seconds\":%.6f,\"messages\":%d,\"messages_per_second\":%.1f", with.what, setting,
            seconds, messages, messages / seconds);
        if (with.real("rate", 0) > 0) line += ",\"wanted_messages_per_second\":" + with.real("rate", 0);
        if (times != null && times.count() > 0) line += ",\"times_us\":" + times.json(of);
        System.out.println(line + "}");
    }

    static void sleep(double seconds) throws InterruptedException {
        Thread.sleep((long) (seconds * 1000));
    }

    public static void main(String[] words) throws Exception {
        Options with = new Options(words);
        Topic topic = new Topic(with);
        switch (with.what) {
            case "create": {
                long start = now();
                topic.create();
                report(with, with.queues() + " queues", (now() - start) / 1e9, 0, "", null);
                break;
            }
            case "ready": {
                long start = now();
                topic.ready(with.number("messages", 0));
                report(with, "", (now() - start) / 1e9, 0, "", null);
                break;
            }
            case "produce":
                topic.create();
                produce(with, topic);
                break;
            case "fill":
                topic.create();
                fill(with, topic);
                break;
            case "consume":
                Consumers.consume(with, topic);
                break;
            case "end-to-end":
                topic.create();
                Consumers.endToEnd(with, topic);
                break;
            default:
                throw new IllegalArgumentException("what is " + with.what + "?");
        }
        System.out.flush();
        Runtime.getRuntime().halt(0); // the client's threads would take their time
    }

    private static void produce(Options with, Topic topic) throws Exception {
        Meter meter = new Meter();
        Producers producers = new Producers(with, topic, meter);
        producers.start(Long.MAX_VALUE);
        sleep(with.real("warm-up", 1));
        mark("begin");
        long start = now();
        meter.on = true;
        sleep(with.real("seconds", 5));
        meter.on = false;
        double took = (now() - start) / 1e9;
        mark("end");
        report(with, producers.setting(), took, meter.times.count(), "ack", meter.times);
    }

    private static void fill(Options with, Topic topic) throws Exception {
        Meter meter = new Meter();
        Producers producers = new Producers(with, topic, meter);
        long messages = Long.parseLong(with.text("messages", "0"));
        long start = now();
        producers.start(messages);
        while (meter.acknowledged.get() < producers.promised()) Thread.sleep(2);
        report(with, producers.setting(), (now() - start) / 1e9, meter.acknowledged.get(), "", null);
    }
}
