import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.runtime.RestartRequest;
import org.apache.kafka.connect.runtime.SessionKey;
import org.apache.kafka.connect.runtime.WorkerConfig;
import org.apache.kafka.connect.runtime.distributed.DistributedConfig;
import org.apache.kafka.connect.storage.ClusterConfigState;
import org.apache.kafka.connect.storage.ConfigBackingStore;
import org.apache.kafka.connect.storage.KafkaConfigBackingStore;
import org.apache.kafka.connect.util.Callback;
import org.apache.kafka.connect.util.ConnectorTaskId;
import org.apache.kafka.connect.util.TopicAdmin;

/**
 * Folds config topics with the worker's own store and prints what came out, a line of JSON per topic.
 *
 * Without arguments topics are on stdin: a line per record, "key\tvalue" with the value in base64 ("-" for null), and an
 * empty line after each topic; what the store told its listener is printed too. With a bootstrap address, the name of a topic
 * and a value of exactly.once.source.support, the store is started and reads that topic as a worker with this setting.
 */
class ConfigStore {
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        if (args.length > 0) {
            KafkaConfigBackingStore store = store(args[0], args[1], args[2]);
            store.start();
            System.out.println(JSON.writeValueAsString(describe(store.snapshot())));
        } else {
            fold();
        }
        System.out.flush();
        // Stores that were never started hold clients.
        Runtime.getRuntime().halt(0);
    }

    static void fold() throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        StringBuilder out = new StringBuilder();
        List<String> told = new ArrayList<>();
        KafkaConfigBackingStore store = told(told);
        long offset = 0;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (line.isEmpty()) {
                Map<String, Object> state = describe(store.snapshot());
                state.put("told", new ArrayList<>(told));
                out.append(JSON.writeValueAsString(state)).append('\n');
                told.clear();
                store = told(told);
                offset = 0;
                continue;
            }
            String[] record = line.split("\t");
            byte[] value = record[1].equals("-") ? null : Base64.getDecoder().decode(record[1].substring(1));
            try {
                callback(store).onCompletion(null, new ConsumerRecord<>("configs", 0, offset++, record[0], value));
            } catch (RuntimeException e) {
                // It would end the thread that reads; here the record is as good as ignored.
                continue;
            }
        }
        System.out.print(out);
    }

    static KafkaConfigBackingStore told(List<String> told) throws Exception {
        KafkaConfigBackingStore store = store("127.0.0.1:1", "config", "disabled");
        Field started = KafkaConfigBackingStore.class.getDeclaredField("started");
        started.setAccessible(true);
        started.set(store, true);
        store.setUpdateListener((ConfigBackingStore.UpdateListener) Proxy.newProxyInstance(
            ConfigStore.class.getClassLoader(), new Class<?>[] {ConfigBackingStore.UpdateListener.class},
            (proxy, method, arguments) -> {
                told.add(method.getName() + text(method.getName(), arguments));
                return null;
            }));
        return store;
    }

    static String text(String method, Object[] arguments) {
        switch (method) {
            case "onTaskConfigUpdate":
                TreeSet<String> tasks = new TreeSet<>();
                for (Object task : (Collection<?>) arguments[0])
                    tasks.add(task.toString());
                return " " + tasks;
            case "onRestartRequest":
                RestartRequest request = (RestartRequest) arguments[0];
                return " " + request.connectorName() + " " + request.includeTasks() + " " + request.onlyFailed();
            case "onSessionKeyUpdate":
                return "";
            case "onLoggingLevelUpdate":
                return " " + arguments[0] + " " + arguments[1];
            default:
                return " " + arguments[0];
        }
    }

    static KafkaConfigBackingStore store(String bootstrap, String topic, String exactlyOnce) throws Exception {
        Map<String, String> settings = new HashMap<>();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("group.id", "g");
        settings.put("exactly.once.source.support", exactlyOnce);
        for (String role : new String[] {"offset", "status"})
            settings.put(role + ".storage.topic", role);
        settings.put("config.storage.topic", topic);
        settings.put("config.storage.replication.factor", "1");
        settings.put("key.converter", JsonConverter.class.getName());
        settings.put("value.converter", JsonConverter.class.getName());
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", false), false);
        DistributedConfig config = new DistributedConfig(settings);
        // Otherwise the store asks a broker for it.
        Field clusterId = WorkerConfig.class.getDeclaredField("kafkaClusterId");
        clusterId.setAccessible(true);
        clusterId.set(config, "none");
        return new KafkaConfigBackingStore(converter, config, null,
            () -> new TopicAdmin(Map.of("bootstrap.servers", bootstrap)), "test");
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

    static Map<String, Object> describe(ClusterConfigState state) throws Exception {
        Map<String, Object> described = new TreeMap<>();
        described.put("offset", state.offset());
        SessionKey key = state.sessionKey();
        described.put("sessionKey", key == null ? null : List.of(Base64.getEncoder().encodeToString(key.key().getEncoded()),
            key.key().getAlgorithm(), key.creationTimestamp()));
        Map<String, Object> connectors = new TreeMap<>();
        for (String name : state.connectors()) {
            Map<String, Object> connector = new TreeMap<>();
            connector.put("config", strings(state.rawConnectorConfig(name)));
            connector.put("target", state.targetState(name).name());
            connector.put("taskCount", state.taskCount(name));
            connector.put("inconsistent", state.inconsistentConnectors().contains(name));
            Map<String, Object> tasks = new TreeMap<>();
            for (Object task : ((Map<?, ?>) field(state, "taskConfigs")).keySet())
                if (((ConnectorTaskId) task).connector().equals(name))
                    tasks.put("" + ((ConnectorTaskId) task).task(), strings(state.rawTaskConfig((ConnectorTaskId) task)));
            connector.put("tasks", tasks);
            connectors.put(name, connector);
        }
        described.put("connectors", connectors);
        described.put("fencingCounts", field(state, "connectorTaskCountRecords"));
        described.put("taskGenerations", field(state, "connectorTaskConfigGenerations"));
        described.put("pendingFencing", new TreeSet<>((Collection<String>) field(state, "connectorsPendingFencing")));
        return described;
    }

    /** A map that says it has strings may have what JSON had. */
    static Map<String, String> strings(Map<?, ?> properties) {
        Map<String, String> strings = new TreeMap<>();
        for (Map.Entry<?, ?> entry : properties.entrySet())
            strings.put((String) entry.getKey(), entry.getValue() == null ? null : String.valueOf((Object) entry.getValue()));
        return strings;
    }

    @SuppressWarnings("unchecked")
    static <T> T field(ClusterConfigState state, String name) throws Exception {
        Field field = ClusterConfigState.class.getDeclaredField(name);
        field.setAccessible(true);
        return (T) field.get(state);
    }
}
