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
import org.apache.kafka.connect.storage.KafkaOffsetBackingStore;
import org.apache.kafka.connect.util.TopicAdmin;

/**
 * Looks keys up with the distributed worker's own store. Arguments: bootstrap, offset topic; on stdin a key per line in
 * base64. On stdout a value per line in base64, "-" for none.
 */
class OffsetStore {
    public static void main(String[] args) throws Exception {
        List<ByteBuffer> keys = new ArrayList<>();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine())
            keys.add(ByteBuffer.wrap(Base64.getDecoder().decode(line)));
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("isolation.level", "read_committed");
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", false), true);
        var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        TopicAdmin admin = new TopicAdmin(Map.of("bootstrap.servers", args[0]));
        KafkaOffsetBackingStore store = KafkaOffsetBackingStore.readOnlyStore(args[1], consumer, admin, converter);
        store.configure(new DistributedConfig(Map.of("bootstrap.servers", args[0], "group.id", args[1] + "-reader",
            "config.storage.topic", args[1] + "-config", "offset.storage.topic", args[1],
            "status.storage.topic", args[1] + "-status", "key.converter", JsonConverter.class.getName(),
            "value.converter", JsonConverter.class.getName())));
        store.start();
        Map<ByteBuffer, ByteBuffer> values = store.get(keys).get();
        for (ByteBuffer key : keys) {
            ByteBuffer value = values.get(key);
            System.out.println(value == null ? "-" : Base64.getEncoder().encodeToString(value.array()));
        }
        store.stop();
        admin.close();
    }
}
