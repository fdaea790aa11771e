import java.nio.charset.StandardCharsets;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Produces offset records with acks=all and prints the nanoseconds from the first send to the last acknowledgement.
 * Arguments: bootstrap servers, topic, number of records, settings of the producer as key=value.
 */
public class SeedMillion {
    public static void main(String[] arguments) {
        int count = Integer.parseInt(arguments[2]);
        byte[][] keys = new byte[count][];
        byte[][] values = new byte[count][];
        for (int n = 0; n < count; n++) {
            keys[n] = String.format("[\"file-source-%04d\",{\"filename\":\"/var/lib/connect/in-%07d.txt\"}]", n % 1000, n)
                .getBytes(StandardCharsets.UTF_8);
            values[n] = ("{\"position\":" + n * 1000L + "}").getBytes(StandardCharsets.UTF_8);
        }
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("acks", "all");
        for (int i = 3; i < arguments.length; i++) {
            String[] setting = arguments[i].split("=", 2);
            settings.put(setting[0], setting[1]);
        }
        AtomicInteger acknowledged = new AtomicInteger();
        long started = System.nanoTime();
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int n = 0; n < count; n++) {
                producer.send(new ProducerRecord<>(arguments[1], keys[n], values[n]), (metadata, error) -> {
                    if (error == null) {
                        acknowledged.incrementAndGet();
                    }
                });
            }
            producer.flush();
        }
        long nanos = System.nanoTime() - started;
        if (acknowledged.get() != count) {
            throw new IllegalStateException(acknowledged + " acknowledged");
        }
        System.out.println(nanos);
    }
}
