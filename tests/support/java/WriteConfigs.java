import java.nio.charset.StandardCharsets;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Writes a config topic with everything that may happen to one. */
class WriteConfigs {
    static String topic;

    static KafkaProducer<byte[], byte[]> producer(String bootstrap, String transaction) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        if (transaction != null)
            settings.put("transactional.id", transaction);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static byte[] bytes(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    static void send(KafkaProducer<byte[], byte[]> producer, String... pairs) throws Exception {
        for (int n = 0; n < pairs.length; n += 2)
            producer.send(new ProducerRecord<>(topic, 0, bytes(pairs[n]), bytes(pairs[n + 1]))).get();
    }

    static String config(String value) {
        return "{\"properties\":{\"connector.class\":\"C\",\"v\":\"" + value + "\"}}";
    }

    public static void main(String[] arguments) throws Exception {
        topic = arguments[1];
        String stopped = "{\"state\":\"PAUSED\",\"state.v2\":\"STOPPED\"}";
        try (var plain = producer(arguments[0], null)) {
            send(plain, "connector-ünï \"1\" 😀", config("é"), "target-state-later", stopped, "connector-later", config("1"),
                // An incomplete commit, as compaction or a leader's death leaves it.
                "connector-torn", config("1"), "task-torn-1", config("1-1"), "commit-torn", "{\"tasks\":2}",
                // One that is healed, with a task too many from before.
                "connector-healed", config("1"), "task-healed-0", config("0-1"), "commit-healed", "{\"tasks\":2}",
                "task-healed-0", config("0-2"), "task-healed-3", config("3-2"), "commit-healed", "{\"tasks\":1}",
                // Held back: no commit comes.
                "task-healed-0", config("0-3"),
                "connector-gone", config("1"), "task-gone-0", config("0-1"), "commit-gone", "{\"tasks\":1}",
                "connector-gone", null, "target-state-gone", null,
                // Its connector was compacted away.
                "task-ghost-0", config("0"), "commit-ghost", "{\"tasks\":1}",
                "target-state-old", "{\"state\":\"PAUSED\"}", "connector-old", config("1"),
                "tasks-fencing-healed", "{\"task-count\":1}", "tasks-fencing-gone", "{\"task-count\":3}",
                "session-key", "{\"key\":\"AAECAwQFBgcICQoLDA0ODw==\",\"algorithm\":\"HmacSHA256\",\"creation-timestamp\":12}",
                "restart-connector-old", "{\"include-tasks\":true,\"only-failed\":false}",
                "logger-cluster-org.apache", "{\"level\":\"DEBUG\"}",
                // Rubbish.
                "connector-", "[]", "connector-torn", "{\"properties\":7}", "unknown", "1", "", "", "task-", "{}",
                "target-state-torn", "{\"state\":\"DANCING\"}", "connector-broken", "{\"properties\":{", "session-key", null);
        }
        try (var leader = producer(arguments[0], topic + "-leader")) {
            leader.initTransactions();
            leader.beginTransaction();
            send(leader, "connector-transacted", config("1"));
            leader.commitTransaction();
            leader.beginTransaction();
            send(leader, "task-transacted-0", config("0"), "commit-transacted", "{\"tasks\":1}");
            leader.commitTransaction();
            leader.beginTransaction();
            send(leader, "connector-aborted", config("1"), "connector-transacted", config("aborted"));
            leader.abortTransaction();
        }
    }
}
