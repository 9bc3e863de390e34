import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.admin.TopicOffset;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** A topic of one broker, and clients that know where it is. */
final class Topic {
    final String name;
    final int queues;
    private final String nameServer;
    private final String broker;
    private final String brokerName;

    Topic(Options with) {
        name = with.topic();
        queues = with.queues();
        nameServer = with.text("server", "127.0.0.1:9876");
        broker = with.text("broker", "127.0.0.1:10911");
        brokerName = with.text("broker-name", "compare");
    }

    MessageQueue queue(int number) {
        return new MessageQueue(name, brokerName, number);
    }

    /** Makes it, if it is not there, and waits until each queue answers. */
    void create() throws Exception {
        DefaultMQAdminExt admin = admin();
        admin.createAndUpdateTopicConfig(broker, new TopicConfig(name, queues, queues, 6));
        while (true) {
            try {
                int found = admin.examineTopicStats(name).getOffsetTable().size();
                if (found == queues) break;
            } catch (Exception notYet) {
                if (Load.now() > 120e9) throw notYet;
            }
            Thread.sleep(20);
        }
        admin.shutdown();
    }

    /** Waits until all queues answer; fails if they hold less than was acknowledged. */
    void ready(long messages) throws Exception {
        DefaultMQAdminExt admin = admin();
        long have = 0;
        while (true) {
            try {
                have = 0;
                var found = admin.examineTopicStats(name).getOffsetTable();
                for (TopicOffset each : found.values()) have += each.getMaxOffset() - each.getMinOffset();
                if (found.size() == queues && have >= messages) break;
            } catch (Exception notYet) {
                if (Load.now() > 120e9) throw notYet;
            }
            if (Load.now() > 120e9) throw new IllegalStateException(have + " of " + messages + " acknowledged messages are there");
            Thread.sleep(20);
        }
    }

    private DefaultMQAdminExt admin() throws Exception {
        DefaultMQAdminExt admin = new DefaultMQAdminExt(60_000L);
        admin.setNamesrvAddr(nameServer);
        admin.setMqClientApiTimeout(60_000);
        admin.setInstanceName("admin");
        admin.start();
        return admin;
    }

    DefaultMQProducer producer(int number) throws Exception {
        DefaultMQProducer made = new DefaultMQProducer("compare-producer-" + number);
        made.setNamesrvAddr(nameServer);
        made.setMqClientApiTimeout(60_000);
        made.setInstanceName("producer-" + number);
        made.setVipChannelEnabled(false);
        made.setSendMsgTimeout(60_000);
        made.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        made.setMaxMessageSize(4 << 20);
        made.setRetryTimesWhenSendFailed(0);
        made.setRetryTimesWhenSendAsyncFailed(0);
        made.start();
        made.fetchPublishMessageQueues(name);
        return made;
    }

    DefaultMQPullConsumer consumer(int number) throws Exception {
        DefaultMQPullConsumer made = new DefaultMQPullConsumer("compare-consumer-" + number);
        made.setNamesrvAddr(nameServer);
        made.setMqClientApiTimeout(60_000);
        made.setInstanceName("consumer-" + number);
        made.setConsumerTimeoutMillisWhenSuspend(300_000); // a poll of a queue that has nothing new is no failure
        made.setVipChannelEnabled(false);
        made.start();
        return made;
    }
}
