import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads a topic from the beginning to the ends seen at the start, in the order of partitions and offsets.
 * Arguments: bootstrap, topic, read_committed|read_uncommitted. A line per record:
 * partition, offset, timestamp, key, value, headers, tab separated; key and value in base64, "-" for null. Headers as
 * name:value, comma separated, name and value likewise.
 */
class ReadTopic {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("isolation.level", args[2]);
        settings.put("allow.auto.create.topics", "false");
        StringBuilder out = new StringBuilder();
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(args[1]).stream()
                .map(p -> new TopicPartition(p.topic(), p.partition()))
                .sorted((a, b) -> a.partition() - b.partition())
                .toList();
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            for (TopicPartition partition : partitions) {
                consumer.assign(List.of(partition));
                consumer.seekToBeginning(List.of(partition));
                while (consumer.position(partition) < ends.get(partition)) {
                    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                        if (record.offset() < ends.get(partition)) {
                            line(out, record);
                        }
                    }
                }
            }
        }
        System.out.write(out.toString().getBytes(StandardCharsets.US_ASCII));
        System.out.flush();
    }

    private static void line(StringBuilder out, ConsumerRecord<byte[], byte[]> record) {
        out.append(record.partition()).append('\t').append(record.offset()).append('\t').append(record.timestamp())
            .append('\t').append(text(record.key())).append('\t').append(text(record.value())).append('\t');
        String headers = Arrays.stream(record.headers().toArray())
            .map(header -> text(header.key().getBytes(StandardCharsets.UTF_8)) + ':' + text(header.value()))
            .collect(Collectors.joining(","));
        out.append(headers).append('\n');
    }

    private static String text(byte[] bytes) {
        return bytes == null ? "-" : Base64.getEncoder().encodeToString(bytes);
    }
}
