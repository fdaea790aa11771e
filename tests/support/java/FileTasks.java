import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.file.FileStreamSinkTask;
import org.apache.kafka.connect.file.FileStreamSourceTask;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTaskContext;
import org.apache.kafka.connect.storage.OffsetStorageReader;

/**
 * Drives the tasks of the FileStream connectors. Commands on stdin: `start POSITION` (or `-`), `append BASE64`, `poll`: until
 * nothing comes, one line per record with the value in base64 and the position, then `.`; `sink FILE BASE64|-…`.
 */
public class FileTasks {
    private static FileStreamSourceTask task;
    private static Path file;

    public static void main(String[] args) throws Exception {
        file = Path.of(args[0]);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "start" -> start(words[1]);
                case "append" -> Files.write(file, bytes(words[1]), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
                case "poll" -> poll();
                case "sink" -> sink(words);
                default -> throw new IllegalArgumentException(line);
            }
        }
    }

    private static byte[] bytes(String word) {
        return Base64.getDecoder().decode(word);
    }

    private static void start(String position) {
        if (task != null)
            task.stop();
        task = new FileStreamSourceTask();
        Map<String, Object> offset = position.equals("-") ? null : Map.of("position", Long.parseLong(position));
        OffsetStorageReader reader = proxy(OffsetStorageReader.class, offset);
        task.initialize(proxy(SourceTaskContext.class, reader));
        task.start(Map.of("file", file.toString(), "topic", "t", "batch.size", "100000"));
    }

    @SuppressWarnings("unchecked")
    private static <T> T proxy(Class<T> of, Object answer) {
        return (T) Proxy.newProxyInstance(of.getClassLoader(), new Class<?>[] {of}, (self, method, arguments) -> answer);
    }

    private static void poll() throws Exception {
        for (List<SourceRecord> records = task.poll(); records != null; records = task.poll()) {
            for (SourceRecord record : records) {
                byte[] value = ((String) record.value()).getBytes(StandardCharsets.UTF_8);
                String text = value.length == 0 ? "-" : Base64.getEncoder().encodeToString(value);
                System.out.println(text + " " + record.sourceOffset().get("position"));
            }
        }
        System.out.println(".");
    }

    private static void sink(String[] words) {
        FileStreamSinkTask sink = new FileStreamSinkTask();
        sink.start(Map.of("file", words[1]));
        List<SinkRecord> records = new ArrayList<>();
        for (int at = 2; at < words.length; at++) {
            String value = words[at].equals("-") ? null : new String(bytes(words[at]), StandardCharsets.UTF_8);
            records.add(new SinkRecord("t", 0, null, null, null, value, at));
        }
        sink.put(records);
        sink.flush(Map.of());
        sink.stop();
        System.out.println(".");
    }
}
