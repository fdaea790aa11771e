import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.runtime.distributed.DistributedConfig;
import org.apache.kafka.connect.storage.ConnectorOffsetBackingStore;
import org.apache.kafka.connect.storage.KafkaOffsetBackingStore;
import org.apache.kafka.connect.storage.OffsetBackingStore;
import org.apache.kafka.connect.util.LoggingContext;
import org.apache.kafka.connect.util.TopicAdmin;

/**
 * Looks keys up with the distributed worker's own store. Arguments: bootstrap, offset topic, isolation level, and for a
 * connector that has one its own offset topic; on stdin a key per line in base64. On stdout a value per line in base64, "-"
 * for none.
 */
class OffsetStore {
    public static void main(String[] args) throws Exception {
        List<ByteBuffer> keys = new ArrayList<>();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine())
            keys.add(ByteBuffer.wrap(Base64.getDecoder().decode(line)));
        TopicAdmin admin = new TopicAdmin(Map.of("bootstrap.servers", args[0]));
        OffsetBackingStore store = started(args, args[1], admin);
        OffsetBackingStore asked = args.length < 4 ? store : ConnectorOffsetBackingStore.withConnectorAndWorkerStores(
            () -> LoggingContext.forConnector("connector"), store, started(args, args[3], admin), args[3], admin);
        Map<ByteBuffer, ByteBuffer> values = asked.get(keys).get();
        for (ByteBuffer key : keys) {
            ByteBuffer value = values.get(key);
            System.out.println(value == null ? "-" : Base64.getEncoder().encodeToString(value.array()));
        }
        if (asked != store)
            asked.stop();
        store.stop();
        admin.close();
    }

    private static KafkaOffsetBackingStore started(String[] args, String topic, TopicAdmin admin) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("isolation.level", args[2]);
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", false), true);
        var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        KafkaOffsetBackingStore store = KafkaOffsetBackingStore.readOnlyStore(topic, consumer, admin, converter);
        store.configure(new DistributedConfig(Map.of("bootstrap.servers", args[0], "group.id", args[1] + "-reader",
            "config.storage.topic", args[1] + "-config", "offset.storage.topic", args[1],
            "status.storage.topic", args[1] + "-status", "key.converter", JsonConverter.class.getName(),
            "value.converter", JsonConverter.class.getName())));
        store.start();
        return store;
    }
}
