import java.io.ObjectOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** Writes, for each count given after the folder, a map of that many equally long entries put one by one. */
class GrownMap {
    public static void main(String[] args) throws Exception {
        for (int at = 1; at < args.length; at++) {
            Map<byte[], byte[]> map = new HashMap<>();
            for (int n = 0; n < Integer.parseInt(args[at]); n++)
                map.put(String.format("%08d", n).getBytes("US-ASCII"), new byte[3]);
            try (ObjectOutputStream out = new ObjectOutputStream(Files.newOutputStream(Path.of(args[0], args[at])))) {
                out.writeObject(map);
            }
        }
    }
}
