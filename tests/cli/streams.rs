//! Open pipes, closed pipes and signals.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::{Files, PATIENCE, command};

/// A running process whose stdin stays open.
fn spawn(arguments: &[&str]) -> (Child, ChildStdin) {
    let mut command = command(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let stdin = child.stdin.take().unwrap();
    (child, stdin)
}

/// Waits for the end and returns the status and stderr.
fn finish(mut child: Child) -> (std::process::ExitStatus, String) {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("still running after {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    (child.wait().unwrap(), stderr)
}

#[test]
fn a_line_is_answered_while_the_input_stays_open() {
    for (format, header, line) in [("jsonl", "", "{\"text\":\"ok\"}\n"), ("csv", "text\n", "ok\n"), ("txt", "", "ok\n")]
    {
        let (mut child, mut stdin) = spawn(&["score", "--input-format", format]);
        let (sender, answers) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).for_each(|line| sender.send(line).unwrap()));
        stdin.write_all(header.as_bytes()).unwrap();
        for _ in 0..3 {
            stdin.write_all(line.as_bytes()).unwrap();
            let answer = answers.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{format}: no answer"));
            assert!(answer.contains("\"complaint\":"), "{answer}");
        }
        drop(stdin);
        assert_eq!(finish(child).0.code(), Some(0));
    }
}

/// Starts scoring 200,000 empty lines: 8 MB of output that cost no time, far more than a pipe holds.
#[cfg(unix)]
fn spawn_flood() -> (Files, Child) {
    let files = Files::new(&[("flood.txt", "\n".repeat(200_000).as_bytes())]);
    let (child, _) = spawn(&["score", &files.path("flood.txt")]);
    (files, child)
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let (_files, mut child) = spawn_flood();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "{\"line\":1,\"error\":\"line is empty\"}\n");
    let (status, stderr) = finish(child);
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_promptly_between_two_lines() {
    use std::os::unix::process::ExitStatusExt;

    for (signal, number) in [("INT", 2), ("TERM", 15)] {
        let (_files, mut child) = spawn_flood();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut output = String::new();
        stdout.read_line(&mut output).unwrap();
        // Nobody reads: the pipe fills, and the signal meets a writer that is blocked.
        thread::sleep(Duration::from_millis(200));
        let sent = Instant::now();
        assert!(Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success());
        let (status, stderr) = finish(child);
        assert!(sent.elapsed() < Duration::from_secs(10), "{:?}", sent.elapsed());
        // Where the tests run with a signal ignored (`nohup`), the default action ends it: shells call both 130.
        assert!(status.code() == Some(130) || status.signal() == Some(number), "{status}");
        assert_eq!(stderr, "");
        stdout.read_to_string(&mut output).unwrap();
        assert!(output.ends_with('\n') && output.lines().count() < 200_000);
        for (line, number) in output.lines().zip(1..) {
            assert_eq!(line, format!("{{\"line\":{number},\"error\":\"line is empty\"}}"));
        }
    }
}
