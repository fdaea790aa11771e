#!/usr/bin/env python3
"""Benchmarks of a distributed Connect worker, run against any implementation that takes a distributed.properties file.

  KAFKA_LIBS=<dir with kafka jars> WORK_DIR=<scratch> ./bench.py [--runs N] [--worker LABEL='CMD {props}'].. BENCH..

BENCH: coldstart sink source rebalance startup rest seed offsets alter raw all | report
Every run goes through the labels in turn (A B A B ..), so that noise of the machine falls on all of them.
Without --worker: label jvm, WORKER_CMD or the stock ConnectDistributed. In CMD {props} is the properties file;
{libs} {jvm_opts} {log4j} {port} {work} may be used too. Results go to RESULTS (default WORK_DIR/results.jsonl).
"""
import argparse, json, os, statistics, subprocess, sys, time
from benchlib import *

N_REC = int(env("RECORDS", "2000000"))
SIZE = 100


def rm(p):
    try: os.unlink(p)
    except OSError: pass


def fsize(p):
    try: return os.stat(p).st_size
    except OSError: return 0


def newest_file_dir(ctx):
    d = os.path.join(WORK_DIR, "files"); os.makedirs(d, exist_ok=True); return d


def ensure_topic(ctx, name, parts, n):
    try:
        e = ctx.tool("ends", name)["end"]
    except RuntimeError:
        ctx.tool("create", name, parts); e = 0
    if e < n:
        r = ctx.tool("preload", name, parts, n - e, SIZE)
        print("preload", name, r, flush=True)


def count_lines(path):
    n = 0
    with open(path, "rb") as f:
        while b := f.read(1 << 20):
            n += b.count(b"\n")
    return n


# 1 ---------------------------------------------------------------- cold start
def coldstart(ctx, a):
    ensure_topic(ctx, "bench-few", 1, 10)
    for fresh in (True, False):
        for run in range(a.runs if fresh else a.runs + 2):
            for label in ctx.workers:
                cl = ctx.cluster("cold")
                if not fresh:                       # the internal topics exist already
                    ctx.tool("create", f"{cl}-configs", 1, "cleanup.policy=compact")
                    ctx.tool("create", f"{cl}-offsets", 25, "cleanup.policy=compact")
                    ctx.tool("create", f"{cl}-status", 5, "cleanup.policy=compact")
                    time.sleep(0.5)
                out = os.path.join(newest_file_dir(ctx), f"{cl}.out"); rm(out)
                w = ctx.worker(label, cl); nz = ctx.noise(w)
                up = w.wait_up()
                while w.req("GET", "/health")[0] != 200: time.sleep(0.002)
                health = time.time() - w.t0
                cpu_up = cpu(w.pid); rss_up = mem(w.pid)
                t = time.time()
                w.put(cl, {"connector.class": SINK, "tasks.max": "1", "topics": "bench-few", "file": out})
                reg = time.time() - w.t0
                run_t = first = None
                while run_t is None or first is None:
                    if first is None and fsize(out): first = time.time() - w.t0
                    if run_t is None:
                        s, b = w.req("GET", f"/connectors/{cl}/status")
                        if s == 200 and b["tasks"] and b["tasks"][0]["state"] == "RUNNING": run_t = time.time() - w.t0
                    time.sleep(0.005)
                    if time.time() - t > 120: raise RuntimeError("no record")
                cpu_first = cpu(w.pid)
                noise = nz.stop()
                time.sleep(5)
                rss = mem(w.pid); cpu5 = cpu(w.pid)
                stop = w.stop()
                ctx.record(label, "coldstart", "fresh topics" if fresh else "existing topics", rest_s=up, health_s=health, registered_s=reg, task_running_s=run_t,
                           first_record_s=first, cpu_rest_s=cpu_up, cpu_first_s=cpu_first, cpu_plus5_s=cpu5, rss_rest_mb=rss_up[0], rss_idle_mb=rss[0], hwm_mb=rss[1],
                           threads=rss[2], stop_s=stop, **noise)
                ctx.drop_cluster(cl); rm(out)


# 2 ---------------------------------------------------------------- sink
SINK_BEST = {"consumer.override.max.poll.records": "10000", "consumer.override.max.partition.fetch.bytes": "8388608",
             "consumer.override.fetch.min.bytes": "1048576", "consumer.override.fetch.max.wait.ms": "100"}


def sink(ctx, a):
    ensure_topic(ctx, "bench-1p", 1, N_REC)
    cases = [("1p 1task default", "bench-1p", 1, {})]
    for run in range(a.runs):
        for label in ctx.workers:
            for case, topic, tasks, extra in cases:
                cl = ctx.cluster("sink")
                w = ctx.worker(label, cl); w.wait_up(); time.sleep(4)
                idle = mem(w.pid)
                out = os.path.join(newest_file_dir(ctx), f"{cl}.out"); rm(out)
                want = N_REC * (SIZE + 1)
                nz = ctx.noise(w); c0 = cpu(w.pid); b0 = cpu(ctx.broker.pid) if ctx.broker.pid else 0
                t0 = time.time(); first = None; peak = 0
                w.put(cl, {"connector.class": SINK, "tasks.max": str(tasks), "topics": topic, "file": out, **extra})
                while (s := fsize(out)) < want:
                    if first is None and s: first = time.time()
                    time.sleep(0.02)
                    if time.time() - t0 > 300: break
                t1 = time.time(); c1 = cpu(w.pid); b1 = cpu(ctx.broker.pid) if ctx.broker.pid else 0
                noise = nz.stop(); m = mem(w.pid)
                time.sleep(1)
                lines = count_lines(out)
                st = w.stop()
                ctx.record(label, "sink", case, secs=t1 - t0, rec_s=N_REC / (t1 - t0), steady_rec_s=N_REC / (t1 - (first or t0)), cpu_per_M=(c1 - c0) / N_REC * 1e6,
                           broker_cpu_per_M=(b1 - b0) / N_REC * 1e6, rss_idle_mb=idle[0], rss_after_mb=m[0], hwm_mb=m[1], lines=lines,
                           ok=(fsize(out) == want and lines == N_REC), stop_s=st, **noise)
                ctx.drop_cluster(cl); rm(out)


# 3 ---------------------------------------------------------------- source
PROD_BEST = {"producer.override.linger.ms": "10", "producer.override.batch.size": "524288", "producer.override.buffer.memory": "67108864",
             "producer.override.max.in.flight.requests.per.connection": "5"}


def source(ctx, a):
    f = os.path.join(newest_file_dir(ctx), "source-in.txt")
    if fsize(f) != N_REC * (SIZE + 1):
        with open(f, "wb") as o:
            for i in range(0, N_REC, 10000):
                o.write(b"".join((b"%012d " % j).ljust(SIZE, b"x") + b"\n" for j in range(i, i + 10000)))
    cases = [("default", {}), ("batch.size=10000 + producer tuned", {"batch.size": "10000", **PROD_BEST})]
    if a.eos: cases = [("exactly-once default", {})]
    for run in range(a.runs):
        for label in ctx.workers:
            for case, extra in cases:
                cl = ctx.cluster("src"); topic = f"{cl}-out"
                ctx.tool("create", topic, 1)
                w = ctx.worker(label, cl, extra={"exactly.once.source.support": "enabled"} if a.eos else None); w.wait_up(); time.sleep(4)
                nz = ctx.noise(w); c0 = cpu(w.pid); b0 = cpu(ctx.broker.pid) if ctx.broker.pid else 0
                t0 = time.time(); first = None
                w.put(cl, {"connector.class": SOURCE, "tasks.max": "1", "file": f, "topic": topic, **extra})
                e = 0
                while e < N_REC:
                    e = ctx.tool("ends", topic)["end"]
                    if first is None and e: first = time.time()
                    time.sleep(0.05)
                    if time.time() - t0 > 300: break
                t1 = time.time(); c1 = cpu(w.pid); b1 = cpu(ctx.broker.pid) if ctx.broker.pid else 0
                noise = nz.stop(); m = mem(w.pid)
                st = w.stop()
                ctx.record(label, "source", case, secs=t1 - t0, rec_s=N_REC / (t1 - t0), steady_rec_s=N_REC / (t1 - (first or t0)), cpu_per_M=(c1 - c0) / N_REC * 1e6,
                           broker_cpu_per_M=(b1 - b0) / N_REC * 1e6, rss_after_mb=m[0], hwm_mb=m[1], ok=e >= N_REC, stop_s=st, **noise)
                ctx.drop_cluster(cl); ctx.tool("delete", topic)


# 4 ---------------------------------------------------------------- rebalance, startup with many connectors
def ensure_many(ctx):
    ensure_topic(ctx, "bench-shared", 1, 10)
    try: ctx.tool("create", "bench-src-shared", 1)
    except RuntimeError: pass
    d = os.path.join(newest_file_dir(ctx), "many"); os.makedirs(d, exist_ok=True)
    with open(os.path.join(d, "shared-in.txt"), "w") as f: f.write("one line\n")
    return d


def seed_cluster(ctx, cl, n, kind="mixed"):
    d = ensure_many(ctx)
    ctx.tool("create", f"{cl}-configs", 1, "cleanup.policy=compact")
    ctx.tool("seed-connectors", f"{cl}-configs", n, kind, d, SINK, SOURCE)


def balanced(spread, n_units, workers):
    return len(spread) == len(workers) and sum(spread.values()) >= n_units and max(spread.values()) - min(spread.values()) <= 3


def rebalance(ctx, a):
    n = a.connectors or 100
    for run in range(a.runs):
        for label in ctx.workers:
            cl = ctx.cluster("reb"); seed_cluster(ctx, cl, n)
            ex = {"scheduled.rebalance.max.delay.ms": a.delay}
            ws = [ctx.worker(label, cl, i, ex) for i in range(3)]
            nz = ctx.noise(*ws)
            t0 = ws[0].t0
            for w in ws: w.wait_up()
            three = ws[0].wait_running(n, since=t0)
            def wait_balanced(q, live, since, timeout=400):
                urls = {x.url for x in live}
                end = time.time() + timeout
                while time.time() < end:
                    sp = q.spread()
                    if set(sp) == urls and balanced(sp, 2 * n, live): return time.time() - since, sp
                    time.sleep(0.1)
                raise RuntimeError(f"not balanced {sp}")
            bal3, sp3 = wait_balanced(ws[0], ws, t0)
            time.sleep(3)
            # kill -9 the last worker
            t = time.time(); ws[2].kill9()
            live = {ws[0].url, ws[1].url}
            killed = ws[0].wait_running(n, workers=live, since=t, timeout=600)
            time.sleep(2)
            # a new worker joins (fresh process on the same port)
            w3 = ctx.worker(label, cl, 2, ex)
            up = w3.wait_up()
            join, sp = wait_balanced(ws[0], [ws[0], ws[1], w3], w3.t0)
            time.sleep(2)
            # graceful stop of one
            t = time.time(); w3.proc.terminate()
            graceful = ws[0].wait_running(n, workers=live, since=t, timeout=600)
            m = mem(ws[0].pid); cpus = cpu(ws[0].pid) + cpu(ws[1].pid)
            noise = nz.stop()
            w3.stop()
            for w in ws[:2]: w.stop()
            ctx.record(label, "rebalance", f"3 workers {n} connectors delay={a.delay}", start3_running_s=three, start3_balanced_s=bal3, kill9_running_s=killed,
                       join_rest_s=up, join_balanced_s=join, join_after_rest_s=join - up, graceful_running_s=graceful, rss_w0_mb=m[0], threads_w0=m[2], spread=str(sorted(sp3.values())), **noise)
            ctx.drop_cluster(cl)


def startup(ctx, a):
    for n in ([a.connectors] if a.connectors else [100, 500]):
        cfg = f"many-{os.getpid()}-{n}"
        for run in range(a.runs):
            for label in ctx.workers:
                cl = ctx.cluster("many"); seed_cluster(ctx, cl, n)
                w = ctx.worker(label, cl); nz = ctx.noise(w)
                up = w.wait_up()
                t = w.wait_running(n, since=w.t0, timeout=900)
                c = cpu(w.pid); noise = nz.stop()
                time.sleep(5); c5 = cpu(w.pid); time.sleep(5); c10 = cpu(w.pid)
                m = mem(w.pid); s = w.stop(180)
                ctx.record(label, "startup", f"{n} connectors in the config topic", rest_s=up, all_running_s=t, cpu_s=c, idle_cpu_pct=(c10 - c5) / 5 * 100, rss_mb=m[0], hwm_mb=m[1], threads=m[2], stop_s=s, **noise)
                ctx.drop_cluster(cl)


# 5 ---------------------------------------------------------------- REST
def rest(ctx, a):
    n = a.connectors or 200
    d = ensure_many(ctx)
    for run in range(a.runs):
        for label in ctx.workers:
            cl = ctx.cluster("rest"); w = ctx.worker(label, cl); w.wait_up(); time.sleep(3)
            nz = ctx.noise(w); c0 = cpu(w.pid)
            lat = []; t0 = time.time()
            for i in range(n):
                cfg = {"connector.class": SINK, "tasks.max": "1", "topics": "bench-shared", "file": f"{d}/r{i:04d}.out"} if i % 2 == 0 else \
                      {"connector.class": SOURCE, "tasks.max": "1", "topic": "bench-src-shared", "file": f"{d}/shared-in.txt"}
                t = time.time(); w.put(f"r{i:04d}", cfg); lat.append(time.time() - t)
            reg = time.time() - t0
            running = w.wait_running(n, since=t0)
            c1 = cpu(w.pid)
            time.sleep(3)
            def burst(path, k):
                l = []
                for _ in range(k):
                    t = time.time(); s, b = w.req("GET", path); l.append(time.time() - t); assert s == 200, (s, b)
                l.sort(); return l
            burst("/connectors?expand=status", 20)      # warm up
            c2 = cpu(w.pid)
            g = burst("/connectors?expand=status", 300); c3 = cpu(w.pid)
            h = burst("/connectors/r0000/status", 300)
            noise = nz.stop(); s = w.stop(180)
            lat.sort(); q = lambda l, p: l[min(len(l) - 1, int(len(l) * p))] * 1000
            ctx.record(label, "rest", f"{n} connectors", put_rate=n / reg, put_secs=reg, put_p50_ms=q(lat, .5), put_p99_ms=q(lat, .99), all_running_s=running, put_cpu_s=c1 - c0,
                       expand_p50_ms=q(g, .5), expand_p99_ms=q(g, .99), expand_cpu_ms=(c3 - c2) / 300 * 1000, one_p50_ms=q(h, .5), one_p99_ms=q(h, .99), stop_s=s, **noise)
            ctx.drop_cluster(cl)


# 6 ---------------------------------------------------------------- offset store
def seed(ctx, a):
    n = int(env("OFFSETS", "1000000"))
    tuned = ["linger.ms=20", "batch.size=524288", "buffer.memory=134217728"]
    for case, props in (("java producer defaults acks=all", []), ("java producer linger 20 batch 512K", tuned), ("java producer linger 20 batch 512K lz4", tuned + ["compression.type=lz4"])):
        for run in range(a.runs):
            t = f"seed-{os.getpid()}-{run}"
            ctx.tool("create", t, 25, "cleanup.policy=compact")
            r = ctx.tool.oneshot("seed-offsets", t, n, *props)
            assert ctx.tool("ends", t)["end"] == n
            ctx.record("java-producer", "offset-seed", case, rec_s=r["rate"], secs=r["secs"], wall_s=r["wall"], wall_rec_s=n / r["wall"], cpu_per_M=r["cpu"] / n * 1e6)
            ctx.tool("delete", t)


def offsets(ctx, a):
    n = int(env("OFFSETS", "1000000"))
    for attempt in range(3):                       # an idempotent producer was once seen stuck on one partition (out of order sequence)
        store = f"offstore-{os.getpid()}-{attempt}"
        ctx.tool("create", store, 25, "cleanup.policy=compact"); time.sleep(1)
        try:
            ctx.tool("seed-offsets", store, n, "linger.ms=20", "batch.size=262144", "buffer.memory=134217728", "delivery.timeout.ms=60000", "request.timeout.ms=20000")
            break
        except RuntimeError as e:
            print("seeding failed", e, flush=True); ctx.tool("delete", store)
    for run in range(a.runs):
        r = ctx.tool.oneshot("read-all", store, "max.poll.records=5000")
        ctx.record("java-consumer", "offset-read", "raw consumer reads the 1M offsets", rec_s=r["rate"], secs=r["secs"], wall_s=r["wall"], cpu_per_M=r["cpu"] / n * 1e6)
        for label in ctx.workers:
            cl = ctx.cluster("offs")
            w = ctx.worker(label, cl, extra={"offset.storage.topic": store}); nz = ctx.noise(w)
            up = w.wait_up()
            while (h := w.req("GET", "/health")[0]) not in (200, 404): time.sleep(0.01)     # `/` answers before the stores are read
            if h == 404:
                while w.req("GET", "/connectors")[0] != 200: time.sleep(0.01)
            ready = time.time() - w.t0; c = cpu(w.pid)
            # the worker's own log: start and end of its reading of the offsets topic
            rd = None
            for a_, b_ in (("Starting KafkaOffsetBackingStore", "Finished reading offsets topic"),):
                x, y = w.grep_log(a_), w.grep_log(b_)
                if x and y: rd = stamp(y[0]) - stamp(x[0])
            noise = nz.stop(); time.sleep(2); m = mem(w.pid); w.stop()
            ctx.record(label, "offset-startup", f"{n} offsets in 25 partitions", rest_s=up, ready_s=ready, store_read_s=rd, cpu_s=c, rss_mb=m[0], hwm_mb=m[1], **noise)
            ctx.drop_cluster(cl)
    ctx.tool("delete", store)


def stamp(line):
    """[2026-11-24 05:27:33,123] -> seconds"""
    d = line[1:24].replace(",", ".")
    import datetime
    return datetime.datetime.strptime(d, "%Y-%m-%d %H:%M:%S.%f").timestamp()


# 7 ---------------------------------------------------------------- PATCH /connectors/NAME/offsets
def alter(ctx, a):
    sizes = [int(x) for x in env("ALTER_SIZES", "1000,10000,100000").split(",")]
    d = ensure_many(ctx)
    for run in range(a.runs):
        for label in ctx.workers:
            cl = ctx.cluster("alter"); w = ctx.worker(label, cl); w.wait_up()
            for n in sizes:
                name = f"src{n}"
                w.put(name, {"connector.class": SOURCE, "tasks.max": "1", "topic": "bench-src-shared", "file": f"{d}/shared-in.txt"})
                w.wait_running(1)
                w.req("PUT", f"/connectors/{name}/stop")
                while True:
                    s, b = w.req("GET", f"/connectors/{name}/status")
                    if s == 200 and b["connector"]["state"] == "STOPPED" and not b["tasks"]: break
                    time.sleep(0.05)
                body = json.dumps({"offsets": [{"partition": {"filename": f"/data/in/part-{i}.log"}, "offset": {"position": i * 37}} for i in range(n)]}).encode()
                nz = ctx.noise(w); c0 = cpu(w.pid); t = time.time()
                s, b = w.req("PATCH", f"/connectors/{name}/offsets", body, timeout=400)
                dt = time.time() - t; c1 = cpu(w.pid)
                # the JVM worker does not read its own writes here: poll until all partitions are seen
                t = time.time(); first_get = None; errors = 0; got = -1
                while got < n and time.time() - t < 60:      # (the connector's own offset may add one)
                    g0 = time.time(); s2, b2 = w.req("GET", f"/connectors/{name}/offsets", timeout=400); gt = time.time() - g0
                    got = len(b2["offsets"]) if s2 == 200 else -1
                    errors += s2 != 200
                    if first_get is None: first_get = f"{s2}:{got}"
                vis = time.time() - t
                noise = nz.stop(); m = mem(w.pid)
                ctx.record(label, "alter", f"PATCH {n} partitions", status=s, secs=dt, part_s=n / dt, body_mb=len(body) / 1e6, cpu_s=c1 - c0, get_s=gt, got=got, first_get=first_get, get_errors=errors, visible_s=vis, rss_mb=m[0], hwm_mb=m[1],
                           answer=str(b)[:200], **noise)
                w.req("DELETE", f"/connectors/{name}")
            w.stop(); ctx.drop_cluster(cl)


# 8 ---------------------------------------------------------------- raw limits
def raw(ctx, a):
    d = newest_file_dir(ctx); f = os.path.join(d, "raw.out")
    mb = N_REC * (SIZE + 1) / 1e6
    ensure_topic(ctx, "bench-1p", 1, N_REC)
    cp = f"{KAFKA_LIBS}/*"; log4j = ctx.tool.log4j
    line = b"x" * SIZE + b"\n"
    for run in range(a.runs):
        def t(case, fn, **kw):
            rm(f); u0 = os.times(); s = time.time(); extra = fn() or {}; dt = time.time() - s; u1 = os.times()
            ctx.record("raw", "raw", case, secs=dt, cpu_s=sum(u1[:4]) - sum(u0[:4]), **kw(dt) if callable(kw) else {}, mb_s=mb / dt, rec_s=N_REC / dt, **extra); rm(f)
        def dd(*args):
            subprocess.check_call(["dd", "if=/dev/zero", f"of={f}", "bs=1M", f"count={int(mb)}", *args], stderr=subprocess.DEVNULL)
        t("dd bs=1M (page cache)", lambda: dd())
        t("dd bs=1M conv=fdatasync", lambda: dd("conv=fdatasync"))
        def py(buf):
            with open(f, "wb", buffering=buf) as o:
                for _ in range(N_REC): o.write(line)
        for topic, k in (("bench-1p", 1),):
            def cons():
                out = subprocess.check_output(["java", "-Xmx512m", f"-Dlog4j2.configurationFile={log4j}", "-cp", cp, "org.apache.kafka.tools.ConsumerPerformance",
                    "--bootstrap-server", ctx.broker.bootstrap, "--topic", topic, "--num-records", str(N_REC), "--group", f"perf-{time.time()}"], text=True, stderr=subprocess.STDOUT)
                hdr, v = [l for l in out.splitlines() if "," in l][-2:]
                cols = dict(zip([x.strip() for x in hdr.split(",")], [x.strip() for x in v.split(",")]))
                return {"tool_rec_s": float(next(cols[c] for c in cols if c.lower() in ("nmsg.sec", "nmsg.per.sec"))), "fetch_rec_s": float(next(cols[c] for c in cols if c.lower().startswith("fetch.nmsg")))}
            t(f"ConsumerPerformance {topic}", cons)
        for case, props in (("defaults acks=all", ["acks=all"]), ("acks=all linger 10 batch 512K", ["acks=all", "linger.ms=10", "batch.size=524288", "buffer.memory=67108864"])):
            tp = f"perf-{os.getpid()}-{run}"; ctx.tool("create", tp, 1)
            def prod():
                out = subprocess.check_output(["java", "-Xmx512m", f"-Dlog4j2.configurationFile={log4j}", "-cp", cp, "org.apache.kafka.tools.ProducerPerformance", "--topic", tp,
                    "--num-records", str(N_REC), "--record-size", str(SIZE), "--throughput", "-1", "--command-property", f"bootstrap.servers={ctx.broker.bootstrap}", *props], text=True, stderr=subprocess.STDOUT)
                l = [x for x in out.splitlines() if "records/sec" in x][-1]
                return {"tool_rec_s": float(l.split(" records sent, ")[1].split(" ")[0])}
            t(f"ProducerPerformance 1p {case}", prod)
            ctx.tool("delete", tp)


# ---------------------------------------------------------------- report
def report(path):
    rows = [json.loads(l) for l in open(path)]
    groups = {}
    for r in rows:
        groups.setdefault((r["bench"], r["case"], r["label"]), []).append(r)
    last = None
    for (b, c, l), rs in groups.items():
        if b != last: print(f"\n### {b}\n"); last = b
        print(f"**{c}** — {l}, {len(rs)} runs\n\n| metric | median | min | max |\n|---|---|---|---|")
        for k in rs[0]:
            if k in ("label", "bench", "case", "time"): continue
            v = [r.get(k) for r in rs]
            if all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in v):
                fm = lambda x: f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.4g}"
                print(f"| {k} | {fm(statistics.median(v))} | {fm(min(v))} | {fm(max(v))} |")
            else:
                print(f"| {k} | {', '.join(sorted({str(x) for x in v}))} | | |")
        print()


BENCHES = dict(coldstart=coldstart, sink=sink, source=source, seed=seed, rebalance=rebalance, startup=startup, rest=rest, offsets=offsets, alter=alter, raw=raw)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("bench", nargs="+")
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--worker", action="append", help="LABEL=CMD with {props}")
    p.add_argument("--worker-prop", action="append", default=[], help="LABEL:key=value, a further line of that label's distributed.properties")
    p.add_argument("--connectors", type=int, default=0)
    p.add_argument("--delay", default="0", help="scheduled.rebalance.max.delay.ms of the rebalance bench")
    p.add_argument("--eos", action="store_true", help="source bench with exactly-once support")
    a = p.parse_args()
    results = os.environ.get("RESULTS", os.path.join(WORK_DIR, "results.jsonl"))
    if a.bench == ["report"]:
        return report(results)
    workers = dict(w.split("=", 1) for w in a.worker) if a.worker else {"jvm": DEFAULT_WORKER}
    names = list(BENCHES) if a.bench == ["all"] else a.bench
    ctx = Ctx(workers, results)
    for x in a.worker_prop:
        l, kv = x.split(":", 1)
        ctx.props.setdefault(l, {}).update([kv.split("=", 1)])
    for b in names:
        print(f"== {b} load {open('/proc/loadavg').read().strip()}", flush=True)
        t = time.time()
        try:
            BENCHES[b](ctx, a)
        except Exception as e:
            import traceback; traceback.print_exc()
        print(f"== {b} took {time.time() - t:.0f}s", flush=True)
    ctx.tool.p.stdin.close()
    ctx.broker.stop()


if __name__ == "__main__":
    main()
