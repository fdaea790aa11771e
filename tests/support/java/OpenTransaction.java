import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Writes a record to partition 0 in a transaction and dies before the transaction ends. Arguments: bootstrap, topic, key, value. */
class OpenTransaction {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("transactional.id", args[1] + "-open");
        var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(args[1], 0, args[2].getBytes("UTF-8"), args[3].getBytes("UTF-8"))).get();
        // Closing the producer would abort it.
        Runtime.getRuntime().halt(0);
    }
}
