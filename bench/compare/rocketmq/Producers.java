import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntSupplier;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/** Threads that write: with one group in flight and without a rate they wait for each, else they send asynchronously. */
final class Producers {
    private static final byte[] noise = new byte[1 << 20];

    static {
        new Random(7).nextBytes(noise);
    }

    private final Options with;
    private final Topic topic;
    private final Load.Meter meter;
    private final int producers;
    private final int window;
    private final int group;
    private final int size;
    private final double rate;
    private final AtomicLong groups = new AtomicLong(); // that may be sent still
    private long promised;

    Producers(Options with, Topic topic, Load.Meter meter) {
        this.with = with;
        this.topic = topic;
        this.meter = meter;
        producers = with.number("producers", 1);
        window = with.number("window", 1);
        group = with.number("group", 1);
        size = with.number("message", 1024);
        rate = with.real("rate", 0);
    }

    String setting() {
        String how = rate > 0 ? "" : ", " + producers + " conn. x " + window + " in flight";
        return size + " B x " + group + ", " + topic.queues + " queues" + how;
    }

    /** How many messages `messages` are in whole groups. */
    long promised() {
        return promised;
    }

    void start(long messages) throws Exception {
        groups.set((messages - 1) / group + 1);
        promised = groups.get() * group;
        List<DefaultMQProducer> all = new ArrayList<>();
        for (int i = 0; i < (rate > 0 ? 1 : producers); ++i) all.add(topic.producer(i));
        for (int i = 0; i < all.size(); ++i) {
            DefaultMQProducer by = all.get(i);
            IntSupplier next = with.nextQueue(i * topic.queues / all.size());
            Thread thread = new Thread(() -> {
                try {
                    if (rate > 0) pace(by, next);
                    else if (window == 1) oneAfterTheOther(by, next);
                    else saturate(by, next);
                } catch (Throwable why) {
                    Load.giveUp(why);
                }
            });
            thread.setDaemon(true);
            thread.start();
        }
    }

    private List<Message> messages(long due) {
        List<Message> made = new ArrayList<>(group);
        for (int i = 0; i < group; ++i) {
            byte[] body = new byte[size];
            System.arraycopy(noise, i * 97 % (noise.length - size), body, 0, size);
            ByteBuffer.wrap(body).putLong(due);
            made.add(new Message(topic.name, body));
        }
        return made;
    }

    private void oneAfterTheOther(DefaultMQProducer by, IntSupplier next) throws Exception {
        List<Message> some = messages(0);
        while (groups.getAndDecrement() > 0) {
            MessageQueue to = topic.queue(next.getAsInt());
            long due = Load.now();
            check(group == 1 ? by.send(some.get(0), to) : by.send(some, to));
            meter.done(due, group);
        }
    }

    private void saturate(DefaultMQProducer by, IntSupplier next) throws Exception {
        Semaphore room = new Semaphore(window);
        while (groups.getAndDecrement() > 0) {
            room.acquire();
            send(by, next.getAsInt(), Load.now(), messages(0), room::release);
        }
    }

    private void pace(DefaultMQProducer by, IntSupplier next) throws Exception {
        double interval = 1e9 * group / rate;
        long start = Load.now();
        for (long i = 0;; ++i) {
            long due = start + (long) (i * interval);
            for (long left = due - Load.now(); left > 0; left = due - Load.now()) LockSupport.parkNanos(left);
            send(by, next.getAsInt(), due, messages(due), () -> { });
        }
    }

    private void send(DefaultMQProducer by, int queue, long due, List<Message> some, Runnable then) throws Exception {
        SendCallback callback = new SendCallback() {
            @Override public void onSuccess(SendResult got) {
                check(got);
                meter.done(due, group);
                then.run();
            }

            @Override public void onException(Throwable why) {
                Load.giveUp(why);
            }
        };
        if (group == 1) by.send(some.get(0), topic.queue(queue), callback);
        else by.send(some, topic.queue(queue), callback);
    }

    private static void check(SendResult got) {
        if (got.getSendStatus() != SendStatus.SEND_OK) Load.giveUp(new IllegalStateException("acknowledged with " + got.getSendStatus()));
    }
}
