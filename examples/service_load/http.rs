//! As much of an HTTP client as the load needs.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// One connection, kept alive.
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    pub fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Status of the response to a text that is to be scored.
    pub fn score(&mut self, text: &str) -> io::Result<u16> {
        let body = serde_json::json!({ "text": text, "deadline_ms": 60_000 }).to_string();
        self.exchange("POST /score", &body).map(|(status, _)| status)
    }

    /// What the server says of itself.
    pub fn metrics(&mut self) -> io::Result<String> {
        self.exchange("GET /metrics", "").map(|(_, body)| body)
    }

    fn exchange(&mut self, what: &str, body: &str) -> io::Result<(u16, String)> {
        let request = format!(
            "{what} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        let mut length = 0;
        while !head.ends_with("\r\n\r\n") {
            let start = head.len();
            if self.0.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((name, value)) = head[start..].split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("not HTTP: {head}")))?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}
