import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.connect.cli.ConnectStandalone;
import org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest;

/**
 * Reads length-prefixed files from stdin and prints one line for each: what java.util.Properties or ConnectStandalone
 * makes of it. Strings are base64 of UTF-16BE after a tilde, so that halves of surrogate pairs are kept; null is "-".
 */
public class TextOracle {
    public static void main(String[] arguments) throws Exception {
        DataInputStream in = new DataInputStream(System.in);
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        int count = in.readInt();
        for (int i = 0; i < count; i++) {
            byte[] file = new byte[in.readInt()];
            in.readFully(file);
            out.println(arguments[0].equals("properties") ? properties(file) : connector(file));
        }
        out.flush();
    }

    private static String properties(byte[] file) throws Exception {
        Properties properties = new Properties();
        try {
            properties.load(new ByteArrayInputStream(file));
        } catch (IllegalArgumentException e) {
            return "E\t" + encoded(e.getMessage());
        }
        return "M" + entries(properties);
    }

    private static String connector(byte[] file) throws Exception {
        Path path = Files.createTempFile("connector", null);
        Files.write(path, file);
        Method parse = ConnectStandalone.class.getDeclaredMethod("parseConnectorConfigurationFile", String.class);
        parse.setAccessible(true);
        try {
            CreateConnectorRequest read = (CreateConnectorRequest) parse.invoke(new ConnectStandalone(), path.toString());
            String state = read.initialTargetState() == null ? null : read.initialTargetState().name();
            return "C\t" + encoded(read.name()) + "\t" + encoded(state) + entries(read.config());
        } catch (InvocationTargetException e) {
            return "E\t" + encoded(e.getCause().getMessage().replace(path.toString(), "FILE"));
        } finally {
            Files.delete(path);
        }
    }

    private static String entries(Map<?, ?> map) {
        StringBuilder line = new StringBuilder();
        map.forEach((key, value) -> line.append('\t').append(encoded(key)).append('\t').append(encoded(value)));
        return line.toString();
    }

    private static String encoded(Object text) {
        if (text == null) {
            return "-";
        }
        byte[] bytes = new byte[((String) text).length() * 2];
        for (int i = 0; i < bytes.length / 2; i++) {
            bytes[2 * i] = (byte) (((String) text).charAt(i) >> 8);
            bytes[2 * i + 1] = (byte) ((String) text).charAt(i);
        }
        return "~" + Base64.getEncoder().encodeToString(bytes);
    }
}
