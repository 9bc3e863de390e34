import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullCallback;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.common.message.MessageExt;

/** Consumers that each read all queues: a long poll for each queue is always under way, the next follows its answer. */
final class Consumers {
    private static final int atOnce = 1024;

    /** A poll of one queue that begins anew with each answer. */
    private static final class Poll implements PullCallback {
        private final DefaultMQPullConsumer by;
        private final Topic topic;
        private final int queue;
        private final Consumer<PullResult> got;
        private long offset;

        Poll(DefaultMQPullConsumer by, Topic topic, int queue, Consumer<PullResult> got) {
            this.by = by;
            this.topic = topic;
            this.queue = queue;
            this.got = got;
        }

        void ask() {
            try {
                by.pullBlockIfNotFound(topic.queue(queue), "*", offset, atOnce, this);
            } catch (Exception why) {
                Load.giveUp(why);
            }
        }

        @Override public void onSuccess(PullResult result) {
            offset = result.getNextBeginOffset();
            if (result.getPullStatus() == PullStatus.FOUND) got.accept(result);
            ask();
        }

        @Override public void onException(Throwable why) {
            Load.giveUp(why);
        }
    }

    /** Connected, and aware of where the topic is. */
    private static List<DefaultMQPullConsumer> connected(Options with, Topic topic) throws Exception {
        List<DefaultMQPullConsumer> made = new ArrayList<>();
        for (int i = 0; i < with.number("fan-out", 1); ++i) {
            made.add(topic.consumer(i));
            made.get(i).fetchSubscribeMessageQueues(topic.name);
        }
        return made;
    }

    private static void start(List<DefaultMQPullConsumer> all, Topic topic, Consumer<PullResult> got) {
        for (DefaultMQPullConsumer by : all) {
            for (int queue = 0; queue < topic.queues; ++queue) new Poll(by, topic, queue, got).ask();
        }
    }

    /** Twice: the first time this program warms up. The polls of the first time find nothing new and stay out of the way. */
    static void consume(Options with, Topic topic) throws Exception {
        long wanted = Long.parseLong(with.text("messages", "0")) * with.number("fan-out", 1);
        List<DefaultMQPullConsumer> all = connected(with, topic);
        for (boolean measured : new boolean[] {false, true}) {
            AtomicLong count = new AtomicLong();
            if (measured) Load.mark("begin");
            long start = Load.now();
            start(all, topic, result -> count.addAndGet(result.getMsgFoundList().size()));
            while (count.get() < wanted) Thread.sleep(1);
            double took = (Load.now() - start) / 1e9;
            if (!measured) continue;
            Load.mark("end");
            Load.report(with, all.size() + " consumers, polls of " + atOnce, took, count.get(), "", null);
        }
    }

    static void endToEnd(Options with, Topic topic) throws Exception {
        Times times = new Times();
        AtomicBoolean on = new AtomicBoolean();
        start(connected(with, topic), topic, result -> {
            long now = Load.now();
            if (!on.get()) return;
            for (MessageExt each : result.getMsgFoundList()) times.record(now - ByteBuffer.wrap(each.getBody()).getLong(), 1);
        });
        Load.sleep(0.5);
        Producers producers = new Producers(with, topic, new Load.Meter());
        producers.start(Long.MAX_VALUE);
        Load.sleep(with.real("warm-up", 1));
        Load.mark("begin");
        long start = Load.now();
        on.set(true);
        Load.sleep(with.real("seconds", 5));
        on.set(false);
        double took = (Load.now() - start) / 1e9;
        Load.mark("end");
        Load.report(with, producers.setting(), took, times.count(), "end to end", times);
    }
}
