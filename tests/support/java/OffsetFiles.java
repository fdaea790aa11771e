import java.io.ByteArrayOutputStream;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.runtime.standalone.StandaloneConfig;
import org.apache.kafka.connect.storage.FileOffsetBackingStore;

/**
 * Writes offsets files of every shape that Java gives them.
 * Arguments: folder. A line per file on stdout: name, "ok" and the entries in stream order ("key=value" in base64,
 * "-" for null), or "refused" and the name of the class that has no place there; tab separated.
 */
class OffsetFiles {
    static Path folder;
    static final Random random = new Random(7);

    public static void main(String[] args) throws Exception {
        folder = Path.of(args[0]);
        shapes();
        sizes();
        shared();
        kafkas();
        refused();
        Files.write(folder.resolve("zero-bytes"), new byte[0]);
    }

    static void shapes() throws Exception {
        for (int capacity : new int[] {0, 1, 2, 3, 16, 17, 1000})
            for (float loadFactor : new float[] {0.01f, 0.5f, 0.75f, 1f, 3f, 1e9f})
                for (int count : new int[] {0, 1, 5, 40}) {
                    String shape = capacity + "-" + loadFactor + "-" + count;
                    write("hash-map-" + shape, fill(new HashMap<>(capacity, loadFactor), count));
                    write("linked-" + shape, fill(new LinkedHashMap<>(capacity, loadFactor), count));
                    write("access-order-" + shape, fill(new LinkedHashMap<>(capacity, loadFactor, true), count));
                }
    }

    static void sizes() throws Exception {
        for (int count : new int[] {0, 1, 12, 13, 24, 25, 48, 49, 1000, 3073})
            write("grown-" + count, fill(new HashMap<>(), count));
        Map<byte[], byte[]> long_ = new HashMap<>();
        long_.put(new byte[70_000], new byte[0]);
        long_.put(new byte[0], new byte[300]);
        write("long-arrays", long_);
    }

    static void shared() throws Exception {
        byte[] one = bytes("[\"c\",{\"n\":1}]"), two = bytes("[\"c\",{\"n\":2}]"), three = bytes("[\"c\",{\"n\":3}]");
        byte[] offset = bytes("{\"o\":1}");
        Map<byte[], byte[]> map = new LinkedHashMap<>();
        map.put(one, offset);
        map.put(two, offset);
        map.put(three, offset);
        write("one-value-thrice", map);
        map = new LinkedHashMap<>();
        map.put(one, one);
        map.put(null, one);
        write("value-is-its-key", map);
        map = new LinkedHashMap<>();
        map.put(one, two);
        map.put(two, three);
        map.put(three, one);
        write("keys-that-were-values", map);
        map = new LinkedHashMap<>();
        map.put(null, null);
        map.put(one, null);
        map.put(two, offset);
        write("nulls-first", map);
        map = new HashMap<>();
        map.put(bytes("same"), bytes("1"));
        map.put(bytes("same"), bytes("2"));
        write("equal-keys", map);
    }

    /** What a worker itself writes, through its own store and converters. */
    static void kafkas() throws Exception {
        for (boolean envelope : new boolean[] {false, true}) {
            JsonConverter key = converter(envelope, true), value = converter(envelope, false);
            Map<ByteBuffer, ByteBuffer> data = new LinkedHashMap<>();
            for (int n = 0; n < 20; n++) {
                Map<String, Object> partition = new LinkedHashMap<>();
                partition.put("filename", "/tmp/file " + n + " é😀.txt");
                if (n % 2 == 0) partition.put("ratio", n / 8.0);
                byte[] k = key.fromConnectData("", null, List.of("connector-" + n % 3, partition));
                byte[] v = n % 5 == 4 ? null : value.fromConnectData("", null, Map.of("position", (long) n * 1000));
                data.put(ByteBuffer.wrap(k), v == null ? null : ByteBuffer.wrap(v));
            }
            String name = envelope ? "store-envelope" : "store";
            Path file = folder.resolve(name);
            FileOffsetBackingStore store = new FileOffsetBackingStore(converter(false, true));
            store.configure(new StandaloneConfig(Map.of(
                "bootstrap.servers", "127.0.0.1:1",
                "key.converter", JsonConverter.class.getName(),
                "value.converter", JsonConverter.class.getName(),
                "offset.storage.file.filename", file.toString())));
            store.start();
            store.set(data, null).get();
            store.stop();
            Map<byte[], byte[]> expected = new LinkedHashMap<>();
            data.forEach((k, v) -> expected.put(k.array(), v == null ? null : v.array()));
            // The store copies into a HashMap of its own: the order of the file is not this one.
            describe("unordered:" + name, expected);
        }
    }

    static JsonConverter converter(boolean schemas, boolean isKey) {
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", schemas), isKey);
        return converter;
    }

    static void refused() throws Exception {
        byte[] key = bytes("k");
        refused("tree-map", new TreeMap<>(Map.of("k", "v")));
        refused("identity-map", new IdentityHashMap<>(Map.of("k", "v")));
        refused("hashtable", new java.util.Hashtable<>());
        refused("concurrent-map", new java.util.concurrent.ConcurrentHashMap<>(Map.of("k", "v")));
        refused("list", new ArrayList<>(List.of("x")));
        refused("hash-set", new java.util.HashSet<>(List.of("x")));
        refused("immutable-map", (Serializable) Map.of("k", "v"), "java.util.CollSer");
        refused("subclass", new Subclass(), "OffsetFiles$Subclass");
        refused("string", "text", "java.lang.String");
        refused("long-string", "x".repeat(70_000), "java.lang.String");
        refused("integer", 7);
        refused("bytes", new byte[] {1}, "byte[]");
        refused("strings", new String[] {"x"}, "java.lang.String[]");
        refused("class", String.class, "java.lang.Class");
        refused("enum", Thread.State.NEW, "java.lang.Thread$State (enum)");
        refused("null", null, "null");
        refused("string-key", new HashMap<>(Map.of("k", key)), "java.lang.String");
        refused("string-value", new HashMap<>(Map.of(key, "v")), "java.lang.String");
        refused("integer-key", new HashMap<>(Map.of(7, key)), "java.lang.Integer");
        refused("map-value", new HashMap<>(Map.of(key, new HashMap<>())), "java.util.HashMap");
        refused("enum-value", new HashMap<>(Map.of(key, Thread.State.NEW)), "java.lang.Thread$State (enum)");
        refused("class-value", new HashMap<>(Map.of(key, byte[].class)), "java.lang.Class");
        refused("chars-value", new HashMap<>(Map.of(key, new char[] {'x'})), "char[]");
        refused("matrix-value", new HashMap<>(Map.of(key, new byte[][] {{1}})), "byte[][]");
        refused("strings-value", new HashMap<>(Map.of(key, new String[] {"x"})), "java.lang.String[]");
        Object proxy = java.lang.reflect.Proxy.newProxyInstance(OffsetFiles.class.getClassLoader(),
            new Class<?>[] {Runnable.class}, new Nothing());
        refused("proxy-value", new HashMap<>(Map.of(key, proxy)), "java.lang.reflect.Proxy");
        HashMap<Object, Object> self = new HashMap<>();
        self.put(key, self);
        refused("itself", self, "java.util.HashMap");
    }

    static class Subclass extends HashMap<byte[], byte[]> {}

    static class Nothing implements java.lang.reflect.InvocationHandler, Serializable {
        public Object invoke(Object proxy, java.lang.reflect.Method method, Object[] arguments) { return null; }
    }

    static Map<byte[], byte[]> fill(Map<byte[], byte[]> map, int count) {
        for (int n = 0; n < count; n++) {
            byte[] key = new byte[random.nextInt(30)];
            random.nextBytes(key);
            map.put(n == 3 ? null : key, random.nextInt(7) == 0 ? null : bytes("{\"n\":" + n + "}"));
        }
        return map;
    }

    static void write(String name, Map<byte[], byte[]> map) throws Exception {
        serialise(name, map);
        describe(name, map);
    }

    static void describe(String name, Map<byte[], byte[]> map) {
        StringBuilder line = new StringBuilder(name).append("\tok");
        map.forEach((k, v) -> line.append('\t').append(text(k)).append('=').append(text(v)));
        System.out.println(line);
    }

    static void refused(String name, Object root) throws Exception {
        refused(name, root, root.getClass().getName());
    }

    static void refused(String name, Object root, String className) throws Exception {
        serialise(name, root);
        System.out.println(name + "\trefused\t" + className);
    }

    static void serialise(String name, Object root) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(root);
        }
        Files.write(folder.resolve(name), bytes.toByteArray());
    }

    static String text(byte[] bytes) {
        return bytes == null ? "-" : "~" + Base64.getEncoder().withoutPadding().encodeToString(bytes);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
