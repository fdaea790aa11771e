import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.apache.kafka.clients.GroupRebalanceConfig;
import org.apache.kafka.common.message.JoinGroupResponseData.JoinGroupResponseMember;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.connect.runtime.distributed.ConnectAssignor;
import org.apache.kafka.connect.runtime.distributed.ConnectProtocolCompatibility;
import org.apache.kafka.connect.runtime.distributed.EagerAssignor;
import org.apache.kafka.connect.runtime.distributed.ExtendedAssignment;
import org.apache.kafka.connect.runtime.distributed.IncrementalCooperativeAssignor;
import org.apache.kafka.connect.runtime.distributed.IncrementalCooperativeConnectProtocol;
import org.apache.kafka.connect.runtime.distributed.WorkerCoordinator;
import org.apache.kafka.connect.storage.ClusterConfigState;
import org.apache.kafka.connect.util.ConnectorTaskId;

/**
 * Leads a Connect group with the worker's own assignors. Lines on stdin, fields separated by tabs, messages in hexadecimal:
 * "new", maximal delay: another worker becomes the leader and remembers nothing.
 * "round", protocol, time, generation, last completed generation, leader, configuration at the join, configuration of now,
 * members as id:subscription with commas. A configuration is an assignment: its offset, its connectors and tasks.
 * Answers each round with: ids in the order of Java's hash map; id:assignment; id:assignment of all that a member owns; and
 * what the leader remembers: an assignment (assigned, revoked, delay), the end of the delay, candidates, whether
 * something was revoked for balance, successive revocations, generation, members.
 */
class LeaderOracle {
    static final class Clock implements Time {
        long now;
        @Override public long milliseconds() { return now; }
        @Override public long hiResClockMs() { return now; }
        @Override public long nanoseconds() { return now * 1_000_000; }
        @Override public void sleep(long ms) { now += ms; }
        @Override public void waitObject(Object object, Supplier<Boolean> condition, long deadline) { }
    }

    /** The coordinator as far as assignors ask it. */
    static final class Coordinator extends WorkerCoordinator {
        ClusterConfigState snapshot;
        ClusterConfigState fresh;
        int generation;
        int last;
        LeaderState state;

        Coordinator(Clock clock) {
            super(new GroupRebalanceConfig(10_000, 60_000, 3_000, "group", java.util.Optional.empty(), null, 100, 1_000),
                    new LogContext(), null, new Metrics(), "oracle", clock, "http://oracle/", null, null,
                    ConnectProtocolCompatibility.SESSIONED, 0);
        }

        @Override public ClusterConfigState configSnapshot() { return snapshot; }
        @Override public ClusterConfigState configFreshSnapshot() { return fresh; }
        @Override public void configSnapshot(ClusterConfigState update) { snapshot = update; }
        @Override public int generationId() { return generation; }
        @Override public int lastCompletedGenerationId() { return last; }
        @Override public String memberId() { return "oracle"; }
        @Override public void leaderState(LeaderState update) { state = update; }
    }

    static final Clock clock = new Clock();
    static final ConnectAssignor eager = new EagerAssignor(new LogContext());

    public static void main(String[] args) throws Exception {
        Coordinator coordinator = new Coordinator(clock);
        IncrementalCooperativeAssignor incremental = null;
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        StringBuilder out = new StringBuilder();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] fields = line.split("\t");
            if (fields[0].equals("new")) {
                incremental = new IncrementalCooperativeAssignor(new LogContext(), clock, Integer.parseInt(fields[1]));
            } else {
                out.append(round(coordinator, incremental, fields)).append('\n');
            }
        }
        System.out.write(out.toString().getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }

    static String round(Coordinator coordinator, IncrementalCooperativeAssignor incremental, String[] fields)
            throws Exception {
        ConnectProtocolCompatibility protocol = ConnectProtocolCompatibility.fromProtocol(fields[1]);
        clock.now = Long.parseLong(fields[2]);
        coordinator.generation = Integer.parseInt(fields[3]);
        coordinator.last = Integer.parseInt(fields[4]);
        coordinator.snapshot = configuration(fields[6]);
        coordinator.fresh = configuration(fields[7]);
        coordinator.state = null;
        List<JoinGroupResponseMember> members = new ArrayList<>();
        Map<String, String> order = new HashMap<>();
        for (String member : fields[8].split(",")) {
            int colon = member.lastIndexOf(':');
            String id = member.substring(0, colon);
            byte[] metadata = HexFormat.of().parseHex(member.substring(colon + 1));
            members.add(new JoinGroupResponseMember().setMemberId(id).setMetadata(metadata));
            order.put(id, id);
        }
        ConnectAssignor assignor = protocol == ConnectProtocolCompatibility.EAGER ? eager : incremental;
        Map<String, ByteBuffer> assignments = assignor.performAssignment(fields[5], protocol, members, coordinator);
        return String.join("\t", String.join(",", order.keySet()), answers(assignments), owners(coordinator.state),
                memory(incremental));
    }

    static ClusterConfigState configuration(String text) {
        ExtendedAssignment work = assignment(text);
        Map<String, Map<String, String>> connectors = new HashMap<>();
        Map<String, Integer> counts = new HashMap<>();
        work.connectors().forEach(connector -> connectors.put(connector, Map.of()));
        work.tasks().forEach(task -> counts.merge(task.connector(), 1, Integer::sum));
        return new ClusterConfigState(work.offset(), null, counts, connectors, Map.of(), Map.of(), Map.of(), Map.of(),
                Map.of(), Set.of(), Set.of());
    }

    static ExtendedAssignment assignment(String text) {
        return IncrementalCooperativeConnectProtocol.deserializeAssignment(ByteBuffer.wrap(HexFormat.of().parseHex(text)));
    }

    static String answers(Map<String, ByteBuffer> assignments) {
        List<String> texts = new ArrayList<>();
        assignments.forEach((id, bytes) -> texts.add(id + ":" + hex(bytes)));
        return String.join(",", texts);
    }

    @SuppressWarnings("unchecked")
    static String owners(WorkerCoordinator.LeaderState state) throws Exception {
        if (state == null) {
            return "";
        }
        Map<String, List<String>> connectors = new TreeMap<>();
        Map<String, List<ConnectorTaskId>> tasks = new TreeMap<>();
        ((Map<String, String>) field(WorkerCoordinator.LeaderState.class, state, "connectorOwners"))
                .forEach((connector, id) -> connectors.computeIfAbsent(id, x -> new ArrayList<>()).add(connector));
        ((Map<ConnectorTaskId, String>) field(WorkerCoordinator.LeaderState.class, state, "taskOwners"))
                .forEach((task, id) -> tasks.computeIfAbsent(id, x -> new ArrayList<>()).add(task));
        Set<String> ids = new TreeSet<>(connectors.keySet());
        ids.addAll(tasks.keySet());
        List<String> texts = new ArrayList<>();
        for (String id : ids) {
            texts.add(id + ":" + work(connectors.getOrDefault(id, List.of()), tasks.getOrDefault(id, List.of()),
                    List.of(), List.of(), 0));
        }
        return String.join(",", texts);
    }

    @SuppressWarnings("unchecked")
    static String memory(IncrementalCooperativeAssignor assignor) throws Exception {
        WorkerCoordinator.ConnectorsAndTasks assigned = work(assignor, "previousAssignment");
        WorkerCoordinator.ConnectorsAndTasks revoked = work(assignor, "previousRevocation");
        return String.join("\t",
                work(assigned.connectors(), assigned.tasks(), revoked.connectors(), revoked.tasks(),
                        (int) field(assignor, "delay")),
                field(assignor, "scheduledRebalance").toString(),
                String.join(",", (Collection<String>) field(assignor, "candidateWorkersForReassignment")),
                field(assignor, "revokedInPrevious").toString(),
                field(assignor, "numSuccessiveRevokingRebalances").toString(),
                field(assignor, "previousGenerationId").toString(),
                String.join(",", (Collection<String>) field(assignor, "previousMembers")) + ",");
    }

    static WorkerCoordinator.ConnectorsAndTasks work(IncrementalCooperativeAssignor assignor, String name) throws Exception {
        return (WorkerCoordinator.ConnectorsAndTasks) field(assignor, name);
    }

    static String work(Collection<String> connectors, Collection<ConnectorTaskId> tasks, Collection<String> revokedConnectors,
            Collection<ConnectorTaskId> revokedTasks, int delay) {
        ExtendedAssignment assignment = new ExtendedAssignment((short) 2, (short) 0, "", "", 0, connectors, tasks,
                revokedConnectors, revokedTasks, delay);
        return hex(IncrementalCooperativeConnectProtocol.serializeAssignment(assignment, true));
    }

    static Object field(IncrementalCooperativeAssignor assignor, String name) throws Exception {
        return field(IncrementalCooperativeAssignor.class, assignor, name);
    }

    static Object field(Class<?> type, Object object, String name) throws Exception {
        Field field = type.getDeclaredField(name);
        field.setAccessible(true);
        return field.get(object);
    }

    static String hex(ByteBuffer bytes) {
        return HexFormat.of().formatHex(bytes.array(), 0, bytes.limit());
    }
}
