import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.Utils;

/**
 * An offset topic of 25 partitions with everything that can be met in one: transactions, committed and aborted, gaps left
 * by the log cleaner, tombstones, records where no worker writes them, a key in two partitions, and what is no offset.
 * Arguments: bootstrap, topic. Returns when the log cleaner has left gaps.
 */
class OffsetTopic {
    static final int PARTITIONS = 25, MOVES = 30;
    static String topic;

    public static void main(String[] args) throws Exception {
        topic = args[1];
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("acks", "all");
        try (Admin admin = Admin.create(settings)) {
            NewTopic wanted = new NewTopic(topic, PARTITIONS, (short) 1);
            admin.createTopics(List.of(wanted.configs(Map.of("cleanup.policy", "compact", "segment.ms", "1000",
                "min.cleanable.dirty.ratio", "0.001")))).all().get();
        }
        byte[] moved = key("moved");
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            // A segment is rolled by the timestamps of its records: each of these has its own.
            long start = System.currentTimeMillis() - 3_600_000;
            for (int n = 0; n < MOVES; n++)
                producer.send(new ProducerRecord<>(topic, home(moved), start + n * 60_000L, moved, position(n))).get();
            at(producer, key("gone"), home(key("gone")), position(1));
            at(producer, key("gone"), home(key("gone")), null);
            at(producer, key("astray"), home(key("astray")) + 1, position(7));
            at(producer, key("double"), home(key("double")), position(1));
            at(producer, key("double"), home(key("double")) + 1, position(2));
            at(producer, key("odd"), home(key("odd")), "oops".getBytes());
            at(producer, "rubbish".getBytes(), 3, position(1));
        }
        settings.put("transactional.id", topic + "-writer");
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            producer.initTransactions();
            for (int n = 1; n <= 3; n++) {
                producer.beginTransaction();
                at(producer, key("tx"), home(key("tx")), position(n));
                if (n == 2) {
                    at(producer, key("aborted"), home(key("aborted")), position(n));
                    producer.abortTransaction();
                } else {
                    producer.commitTransaction();
                }
            }
        }
        waitForGaps(args[0], home(moved));
    }

    static void at(KafkaProducer<byte[], byte[]> producer, byte[] key, int partition, byte[] value) throws Exception {
        producer.send(new ProducerRecord<>(topic, partition % PARTITIONS, key, value)).get();
    }

    static byte[] key(String connector) {
        return ("[\"" + connector + "\",{\"f\":\"x\"}]").getBytes(StandardCharsets.UTF_8);
    }

    static byte[] position(int n) {
        return ("{\"position\":" + n + "}").getBytes(StandardCharsets.UTF_8);
    }

    static int home(byte[] key) {
        return Utils.toPositive(Utils.murmur2(key)) % PARTITIONS;
    }

    static void waitForGaps(String bootstrap, int partition) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        var at = new TopicPartition(topic, partition);
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(at));
            long end = consumer.endOffsets(List.of(at)).get(at);
            int seen = MOVES;
            while (seen >= MOVES) {
                seen = 0;
                consumer.seekToBeginning(List.of(at));
                while (consumer.position(at) < end)
                    seen += consumer.poll(Duration.ofSeconds(1)).count();
            }
        }
    }
}
