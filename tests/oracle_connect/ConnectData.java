import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.connect.data.ConnectSchema;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.runtime.isolation.PluginScanResult;
import org.apache.kafka.connect.runtime.isolation.PluginUtils;
import org.apache.kafka.connect.runtime.isolation.ServiceLoaderScanner;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.storage.HeaderConverter;

/** Converts what it is told on stdin, one conversion a line, and says on stdout what came out of it. */
public class ConnectData {
    static final HexFormat HEX = HexFormat.of();
    static final Map<String, Object> CONVERTERS = new HashMap<>();

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        if (args.length > 0) {
            aliases(out);
        }
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            String answer;
            try {
                answer = "OK\t" + answer(line.split("\t", -1));
            } catch (Throwable thrown) {
                answer = "THROWN" + describe(thrown);
            }
            out.println(answer);
        }
        out.flush();
    }

    /** Class and message of an exception and of its causes. */
    static String describe(Throwable thrown) {
        StringBuilder text = new StringBuilder();
        for (Throwable t = thrown; t != null; t = t.getCause()) {
            String message = t.getMessage() == null ? "" : t.getMessage();
            message = message.replace("java.util.LinkedHashMap", "java.util.HashMap");
            text.append('\t').append(t.getClass().getName()).append('\t');
            text.append(HEX.formatHex(message.getBytes(StandardCharsets.UTF_8)));
        }
        return text.toString();
    }

    static void aliases(PrintStream out) {
        ClassLoader loader = ConnectData.class.getClassLoader();
        PluginScanResult found = new ServiceLoaderScanner()
            .discoverPlugins(Set.of(PluginUtils.classpathPluginSource(loader)));
        PluginUtils.computeAliases(found).forEach((alias, name) -> {
            try {
                Class<?> plugin = Class.forName(name);
                boolean data = Converter.class.isAssignableFrom(plugin);
                boolean header = HeaderConverter.class.isAssignableFrom(plugin);
                if (data || header) {
                    out.println("ALIAS\t" + alias + "\t" + name + "\t" + data);
                    out.println("ALIAS\t" + name + "\t" + name + "\t" + data);
                }
            } catch (ClassNotFoundException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    /** operation, class, settings, and what is to be converted. */
    static String answer(String[] told) throws Exception {
        Object converter = CONVERTERS.get(told[0].charAt(0) + told[1] + told[2]);
        if (converter == null) {
            converter = configured(told[0].charAt(0), told[1], told[2]);
            CONVERTERS.put(told[0].charAt(0) + told[1] + told[2], converter);
        }
        switch (told[0]) {
            case "h>": {
                Canonical read = new Canonical(told[3]);
                Schema schema = read.schema();
                return bytes(((HeaderConverter) converter).fromConnectHeader("t", "k", schema, read.value()));
            }
            case "v>":
            case "k>": {
                Canonical read = new Canonical(told[3]);
                Schema schema = read.schema();
                return bytes(((Converter) converter).fromConnectData("t", schema, read.value()));
            }
            case "h<":
                return both(((HeaderConverter) converter).toConnectHeader("t", "k", unhex(told[3])));
            case "v<":
            case "k<":
                return both(((Converter) converter).toConnectData("t", unhex(told[3])));
            default:
                return "";
        }
    }

    static Object configured(char use, String name, String settings) throws Exception {
        Map<String, Object> configs = new HashMap<>();
        for (String setting : settings.isEmpty() ? new String[0] : settings.split(",")) {
            String[] pair = setting.split("=", -1);
            configs.put(pair[0], new String(HEX.parseHex(pair[1]), StandardCharsets.UTF_8));
        }
        Object converter = Class.forName(name).getDeclaredConstructor().newInstance();
        if (use == 'h') {
            configs.put("converter.type", "header");
            ((HeaderConverter) converter).configure(configs);
        } else {
            ((Converter) converter).configure(configs, use == 'k');
        }
        return converter;
    }

    static byte[] unhex(String text) {
        return text.equals("-") ? null : HEX.parseHex(text);
    }

    static String bytes(byte[] bytes) {
        return bytes == null ? "-" : HEX.formatHex(bytes);
    }

    static String both(SchemaAndValue read) {
        SchemaAndValue both = read == null ? SchemaAndValue.NULL : read;
        StringBuilder text = new StringBuilder();
        Canonical.print(both.schema(), text);
        Canonical.print(both.value(), text);
        return text.toString();
    }

    /** The form in which schemas and values are told: see canonical.rs. */
    static final class Canonical {
        private final String text;
        private int at;

        Canonical(String text) {
            this.text = text;
        }

        private char letter() {
            return text.charAt(at++);
        }

        private String word(char end) {
            int start = at;
            at = text.indexOf(end, at) + 1;
            return text.substring(start, at - 1);
        }

        private String string(char end) {
            String hex = word(end);
            StringBuilder units = new StringBuilder();
            for (int i = 0; i < hex.length(); i += 4) {
                units.append((char) Integer.parseInt(hex.substring(i, i + 4), 16));
            }
            return units.toString();
        }

        private boolean passed(char end) {
            if (text.charAt(at) != end) {
                return false;
            }
            at++;
            return true;
        }

        Schema schema() {
            if (letter() == '-') {
                return null;
            }
            Schema.Type type = Schema.Type.valueOf(word(';'));
            boolean optional = letter() == '1';
            Object defaultValue = null;
            String name = null;
            Integer version = null;
            String doc = null;
            Map<String, String> parameters = null;
            List<Field> fields = new ArrayList<>();
            Schema key = null;
            Schema value = null;
            while (!passed('}')) {
                switch (letter()) {
                    case 'n': name = string(';'); break;
                    case 'v': version = Integer.valueOf(word(';')); break;
                    case 'd': doc = string(';'); break;
                    case 'p':
                        parameters = parameters == null ? new LinkedHashMap<>() : parameters;
                        parameters.put(string('='), string(';'));
                        break;
                    case 'x': defaultValue = value(); break;
                    case 'f': fields.add(new Field(string(';'), fields.size(), schema())); break;
                    case 'k': key = schema(); break;
                    case 'u': value = schema(); break;
                    default: throw new IllegalStateException(text);
                }
            }
            return new ConnectSchema(type, optional, defaultValue, name, version, doc, parameters, fields, key, value);
        }

        Object value() {
            switch (letter()) {
                case 'N': return null;
                case '0': return false;
                case '1': return true;
                case 'B': return Byte.valueOf(word(';'));
                case 'H': return Short.valueOf(word(';'));
                case 'I': return Integer.valueOf(word(';'));
                case 'L': return Long.valueOf(word(';'));
                case 'F': return Float.intBitsToFloat(Integer.parseUnsignedInt(word(';'), 16));
                case 'D': return Double.longBitsToDouble(Long.parseUnsignedLong(word(';'), 16));
                case 'S': return string(';');
                case 'Y': return HEX.parseHex(word(';'));
                case 'T': return new java.util.Date(Long.parseLong(word(';')));
                case 'E': {
                    int scale = Integer.parseInt(word('/'));
                    return new BigDecimal(new BigInteger(word(';')), scale);
                }
                case '[': {
                    List<Object> list = new ArrayList<>();
                    while (!passed(']')) {
                        list.add(value());
                    }
                    return list;
                }
                case '<': {
                    Map<Object, Object> map = new LinkedHashMap<>();
                    while (!passed('>')) {
                        Object key = value();
                        map.put(key, value());
                    }
                    return map;
                }
                case 'R': {
                    Struct struct = new Struct(schema());
                    for (Field field : struct.schema().fields()) {
                        Object value = value();
                        if (value != null) {
                            struct.put(field, value);
                        }
                    }
                    return struct;
                }
                default: throw new IllegalStateException(text);
            }
        }

        static void string(String string, StringBuilder to) {
            string.chars().forEach(unit -> to.append(String.format("%04x", unit)));
        }

        static void print(Schema schema, StringBuilder to) {
            if (schema == null) {
                to.append('-');
                return;
            }
            to.append('{').append(schema.type()).append(';').append(schema.isOptional() ? '1' : '0');
            if (schema.name() != null) {
                string(schema.name(), to.append('n'));
                to.append(';');
            }
            if (schema.version() != null) {
                to.append('v').append(schema.version()).append(';');
            }
            if (schema.doc() != null) {
                string(schema.doc(), to.append('d'));
                to.append(';');
            }
            if (schema.parameters() != null) {
                schema.parameters().forEach((name, value) -> {
                    string(name, to.append('p'));
                    string(value, to.append('='));
                    to.append(';');
                });
            }
            if (schema.defaultValue() != null) {
                print(schema.defaultValue(), to.append('x'));
            }
            if (schema.type() == Schema.Type.STRUCT) {
                for (Field field : schema.fields()) {
                    string(field.name(), to.append('f'));
                    print(field.schema(), to.append(';'));
                }
            }
            if (schema.type() == Schema.Type.MAP && schema.keySchema() != null) {
                print(schema.keySchema(), to.append('k'));
            }
            if ((schema.type() == Schema.Type.MAP || schema.type() == Schema.Type.ARRAY)
                && schema.valueSchema() != null) {
                print(schema.valueSchema(), to.append('u'));
            }
            to.append('}');
        }

        static void print(Object value, StringBuilder to) {
            if (value == null) {
                to.append('N');
            } else if (value instanceof Boolean b) {
                to.append(b ? '1' : '0');
            } else if (value instanceof Byte) {
                to.append('B').append(value).append(';');
            } else if (value instanceof Short) {
                to.append('H').append(value).append(';');
            } else if (value instanceof Integer) {
                to.append('I').append(value).append(';');
            } else if (value instanceof Long) {
                to.append('L').append(value).append(';');
            } else if (value instanceof Float f) {
                to.append('F').append(Integer.toHexString(Float.floatToRawIntBits(f))).append(';');
            } else if (value instanceof Double d) {
                to.append('D').append(Long.toHexString(Double.doubleToRawLongBits(d))).append(';');
            } else if (value instanceof String s) {
                string(s, to.append('S'));
                to.append(';');
            } else if (value instanceof byte[] bytes) {
                to.append('Y').append(HEX.formatHex(bytes)).append(';');
            } else if (value instanceof java.util.Date date) {
                to.append('T').append(date.getTime()).append(';');
            } else if (value instanceof BigDecimal decimal) {
                to.append('E').append(decimal.scale()).append('/').append(decimal.unscaledValue()).append(';');
            } else if (value instanceof List<?> list) {
                to.append('[');
                list.forEach(element -> print(element, to));
                to.append(']');
            } else if (value instanceof Map<?, ?> map) {
                to.append('<');
                map.forEach((key, element) -> {
                    print(key, to);
                    print(element, to);
                });
                to.append('>');
            } else if (value instanceof Struct struct) {
                print(struct.schema(), to.append('R'));
                struct.schema().fields().forEach(field -> print(struct.getWithoutDefault(field.name()), to));
            } else {
                throw new IllegalStateException(value.getClass().getName());
            }
        }
    }
}
