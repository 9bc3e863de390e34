"""Apache RocketMQ: one name server, one broker."""
from installed import CACHE
from process import Missing, Server, free_port

HOME = CACHE / "compare" / "rocketmq"
# What its own start script opens to it on newer Javas.
OPENED = ["java.base/java.lang", "java.base/java.lang.reflect", "java.base/java.nio", "java.base/java.util",
          "java.base/java.util.concurrent", "java.base/jdk.internal.misc", "java.base/jdk.internal.ref", "java.base/sun.nio.ch"]


class RocketMq:
    protocol, warm_up = "rocketmq", 3.0

    def __init__(self, flushed):
        self.name = "rocketmq-sync" if flushed else "rocketmq-async"
        self.durable = flushed
        flush = "SYNC_FLUSH" if flushed else "ASYNC_FLUSH"
        self.settings = (f"RocketMQ 5.5.0, name server and broker, flushDiskType={flush}, 2 GiB heap, G1, 2 GiB of direct memory, "
                         "useReentrantLockWhenPutMessage, 4 sending threads, no index by message key, answers of up to 1,024 messages or 4 MiB, no refusals "
                         "for waiting or a busy page cache, Java client in batches of 32 where it says batched")

    def start(self, cage=None, reading=False):
        if not (HOME / "jars").exists():
            raise Missing("bench/compare/setup fetches RocketMQ")
        server = Server(self.name, cage)
        try:
            return self.start_in(server, "1g" if cage else "2g")
        except BaseException:
            server.forget()
            raise

    def start_in(self, server, heap):
        names = free_port()
        opens = [word for each in OPENED for word in ("--add-opens", f"{each}=ALL-UNNAMED", "--add-exports", f"{each}=ALL-UNNAMED")]
        # It writes its logs into the home folder.
        common = ["java", *opens, f"-Duser.home={server.folder}", "-XX:+UseG1GC", "-cp", f"{HOME / 'jars'}/*"]
        environment = {"ROCKETMQ_HOME": str(server.folder)}
        config = server.folder / "namesrv.conf"
        config.write_text(f"listenPort={names}\nbindAddress=127.0.0.1\n")
        server.run([*common, "-Xmx256m", "org.apache.rocketmq.namesrv.NamesrvStartup", "-c", config], names, 120, environment)
        config = server.folder / "broker.conf"
        config.write_text("\n".join([
            "brokerClusterName=compare", "brokerName=compare", "brokerId=0", "brokerRole=ASYNC_MASTER",
            f"flushDiskType={'SYNC_FLUSH' if self.durable else 'ASYNC_FLUSH'}", f"namesrvAddr=127.0.0.1:{names}",
            "brokerIP1=127.0.0.1", "brokerIP2=127.0.0.1", "bindAddress=127.0.0.1", f"listenPort={server.port}",
            f"haListenPort={free_port()}", f"storePathRootDir={server.folder / 'store'}",
            f"storePathCommitLog={server.folder / 'store' / 'commitlog'}", "autoCreateTopicEnable=false",
            "useReentrantLockWhenPutMessage=true", "sendMessageThreadPoolNums=4", "waitTimeMillsInSendQueue=60000",
            "osPageCacheBusyTimeOutMills=60000", "sendThreadPoolQueueCapacity=100000", "syncFlushTimeout=60000",
            "messageIndexEnable=false", "maxTransferCountOnMessageInMemory=1024", "maxTransferBytesOnMessageInMemory=4194304",
            "maxTransferCountOnMessageInDisk=1024", "maxTransferBytesOnMessageInDisk=4194304", "diskMaxUsedSpaceRatio=95"]))
        server.more = {"name-server": f"127.0.0.1:{names}"}
        return server.start([*common, f"-Xms{heap}", f"-Xmx{heap}", f"-XX:MaxDirectMemorySize={heap}",
                             "-Drocketmq.broker.diskSpaceWarningLevelRatio=0.99",
                             "-Drocketmq.broker.diskSpaceCleanForciblyRatio=0.98",
                             "org.apache.rocketmq.broker.BrokerStartup", "-c", config], 120, environment)
