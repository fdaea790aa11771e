import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.json.JsonConverter;

/**
 * Answers questions about offset keys, one a line on stdin, with the worker's own classes. Bytes are in base64.
 * "hash": hash, partition of 25, of 5, of 7. "name": the key of that connector with partition {"p":1}.
 * "parse": "error", "shape", or the name, and the key serialised again. Argument "keys": writes 3000 keys instead.
 */
class KeyOracle {
    static final JsonConverter converter = new JsonConverter();

    public static void main(String[] args) throws Exception {
        converter.configure(Map.of("schemas.enable", false), true);
        StringBuilder out = new StringBuilder();
        if (args[0].equals("keys")) {
            keys(out);
        } else {
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                byte[] bytes = Base64.getDecoder().decode(line);
                out.append(switch (args[0]) {
                    case "hash" -> hash(bytes);
                    case "name" -> text(key(new String(bytes, StandardCharsets.UTF_8), Map.of("p", 1L)));
                    default -> parse(bytes);
                }).append('\n');
            }
        }
        System.out.print(out);
    }

    static String hash(byte[] key) {
        return Utils.murmur2(key) + "\t" + BuiltInPartitioner.partitionForKey(key, 25)
            + "\t" + BuiltInPartitioner.partitionForKey(key, 5) + "\t" + BuiltInPartitioner.partitionForKey(key, 7);
    }

    static byte[] key(Object name, Object partition) {
        return converter.fromConnectData("", null, Arrays.asList(name, partition));
    }

    static String parse(byte[] key) {
        Object parsed;
        try {
            parsed = converter.toConnectData("", key).value();
        } catch (DataException e) {
            return "error";
        }
        if (!(parsed instanceof List<?> list) || list.size() != 2 || !(list.get(0) instanceof String name)
                || !(list.get(1) == null || list.get(1) instanceof Map))
            return "shape";
        return text(name.getBytes(StandardCharsets.UTF_8)) + "\t" + text(converter.fromConnectData("", null, parsed));
    }

    static void keys(StringBuilder out) {
        Random random = new Random(11);
        for (int n = 0; n < 3000; n++) {
            Map<String, Object> partition = new LinkedHashMap<>();
            for (int field = random.nextInt(5); field > 0; field--)
                partition.put(string(random), value(random));
            out.append(text(key(string(random), n % 50 == 0 ? null : partition))).append('\n');
        }
    }

    static Object value(Random random) {
        return switch (random.nextInt(11)) {
            case 0 -> null;
            case 1 -> random.nextBoolean();
            case 2 -> (byte) random.nextInt();
            case 3 -> random.nextInt();
            case 4 -> random.nextLong();
            case 5 -> random.nextFloat() * Math.pow(10, random.nextInt(20) - 10);
            case 6 -> Double.longBitsToDouble(random.nextLong());
            case 7 -> Float.intBitsToFloat(random.nextInt());
            case 8 -> (double) random.nextInt(2_000_000) / 100 - 10_000;
            case 9 -> string(random).getBytes(StandardCharsets.UTF_8);
            default -> string(random);
        };
    }

    static String string(Random random) {
        StringBuilder text = new StringBuilder();
        for (int length = random.nextInt(12); length > 0; length--) {
            int point = switch (random.nextInt(6)) {
                case 0 -> random.nextInt(0x20);
                case 1 -> "\"\\/\u007f\u0080\u2028\u2029\ufeff\uffff".codePointAt(random.nextInt(9));
                case 2 -> 0x10000 + random.nextInt(0x100000);
                case 3 -> 0xa0 + random.nextInt(0xd000);
                default -> ' ' + random.nextInt(95);
            };
            text.appendCodePoint(point);
        }
        return text.toString();
    }

    static String text(byte[] bytes) {
        return "~" + Base64.getEncoder().encodeToString(bytes);
    }
}
