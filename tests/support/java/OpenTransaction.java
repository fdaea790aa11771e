import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes a record to partition 0 in a transaction and dies before the transaction ends, or aborts it.
 * Arguments: bootstrap, topic, key, value, and "abort" to abort.
 */
class OpenTransaction {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("transactional.id", args[1] + "-open");
        settings.put("transaction.timeout.ms", "600000");
        var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(args[1], 0, args[2].getBytes("UTF-8"), args[3].getBytes("UTF-8"))).get();
        if (args.length > 4)
            producer.abortTransaction();
        // Closing the producer would abort it.
        Runtime.getRuntime().halt(0);
    }
}
