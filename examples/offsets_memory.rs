//! Shows the time and the memory that reading offsets takes, from a file or from a topic.
//!
//! `write FILE ENTRIES`, then `read FILE`; after `connectctl offsets seed FILE …`: `topic BOOTSTRAP TOPIC`.
#![expect(clippy::print_stdout, reason = "an example tells what it measured")]

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::time::{Duration, Instant};

use bytes::Bytes;
use connectctl::io::kafka::cluster::Cluster;
use connectctl::io::kafka::settings::ClientSettings;
use connectctl::io::offset_store;
use connectctl::model::offset_file::{self, OffsetEntry};
use connectctl::model::worker_config::Isolation;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", path, count] => write(path, count.parse()?),
        ["read", path] => read(path),
        ["topic", bootstrap, topic] => {
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(read_topic(bootstrap, topic))
        }
        _ => Err(
            "usage: offsets_memory write FILE ENTRIES | read FILE | topic BOOTSTRAP TOPIC".into(),
        ),
    }
}

fn write(path: &str, count: u32) -> Result<(), Box<dyn Error>> {
    let entry = |n: u32| OffsetEntry {
        key: Some(
            format!(
                r#"["file-source-{:04}",{{"filename":"/var/lib/connect/in-{n:07}.txt"}}]"#,
                n % 1000
            )
            .into(),
        ),
        value: Some(format!(r#"{{"position":{}}}"#, u64::from(n) * 1000).into()),
    };
    let entries: Vec<_> = (0..count).map(entry).collect();
    offset_file::write(&entries, &mut File::create(path)?)?;
    Ok(())
}

fn read(path: &str) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let file = Bytes::from(fs::read(path)?);
    let loaded = begin.elapsed();
    let length = file.len() as u64;
    let begin = Instant::now();
    let map = offset_file::read(file)?;
    let parsed = begin.elapsed();
    println!("{} entries, {length} bytes", map.entries.len());
    println!("read in {loaded:.0?}, parsed in {parsed:.0?}");
    let peak = peak_memory()?;
    println!(
        "peak memory {peak} bytes, {}% of the file",
        peak * 100 / length
    );
    Ok(())
}

/// Reads the record that holds for every key, as a worker does when it starts.
async fn read_topic(bootstrap: &str, topic: &str) -> Result<(), Box<dyn Error>> {
    let bootstrap = bootstrap.split(',').map(str::to_owned).collect();
    let settings = ClientSettings::plaintext(bootstrap, Duration::from_secs(30));
    let cluster = Cluster::connect(settings).await?;
    let begin = Instant::now();
    let read = offset_store::read_topic(&cluster, topic, Isolation::ReadUncommitted).await?;
    let took = begin.elapsed();
    let read = read.ok_or("no such topic")?;
    println!("{} keys in {took:.2?}", read.stored.len());
    println!("peak memory {} bytes", peak_memory()?);
    Ok(())
}

/// Returns the most bytes that this process has had in memory.
fn peak_memory() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .ok_or("no VmHWM in /proc/self/status")?;
    Ok(peak.parse::<u64>()? * 1024)
}
