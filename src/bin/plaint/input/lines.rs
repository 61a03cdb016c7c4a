//! Lines of any input, in bounded memory.

use std::io::{self, BufRead, BufReader, Read};

use super::bad_line::BadLine;

/// A longer line is skipped without being held. The shipped model reads 128 KiB of a text.
pub const MAX_LINE: usize = 4 << 20;

const BUFFER: usize = 64 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads one line at a time; line ends (`\n`, `\r\n`) and a byte order mark are taken off.
pub struct LineReader {
    input: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
    too_long: bool,
    number: u64,
    bytes: u64,
}

impl LineReader {
    pub fn new(input: Box<dyn Read + Send>) -> Self {
        let input = BufReader::with_capacity(BUFFER, input);
        Self { input, line: Vec::new(), too_long: false, number: 0, bytes: 0 }
    }

    /// Goes to the next line; `false` at the end.
    pub fn advance(&mut self) -> io::Result<bool> {
        if self.line.capacity() > BUFFER {
            self.line = Vec::new();
        }
        self.line.clear();
        // Room for the line end and a byte order mark, so that what remains without them tells whether it is too long.
        let limit = (MAX_LINE + 2 + BYTE_ORDER_MARK.len()) as u64;
        self.bytes = (&mut self.input).take(limit).read_until(b'\n', &mut self.line)? as u64;
        if self.bytes == 0 {
            return Ok(false);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if self.bytes == limit {
            self.bytes += self.input.skip_until(b'\n')? as u64;
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
        }
        self.too_long = self.line.len() > MAX_LINE;
        Ok(true)
    }

    /// The line.
    pub fn line(&self) -> Result<&[u8], BadLine> {
        if self.too_long { Err(BadLine::TooLong { found: self.bytes }) } else { Ok(&self.line) }
    }

    /// Its 1-based number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Its length in the input, line end included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: Vec<u8>) -> Vec<(u64, u64, Result<Vec<u8>, BadLine>)> {
        let mut reader = LineReader::new(Box::new(io::Cursor::new(input)));
        let mut found = Vec::new();
        while reader.advance().unwrap() {
            found.push((reader.number(), reader.bytes(), reader.line().map(<[u8]>::to_vec)));
        }
        found
    }

    #[test]
    fn line_ends_and_byte_order_mark_are_taken_off() {
        let found = lines(b"\xEF\xBB\xBFone\r\n\n\xEF\xBB\xBFx\rlast\r".to_vec());
        let expected: [(u64, u64, &[u8]); 3] = [(1, 8, b"one"), (2, 1, b""), (3, 10, b"\xEF\xBB\xBFx\rlast")];
        assert_eq!(found, expected.map(|(number, bytes, line)| (number, bytes, Ok(line.to_vec()))));
        assert_eq!(lines(Vec::new()), []);
    }

    #[test]
    fn the_longest_line_is_read_whatever_its_end_and_a_longer_one_is_skipped() {
        let longest = vec![b'x'; MAX_LINE];
        for end in ["", "\n", "\r\n"] {
            for mark in [b"".as_slice(), BYTE_ORDER_MARK] {
                let found = lines([mark, &longest, end.as_bytes()].concat());
                assert!(found[0].2 == Ok(longest.clone()), "{end:?}");
            }
            let found = lines([&longest, b"x".as_slice(), end.as_bytes()].concat());
            let length = (MAX_LINE + 1 + end.len()) as u64;
            assert_eq!(found, [(1, length, Err(BadLine::TooLong { found: length }))]);
        }
        let found = lines([longest.as_slice(), &longest, &longest, b"\nnext"].concat());
        let length = 3 * MAX_LINE as u64 + 1;
        assert_eq!(found[0], (1, length, Err(BadLine::TooLong { found: length })));
        assert_eq!(found[1..], [(2, 4, Ok(b"next".to_vec()))]);
    }
}
