import java.io.FileInputStream;
import java.io.ObjectInputStream;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Creates an offset topic of one replica and seeds it from a standalone worker's file, with nothing but Kafka and the JVM.
 * Arguments: bootstrap, topic, partitions, file.
 */
class SeedOffsets {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("acks", "all");
        try (Admin admin = Admin.create(settings)) {
            NewTopic topic = new NewTopic(args[1], Integer.parseInt(args[2]), (short) 1);
            admin.createTopics(List.of(topic.configs(Map.of("cleanup.policy", "compact")))).all().get();
        }
        try (var file = new ObjectInputStream(new FileInputStream(args[3]));
             var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) file.readObject()).entrySet()) {
                producer.send(new ProducerRecord<>(args[1], (byte[]) entry.getKey(), (byte[]) entry.getValue())).get();
            }
        }
    }
}
