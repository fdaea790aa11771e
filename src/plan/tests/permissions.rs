//! The permissions that a plan asks an administrator for.

use super::builder::{SOURCE, WORKER, choices, cluster, deployment, make};

#[test]
fn a_secured_worker_is_told_the_permissions_it_needs() {
    let secured = "security.protocol=SSL\nproducer.security.protocol=SSL\n";
    let deployment = deployment(&format!("{WORKER}{secured}"), &[SOURCE]);
    let plan = make(&deployment, &choices(), Some(&cluster())).expect("a plan");
    let found = plan.findings.iter().find(|f| f.id == "P14").expect("P14");
    let commands: Vec<&str> = found.remedy.lines().skip(1).collect();
    let [group, topics] = commands[..] else {
        panic!("two commands: {found:?}");
    };
    let start = "kafka-acls.sh --bootstrap-server ";
    assert!(commands.iter().all(|command| command.starts_with(start)));
    assert!(
        group.ends_with("--operation Read --operation Describe --group src"),
        "{group}"
    );
    assert!(
        topics.contains("--operation Create --operation Read --operation Write")
            && topics.ends_with("--topic _src.config --topic _src.offset --topic _src.status"),
        "{topics}"
    );
}
