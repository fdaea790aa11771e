//! Addresses that lead nowhere: each fails within the deadline, with the true reason.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use connectctl::io::kafka::cluster::Cluster;
use connectctl::io::kafka::error::{KafkaError, KafkaErrorKind};
use connectctl::io::kafka::settings::ClientSettings;

const TIMEOUT: Duration = Duration::from_secs(2);

/// Connects, which must fail in time.
async fn failure(bootstrap: &[&str]) -> KafkaError {
    let addresses = bootstrap
        .iter()
        .map(|&address| address.to_owned())
        .collect();
    let started = Instant::now();
    let connected = Cluster::connect(ClientSettings::plaintext(addresses, TIMEOUT)).await;
    let took = started.elapsed();
    assert!(
        took < TIMEOUT + Duration::from_millis(500),
        "it took {took:?}"
    );
    let error = connected.expect_err("nobody is there");
    assert!(error.hint().is_some(), "{error}");
    error
}

/// Serves connections one by one on a free loopback port until the process ends.
fn server(serve: impl Fn(std::net::TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound").to_string();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    address
}

fn black_hole() -> String {
    let kept = std::sync::Mutex::new(Vec::new());
    server(move |stream| kept.lock().expect("no panics here").push(stream))
}

fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    listener.local_addr().expect("it is bound").to_string()
}

fn http_server() -> String {
    server(|mut stream| {
        let mut asked = [0; 64];
        let _ = stream.read(&mut asked);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    })
}

#[tokio::test]
async fn an_unknown_host_is_named() {
    let error = failure(&["no-such-host.invalid:9092"]).await;
    assert_eq!(error.kind(), KafkaErrorKind::UnknownHost, "{error}");
    assert!(
        error
            .to_string()
            .starts_with("the host of no-such-host.invalid:9092 is unknown")
    );
}

#[tokio::test]
async fn a_closed_port_refuses_the_connection() {
    let address = closed_port();
    let error = failure(&[&address]).await;
    assert_eq!(
        error.to_string(),
        format!("{address} refused the connection")
    );
}

#[tokio::test]
async fn an_http_server_is_not_taken_for_kafka() {
    let address = http_server();
    let error = failure(&[&address]).await;
    assert_eq!(
        error.to_string(),
        format!("{address} is not a Kafka broker: it answered like an HTTP server")
    );
}

#[tokio::test]
async fn an_http_server_that_waits_for_the_end_of_a_line_is_not_taken_for_kafka() {
    let address = server(|stream| {
        std::thread::spawn(|| {
            let mut reader = std::io::BufReader::new(stream);
            let mut line = Vec::new();
            // The client hangs up when it has given up.
            let read = std::io::BufRead::read_until(&mut reader, b'\n', &mut line);
            if read.is_ok() && line.ends_with(b"\n") {
                let _ = reader.get_mut().write_all(b"HTTP/1.0 200 OK\r\n\r\n");
            }
        });
    });
    let error = failure(&[&address]).await;
    assert_eq!(
        error.to_string(),
        format!("{address} is not a Kafka broker: it answered like an HTTP server")
    );
}

#[tokio::test]
async fn a_port_that_never_answers_times_out() {
    let address = black_hole();
    let error = failure(&[&address]).await;
    // How long it was waited is measured, and a busy machine waits a little longer.
    let late = format!("the answer to ApiVersions of {address} did not come within ");
    assert_eq!(error.kind(), KafkaErrorKind::Timeout, "{error}");
    assert!(error.to_string().starts_with(&late), "{error}");
}

#[tokio::test]
async fn a_connection_closed_in_the_middle_says_during_what() {
    let address = server(|mut stream| {
        let mut asked = [0; 8];
        let _ = stream.read(&mut asked);
        let _ = stream.write_all(&[0, 0, 1, 0, 0, 0]);
    });
    let error = failure(&[&address]).await;
    assert_eq!(error.kind(), KafkaErrorKind::Closed, "{error}");
    assert!(
        error
            .to_string()
            .contains("closed the connection during ApiVersions"),
        "{error}"
    );
}

#[tokio::test]
async fn all_bootstrap_servers_are_tried_and_each_has_its_reason() {
    let (closed, http, silent) = (closed_port(), http_server(), black_hole());
    let error = failure(&[&silent, &closed, &http]).await;
    let KafkaError::Bootstrap { attempts } = &error else {
        panic!("{error}");
    };
    let kinds: Vec<_> = attempts.iter().map(KafkaError::kind).collect();
    assert_eq!(
        kinds,
        [
            KafkaErrorKind::Timeout,
            KafkaErrorKind::Refused,
            KafkaErrorKind::NotKafka
        ]
    );
}

#[tokio::test]
async fn what_is_no_address_is_said_to_be_none() {
    let error = failure(&["kafka without a port"]).await;
    assert_eq!(error.kind(), KafkaErrorKind::Address, "{error}");
}
