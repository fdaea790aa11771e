//! What `capture` says when the URL is not that of a Connect worker: code, message, remedy, and that nothing is written.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::support::ports;
use crate::support::world::{Ran, World};

/// Answers every connection with these bytes, whatever is asked; `f` may go on writing. Returns `127.0.0.1:port`.
fn server(first: impl Into<Vec<u8>>, f: fn(&mut TcpStream) -> std::io::Result<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let first = first.into();
    // Ends with the test process.
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.expect("a connection");
            let mut asked = [0; 4096];
            // A client that hangs up early is the client's affair.
            let _hung_up = socket
                .read(&mut asked)
                .and_then(|_| socket.write_all(&first))
                .and_then(|()| f(&mut socket));
        }
    });
    address
}

fn answers(first: impl Into<Vec<u8>>) -> String {
    server(first, |_| Ok(()))
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn capture(world: &World, arguments: &[&str]) -> Ran {
    let words = ["capture", "--out", "captured"];
    world.run(words.iter().chain(arguments))
}

/// Fails with this code and these words, and writes nothing.
#[track_caller]
fn fails(arguments: &[&str], code: i32, words: &[&str]) {
    let world = World::new();
    let ran = capture(&world, arguments).code(code);
    for word in words {
        assert!(
            ran.stderr.contains(word),
            "{word:?} is not in: {}",
            ran.stderr
        );
    }
    assert!(!world.path("captured").exists(), "nothing is written");
    assert_eq!(ran.stdout, "");
}

#[test]
fn a_closed_port_an_unknown_host_and_a_silent_one_are_told_apart() {
    let closed = format!("http://127.0.0.1:{}", ports::free());
    fails(
        &["--source-url", &closed],
        1,
        &[
            &format!("error: GET {closed}/: connection refused: nothing listens there"),
            "hint: is the worker running, and is this the port of its `listeners`?",
        ],
    );
    fails(
        &["--source-url", "http://no-such-host.invalid:8083"],
        1,
        &[
            "http://no-such-host.invalid:8083/: unknown host",
            "hint: check the host name",
        ],
    );
    let silent = server("", |socket| socket.read(&mut [0]).map(drop));
    fails(
        &[
            "--source-url",
            &format!("http://{silent}"),
            "--timeout",
            "1s",
        ],
        1,
        &["no answer within 1s", "hint: give it longer with --timeout"],
    );
}

#[test]
fn a_url_that_is_none_is_wrong_usage_and_its_password_is_not_shown() {
    for (url, shown) in [
        ("localhost:8083", "localhost:8083"),
        ("ftp://u:canary@h/", "ftp://********@h/"),
    ] {
        fails(
            &["--source-url", url],
            2,
            &[
                &format!("{shown}: is not a URL of a Connect worker"),
                "hint: for example http://connect.example:8083",
            ],
        );
    }
    fails(
        &["--source-url", "http://h", "--user", "canary"],
        2,
        &[
            "--user must be NAME:PASSWORD",
            "hint: for example --user admin:secret",
        ],
    );
}

#[test]
fn a_server_that_is_not_connect_is_told_as_such() {
    let page = answers(http(
        "200 OK",
        "Content-Type: text/html\r\n",
        "<html>Hello</html>",
    ));
    fails(
        &["--source-url", &format!("http://{page}")],
        1,
        &[
            "answered something that is not Connect's REST API: no JSON, at line 1 column 1",
            "hint: is this the port of a Connect worker?",
        ],
    );
    let registry = answers(http("200 OK", "", r#"{"status":"up","token":"canary"}"#));
    fails(
        &["--source-url", &format!("http://{registry}")],
        1,
        &["not Connect's REST API: missing field `version`"],
    );
    let other = answers(http("200 OK", "", r#"{"version":["canary"]}"#));
    fails(
        &["--source-url", &format!("http://{other}")],
        1,
        &["not Connect's REST API: JSON of another shape, at line 1 column 11"],
    );
    let proxy = answers(http(
        "502 Bad Gateway",
        "",
        "<html><head><title>502</title></head><body>no upstream</body></html>",
    ));
    fails(
        &[
            "--source-url",
            &format!("http://{proxy}"),
            "--timeout",
            "1s",
        ],
        1,
        &["answered 502: 502 no upstream"],
    );
    let ssh = answers("SSH-2.0-OpenSSH_9.6\r\n");
    fails(
        &["--source-url", &format!("http://{ssh}")],
        1,
        &[
            "did not answer in HTTP: ",
            "hint: is this a TLS port? Then write https://",
        ],
    );
}

#[test]
fn a_redirect_is_not_followed_and_its_query_is_not_shown() {
    let login = answers(http(
        "302 Found",
        "Location: https://u:canary@login.example/start?token=canary#canary\r\n",
        "",
    ));
    let world = World::new();
    let ran = capture(&world, &["--source-url", &format!("http://{login}")]).code(1);
    assert!(
        ran.stderr
            .contains("answered 302: it redirects to https://********@login.example/start\n"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("hint: redirects are not followed"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("canary"), "{}", ran.stderr);
}

#[test]
fn an_answer_without_an_end_is_given_up() {
    let endless = server("HTTP/1.1 200 OK\r\n\r\n[", |socket| {
        let chunk = vec![b' '; 1 << 20];
        loop {
            socket.write_all(&chunk)?;
        }
    });
    fails(
        &["--source-url", &format!("http://{endless}")],
        1,
        &["answered with more than 268435456 bytes"],
    );
}

#[test]
fn https_on_a_plain_port_is_told_as_such() {
    let plain = answers(http("400 Bad Request", "", ""));
    fails(
        &["--source-url", &format!("https://{plain}")],
        1,
        &[
            "no TLS session: the answer is not TLS",
            "hint: is the listener plain HTTP? Then write http://",
        ],
    );
    // Shut down rather than closed: what was sent is not answered with a reset.
    let hangs_up = server("", |socket| {
        socket.shutdown(std::net::Shutdown::Write)?;
        socket.read(&mut [0]).map(drop)
    });
    fails(
        &["--source-url", &format!("https://{hangs_up}")],
        1,
        &["no TLS session: it hung up instead of answering in TLS"],
    );
}

#[test]
fn a_file_of_authorities_that_cannot_be_used_is_named_with_its_flag() {
    let world = World::new();
    world.file("empty.pem", "");
    world.file("binary.der", [0x30, 0x82, 0xff, 0xfe]);
    let at = |more: &[&str]| {
        let words = ["--source-url", "https://127.0.0.1:1"];
        let words: Vec<_> = words.iter().chain(more).copied().collect();
        let ran = capture(&world, &words).code(1);
        world.normal(&ran.stderr)
    };
    for (more, words) in [
        (
            &["--cacert", "none.pem"][..],
            "$ROOT/none.pem: no such file",
        ),
        (
            &["--cacert", "empty.pem"],
            "--cacert empty.pem: holds no certificate",
        ),
        (
            &["--cacert", "binary.der"],
            "$ROOT/binary.der: is not PEM text",
        ),
        (
            &["--cert", "empty.pem"],
            "--cert empty.pem: holds no certificate",
        ),
    ] {
        let said = at(more);
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    let alone = capture(&world, &["--source-url", "https://h", "--key", "k"]).code(2);
    assert!(alone.stderr.contains("--cert <FILE>"), "{}", alone.stderr);
}
