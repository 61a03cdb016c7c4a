//! The examples around a service, run for real.
#![cfg(all(unix, feature = "embedded-model"))]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Far more than any step needs; a test that waits this long has found a hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program of `examples/`, which `cargo test` builds beside the tests.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let path: PathBuf = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not built: run `cargo build --example {name}` first", path.display());
    Command::new(path)
}

/// Waits for the end of a process, but not for ever.
fn finish(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("the program does not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_stream_consumer_scores_a_long_stream_in_order() {
    let messages: Vec<&str> = include_str!("../examples/messages.jsonl").lines().collect();
    let mut child =
        example("stream_consumer").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines = 40;
    let input: Vec<String> = (0..lines)
        .map(|line| match line {
            7 => "not JSON".into(),
            8 => r#"{"id": 8, "text": " "}"#.into(),
            _ => messages[line % messages.len()].to_owned(),
        })
        .collect();
    let expected = input.clone();
    let feeding = thread::spawn(move || input.iter().for_each(|line| writeln!(stdin, "{line}").unwrap()));
    let output: Vec<Value> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    feeding.join().unwrap();
    assert_eq!(finish(&mut child).code(), Some(1), "two lines are bad");
    assert_eq!(output.len(), lines);
    for (index, (input, found)) in expected.iter().zip(&output).enumerate() {
        if index == 7 || index == 8 {
            assert!(found["error"].is_string() && found["line"] == index + 1, "{found}");
            continue;
        }
        let input: Value = serde_json::from_str(input).unwrap();
        assert_eq!(found["id"], input["id"]);
        let is_complaint = input["id"].as_str().unwrap().ends_with("complaint");
        assert_eq!(found["complaint"].as_f64().unwrap() > 0.5, is_complaint, "{found}");
        assert!(found["model"].as_str().unwrap().starts_with("plaint-base "), "{found}");
    }
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stderr, "38 scored, 2 failed\n");
}

#[cfg(feature = "metrics")]
mod http {
    use std::net::TcpStream;

    use serde_json::json;

    use super::*;

    /// The server as a process of its own.
    struct Server {
        child: Child,
        address: String,
    }

    impl Server {
        fn start(queue_texts: usize) -> Self {
            let mut child = example("axum_service")
                .args(["127.0.0.1:0", &queue_texts.to_string()])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            let address = line.trim().strip_prefix("listening on http://").expect("the address").to_owned();
            Self { child, address }
        }

        /// Status and body.
        fn exchange(&self, request: &str) -> (u16, String) {
            exchange(&self.address, request)
        }

        fn score(&self, body: &Value) -> (u16, Value) {
            score(&self.address, body)
        }

        fn terminate(&mut self) {
            let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
            assert!(status.success());
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    fn exchange(address: &str, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("not HTTP: {response}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    fn score(address: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let request = format!(
            "POST /score HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, body) = exchange(address, &request);
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    #[test]
    fn the_server_scores_and_says_what_went_wrong() {
        let mut server = Server::start(1024);
        let (status, reply) = server.score(
            &json!({ "text": "Seit drei Wochen kein Internet, und niemand ruft zurück!", "deadline_ms": 60000 }),
        );
        assert_eq!(status, 200, "{reply}");
        assert!(reply["complaint"].as_f64().unwrap() > 0.7, "{reply}");
        assert!(["answer", "escalate"].contains(&reply["decision"].as_str().unwrap()), "{reply}");
        assert_eq!(reply["model"]["name"], "plaint-base");
        assert_eq!(reply["model"]["checksum"].as_str().unwrap().len(), 64);

        let (status, reply) = server.score(&json!({ "text": "Danke!", "deadline_ms": 0 }));
        assert_eq!(status, 504, "{reply}");
        assert!(reply["error"].as_str().unwrap().contains("deadline"), "{reply}");
        assert_eq!(server.score(&json!({ "text": "" })).0, 422);
        assert_eq!(server.score(&json!({ "txt": "Danke!" })).0, 422);

        let (status, metrics) =
            server.exchange("GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        assert_eq!(status, 200);
        for line in [
            r#"plaint_settled_total{priority="interactive",outcome="scored"} 1"#,
            r#"plaint_settled_total{priority="interactive",outcome="expired"} 1"#,
            r#"plaint_settled_total{priority="interactive",outcome="failed"} 1"#,
        ] {
            assert!(metrics.lines().any(|found| found == line), "{line} is not in:\n{metrics}");
        }
        assert!(metrics.contains("plaint_encode_seconds"), "{metrics}");
        server.terminate();
        assert!(finish(&mut server.child).success());
    }

    #[test]
    fn a_server_that_is_overloaded_says_429_and_one_that_ends_answers_what_it_accepted() {
        let mut server = Server::start(1);
        // Long texts, so that the first are still being encoded when the last arrive.
        let body = json!({ "text": "kein Internet seit drei Wochen ".repeat(400), "deadline_ms": 60000 });
        let callers: Vec<_> = (0..12)
            .map(|_| {
                let (address, body) = (server.address.clone(), body.clone());
                thread::spawn(move || score(&address, &body).0)
            })
            .collect();
        let start = Instant::now();
        let overloaded = loop {
            let (_, metrics) = server.exchange("GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            let all = |name: &str| -> u64 {
                let of_name = metrics.lines().filter(|line| line.starts_with(name));
                of_name.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
            };
            let (accepted, rejected) = (all("plaint_accepted_total"), all("plaint_rejected_total"));
            if accepted + rejected == 12 {
                break rejected;
            }
            assert!(start.elapsed() < PATIENCE, "12 requests were sent:\n{metrics}");
        };
        server.terminate();
        let statuses: Vec<u16> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        let count = |status| statuses.iter().filter(|found| **found == status).count() as u64;
        assert!(overloaded > 0, "{statuses:?}");
        assert_eq!((count(429), count(200)), (overloaded, 12 - overloaded), "{statuses:?}");
        assert!(finish(&mut server.child).success());
    }
}
