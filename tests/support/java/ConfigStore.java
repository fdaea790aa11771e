import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.runtime.TargetState;
import org.apache.kafka.connect.runtime.WorkerConfig;
import org.apache.kafka.connect.runtime.distributed.DistributedConfig;
import org.apache.kafka.connect.storage.ClusterConfigState;
import org.apache.kafka.connect.storage.KafkaConfigBackingStore;
import org.apache.kafka.connect.util.Callback;
import org.apache.kafka.connect.util.ConnectorTaskId;

/**
 * Folds config topics with the worker's own store. On stdin a line per record, "key\tvalue" with the value in base64
 * ("-" for null), and an empty line after each topic. On stdout a line per topic: the offset, then per connector
 * name, config "v", target state, task count, "v" of tasks 0 to 3, inconsistent; "|" between connectors.
 */
class ConfigStore {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        StringBuilder out = new StringBuilder();
        KafkaConfigBackingStore store = store();
        long offset = 0;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (line.isEmpty()) {
                describe(store.snapshot(), out);
                store = store();
                offset = 0;
                continue;
            }
            String[] record = line.split("\t");
            byte[] value = record[1].equals("-") ? null : Base64.getDecoder().decode(record[1].substring(1));
            callback(store).onCompletion(null, new ConsumerRecord<>("configs", 0, offset++, record[0], value));
        }
        System.out.print(out);
        System.out.flush();
        // The stores hold clients that were never started.
        Runtime.getRuntime().halt(0);
    }

    static KafkaConfigBackingStore store() throws Exception {
        Map<String, String> settings = new HashMap<>();
        settings.put("bootstrap.servers", "127.0.0.1:1");
        settings.put("group.id", "g");
        for (String role : new String[] {"config", "offset", "status"})
            settings.put(role + ".storage.topic", role);
        settings.put("key.converter", JsonConverter.class.getName());
        settings.put("value.converter", JsonConverter.class.getName());
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", false), false);
        DistributedConfig config = new DistributedConfig(settings);
        // Otherwise the store asks a broker for it.
        Field clusterId = WorkerConfig.class.getDeclaredField("kafkaClusterId");
        clusterId.setAccessible(true);
        clusterId.set(config, "none");
        return new KafkaConfigBackingStore(converter, config, null, () -> null, "test");
    }

    @SuppressWarnings("unchecked")
    static Callback<ConsumerRecord<String, byte[]>> callback(KafkaConfigBackingStore store) throws Exception {
        for (Class<?> inner : KafkaConfigBackingStore.class.getDeclaredClasses())
            if (inner.getSimpleName().equals("ConsumeCallback")) {
                Constructor<?> constructor = inner.getDeclaredConstructor(KafkaConfigBackingStore.class);
                constructor.setAccessible(true);
                return (Callback<ConsumerRecord<String, byte[]>>) constructor.newInstance(store);
            }
        throw new IllegalStateException("no callback");
    }

    static void describe(ClusterConfigState state, StringBuilder out) {
        out.append(state.offset());
        for (String name : new TreeSet<>(state.connectors())) {
            TargetState target = state.targetState(name);
            out.append('|').append(name).append(' ').append(v(state.rawConnectorConfig(name))).append(' ').append(target)
                .append(' ').append(state.taskCount(name));
            for (int task = 0; task < 4; task++)
                out.append(' ').append(v(state.rawTaskConfig(new ConnectorTaskId(name, task))));
            out.append(' ').append(state.inconsistentConnectors().contains(name));
        }
        out.append('\n');
    }

    static String v(Map<?, ?> properties) {
        return properties == null ? "-" : String.valueOf(properties.get("v"));
    }
}
