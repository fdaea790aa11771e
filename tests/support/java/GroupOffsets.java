import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * Lists the committed offsets of a consumer group, or commits one first.
 * Arguments: bootstrap servers, group [, topic, partition, offset]. A line "topic-partition=offset" each, sorted.
 */
class GroupOffsets {
    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        try (Admin admin = Admin.create(properties)) {
            if (args.length > 2) {
                TopicPartition at = new TopicPartition(args[2], Integer.parseInt(args[3]));
                OffsetAndMetadata offset = new OffsetAndMetadata(Long.parseLong(args[4]));
                admin.alterConsumerGroupOffsets(args[1], Map.of(at, offset)).all().get();
            }
            Map<TopicPartition, OffsetAndMetadata> offsets =
                admin.listConsumerGroupOffsets(args[1]).partitionsToOffsetAndMetadata().get();
            TreeMap<String, Long> sorted = new TreeMap<>();
            offsets.forEach((at, offset) -> sorted.put(at.toString(), offset.offset()));
            sorted.forEach((at, offset) -> System.out.println(at + "=" + offset));
        }
    }
}
