import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.apache.kafka.common.protocol.types.SchemaException;
import org.apache.kafka.connect.runtime.distributed.ConnectProtocol;
import org.apache.kafka.connect.runtime.distributed.ExtendedAssignment;
import org.apache.kafka.connect.runtime.distributed.ExtendedWorkerState;
import org.apache.kafka.connect.runtime.distributed.IncrementalCooperativeConnectProtocol;

/**
 * Reads a message of a Connect group from each line on stdin, in hexadecimal, with the worker's own classes; argument
 * "subscriptions" or "assignments". Answers "error", or what was read written in versions 0, 1 and 2.
 */
class GroupMessages {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        StringBuilder out = new StringBuilder();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(line));
            try {
                out.append(args[0].equals("subscriptions") ? subscription(bytes) : assignment(bytes));
            } catch (SchemaException e) {
                out.append("error");
            }
            out.append('\n');
        }
        System.out.print(out);
    }

    static String subscription(ByteBuffer bytes) {
        ExtendedWorkerState state = IncrementalCooperativeConnectProtocol.deserializeMetadata(bytes);
        return text(ConnectProtocol.serializeMetadata(state))
                + "\t" + text(IncrementalCooperativeConnectProtocol.serializeMetadata(state, false))
                + "\t" + text(IncrementalCooperativeConnectProtocol.serializeMetadata(state, true));
    }

    static String assignment(ByteBuffer bytes) {
        ExtendedAssignment assignment = IncrementalCooperativeConnectProtocol.deserializeAssignment(bytes);
        return text(ConnectProtocol.serializeAssignment(assignment))
                + "\t" + text(IncrementalCooperativeConnectProtocol.serializeAssignment(assignment, false))
                + "\t" + text(IncrementalCooperativeConnectProtocol.serializeAssignment(assignment, true));
    }

    static String text(ByteBuffer bytes) {
        return HexFormat.of().formatHex(bytes.array(), 0, bytes.limit());
    }
}
