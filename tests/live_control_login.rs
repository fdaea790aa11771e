//! `migrate --verify control` where nobody gets in without TLS and a login, and a real worker with the generated file.

use crate::live_doctor_acl::login;
use crate::live_security::{SCRAM_PASSWORD, fixture};
use crate::support::moving::Moving;
use crate::support::require_kafka;

/// Settings of a worker, and of the clients that it makes for its connectors, which log in over TLS.
fn secured() -> Vec<(String, String)> {
    let logins = ["", "producer.", "consumer.", "admin."]
        .map(|prefix| login(prefix, "alice", SCRAM_PASSWORD));
    let lines = logins.concat();
    let pairs = lines.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn over_tls_with_a_login_control_registers_and_a_real_worker_goes_on_with_the_generated_file() {
    require_kafka!();
    let settings = secured();
    let settings: Vec<_> = settings
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let bootstrap = fixture().kafka.listener("LOGINTLS");
    let mut moving = Moving::run_with("control-login", &bootstrap, &settings);
    moving.append(10);
    let words = ["--source-stopped", "--yes", "--verify", "control"];
    let ran = moving.migrate(&words).success();
    let report = moving.report();
    assert_eq!(report["embedded_worker"], "performed");
    let promises = report["promises"].as_array().expect("promises");
    let kept = promises
        .iter()
        .filter(|p| p["verdict"] == "kept" && p["ms"].is_u64());
    // Group, topics, connectors, offsets, sinks, REST, final states.
    assert_eq!(kept.count(), 7, "{report:#}");
    assert!(
        !promises.iter().any(|p| p["verdict"] == "broken"),
        "{report:#}"
    );
    let said = format!("{}{}{report}", ran.stdout, ran.stderr);
    assert!(!said.contains(SCRAM_PASSWORD), "a password is shown");

    // The doctor says of the generated file what the worker then shows.
    let generated = moving.out().join("distributed.properties");
    let doctor = [
        "doctor",
        "--worker-config",
        &generated.display().to_string(),
    ]
    .map(str::to_owned);
    let healthy = moving.world.run(&doctor).success();
    assert!(
        healthy
            .stdout
            .contains("connect-control-login-sink may be joined"),
        "{}",
        healthy.stdout
    );
    let mut worker = moving.start_distributed();
    worker.wait_running("control-login-source");
    worker.wait_running("control-login-sink");
    moving.expect_lines();
    moving.append(10);
    moving.expect_lines();
    let later = moving.migrate(&words).success();
    assert!(later.stdout.contains("nothing to do"), "{}", later.stdout);
    worker.stop();
}
