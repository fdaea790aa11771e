import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Appends records. Arguments: bootstrap, topic. A line of stdin per record: partition, key, value and headers, tab
 * separated; key and value in base64, "-" for null. Headers as name:value, comma separated, name and value likewise.
 */
class Produce {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("acks", "all");
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        List<Future<?>> sent = new ArrayList<>();
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                String[] fields = line.split("\t", -1);
                var headers = new RecordHeaders();
                for (String header : fields[3].split(",")) {
                    int at = header.indexOf(':');
                    if (at >= 0) {
                        String name = new String(bytes(header.substring(0, at)), StandardCharsets.UTF_8);
                        headers.add(name, bytes(header.substring(at + 1)));
                    }
                }
                Integer partition = Integer.valueOf(fields[0]);
                sent.add(producer.send(new ProducerRecord<>(args[1], partition, bytes(fields[1]), bytes(fields[2]), headers)));
            }
            for (Future<?> one : sent)
                one.get();
        }
    }

    private static byte[] bytes(String text) {
        return text.equals("-") ? null : Base64.getDecoder().decode(text);
    }
}
