import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.runtime.SinkConnectorConfig;
import org.apache.kafka.connect.runtime.SourceConnectorConfig;
import org.apache.kafka.connect.runtime.distributed.Crypto;
import org.apache.kafka.connect.runtime.distributed.DistributedConfig;
import org.apache.kafka.connect.runtime.standalone.StandaloneConfig;

/**
 * Prints every setting that workers, their clients and connectors define: who defines it, name, type and default, parted
 * by tabs. A default is "!" when there is none, "-" for null, otherwise "=" and its text.
 */
public class ConfigDefs {
    public static void main(String[] arguments) throws Exception {
        Field standalone = StandaloneConfig.class.getDeclaredField("CONFIG");
        standalone.setAccessible(true);
        Method distributed = DistributedConfig.class.getDeclaredMethod("config", Crypto.class);
        distributed.setAccessible(true);
        Map<String, ConfigDef> all = new LinkedHashMap<>();
        all.put("standalone", (ConfigDef) standalone.get(null));
        all.put("distributed", (ConfigDef) distributed.invoke(null, Crypto.SYSTEM));
        all.put("producer", ProducerConfig.configDef());
        all.put("consumer", ConsumerConfig.configDef());
        all.put("admin", AdminClientConfig.configDef());
        all.put("source", SourceConnectorConfig.configDef());
        all.put("sink", SinkConnectorConfig.configDef());
        all.forEach((who, definitions) -> definitions.configKeys().forEach((name, key) ->
            System.out.println(String.join("\t", who, name, key.type.name(), defaultOf(key)))));
    }

    private static String defaultOf(ConfigDef.ConfigKey key) {
        if (key.defaultValue == ConfigDef.NO_DEFAULT_VALUE) {
            return "!";
        }
        return key.defaultValue == null ? "-" : "=" + ConfigDef.convertToString(key.defaultValue, key.type);
    }
}
