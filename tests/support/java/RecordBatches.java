import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Random;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.BufferSupplier;

/**
 * Writes record data of every kind with Kafka's own classes.
 * Arguments: folder. Per file a line "file <name> <offset after its last batch>", then one per data record: offset, timestamp, key, value and
 * headers ("key=value"), tab separated; base64, "-" for null. "refused <name> <magic>" for old formats.
 */
class RecordBatches {
    static final Random random = new Random(5);
    static Path folder;

    public static void main(String[] args) throws Exception {
        folder = Path.of(args[0]);
        for (CompressionType type : CompressionType.values()) {
            for (TimestampType timestamps : new TimestampType[] {TimestampType.CREATE_TIME, TimestampType.LOG_APPEND_TIME})
                for (int count : new int[] {1, 2, 50, 3000})
                    write(type.name + "-" + timestamps.name + "-" + count, batch(type, timestamps, count, -1, 100));
            compacted(type);
            transactions(type);
        }
        for (byte magic = 0; magic < 2; magic++) {
            MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1024), magic, Compression.NONE,
                TimestampType.CREATE_TIME, 0L);
            builder.append(1L, "k".getBytes(), "v".getBytes());
            Files.write(folder.resolve("magic-" + magic), bytes(builder.build()));
            System.out.println("refused magic-" + magic + " " + magic);
        }
    }

    static MemoryRecords batch(CompressionType type, TimestampType timestamps, int count, long producer, long baseOffset) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 16), RecordBatch.CURRENT_MAGIC_VALUE,
            Compression.of(type).build(), timestamps, baseOffset,
            timestamps == TimestampType.LOG_APPEND_TIME ? 77_000L : RecordBatch.NO_TIMESTAMP,
            producer, (short) (producer < 0 ? -1 : 3), producer < 0 ? -1 : 0, producer >= 0, 4);
        for (int n = 0; n < count; n++) {
            Header[] headers = new Header[random.nextInt(4)];
            for (int h = 0; h < headers.length; h++)
                headers[h] = new RecordHeader("h" + random.nextInt(2), field(20));
            builder.append(1_000_000L + random.nextInt(2000) - 1000, field(40), field(400), headers);
        }
        return builder.build();
    }

    /** What the log cleaner leaves: gaps, batches without records, delete horizons. */
    static void compacted(CompressionType type) throws Exception {
        ByteBuffer whole = ByteBuffer.allocate(1 << 20), cleaned = ByteBuffer.allocate(1 << 20);
        for (int n = 0; n < 10; n++)
            whole.put(bytes(batch(type, TimestampType.CREATE_TIME, 20, n, n * 100)));
        whole.flip();
        var filter = new MemoryRecords.RecordFilter(0, 1000) {
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(BatchRetention.RETAIN_EMPTY, false);
            }

            protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
                return batch.baseOffset() % 300 != 0 && record.offset() % 3 == 0;
            }
        };
        MemoryRecords.readableRecords(whole).filterTo(filter, cleaned, BufferSupplier.NO_CACHING);
        cleaned.flip();
        write(type.name + "-compacted", MemoryRecords.readableRecords(cleaned));
    }

    static void transactions(CompressionType type) throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(1 << 20);
        for (int n = 0; n < 6; n++) {
            buffer.put(bytes(batch(type, TimestampType.CREATE_TIME, 3, n % 2, n * 10)));
            buffer.put(bytes(MemoryRecords.withEndTransactionMarker(n * 10 + 5, 1L, 4, n % 2, (short) 3,
                new EndTransactionMarker(n == 2 ? ControlRecordType.ABORT : ControlRecordType.COMMIT, 1))));
        }
        buffer.flip();
        write(type.name + "-transactions", MemoryRecords.readableRecords(buffer));
    }

    static void write(String name, MemoryRecords records) throws Exception {
        Files.write(folder.resolve(name), bytes(records));
        long next = 0;
        StringBuilder lines = new StringBuilder();
        for (MutableRecordBatch batch : records.batches()) {
            batch.ensureValid();
            next = batch.nextOffset();
            if (batch.isControlBatch()) continue;
            for (Record record : batch) {
                lines.append(record.offset()).append('\t').append(record.timestamp())
                    .append('\t').append(text(record.key())).append('\t').append(text(record.value()));
                for (Header header : record.headers())
                    lines.append('\t').append(text(ByteBuffer.wrap(header.key().getBytes()))).append('=')
                        .append(text(header.value() == null ? null : ByteBuffer.wrap(header.value())));
                lines.append('\n');
            }
        }
        System.out.print("file " + name + " " + next + "\n" + lines);
    }

    static byte[] field(int longest) {
        if (random.nextInt(6) == 0) return null;
        byte[] field = new byte[random.nextInt(longest)];
        for (int at = 0; at < field.length; at++) field[at] = (byte) random.nextInt(4);
        return field;
    }

    static byte[] bytes(MemoryRecords records) {
        ByteBuffer buffer = records.buffer().duplicate();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    static String text(ByteBuffer buffer) {
        if (buffer == null) return "-";
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return "~" + Base64.getEncoder().encodeToString(bytes);
    }
}
