import java.io.ObjectInputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.runtime.standalone.StandaloneConfig;
import org.apache.kafka.connect.storage.FileOffsetBackingStore;

/**
 * Loads offsets files with the standalone worker's own store.
 * Arguments: files. For each a line "file <path>", then a line "key=value" per entry, sorted; base64, "-" for null.
 */
class ReadOffsets {
    static class Store extends FileOffsetBackingStore {
        Store() {
            super(keyConverter());
        }

        Map<ByteBuffer, ByteBuffer> content() {
            return data;
        }
    }

    static JsonConverter keyConverter() {
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", false), true);
        return converter;
    }

    public static void main(String[] args) throws Exception {
        for (String file : args) {
            // The store takes a truncated file for an empty one: make sure that this one is not.
            try (ObjectInputStream in = new ObjectInputStream(Files.newInputStream(Path.of(file)))) {
                in.readObject();
                if (in.read() != -1) throw new IllegalStateException("bytes follow the map");
            }
            Store store = new Store();
            store.configure(new StandaloneConfig(Map.of(
                "bootstrap.servers", "127.0.0.1:1",
                "key.converter", JsonConverter.class.getName(),
                "value.converter", JsonConverter.class.getName(),
                "offset.storage.file.filename", file)));
            store.start();
            TreeMap<String, String> sorted = new TreeMap<>();
            store.content().forEach((k, v) -> sorted.put(text(k), text(v)));
            store.stop();
            System.out.println("file " + file);
            sorted.forEach((k, v) -> System.out.println(k + "=" + v));
        }
    }

    static String text(ByteBuffer buffer) {
        return buffer == null ? "-" : "~" + Base64.getEncoder().withoutPadding().encodeToString(buffer.array());
    }
}
