//! What a caller asks for.

use std::time::Duration;

/// Who waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Priority {
    /// Somebody who looks at a screen: served first.
    #[default]
    Interactive,
    /// A queue or a file: served beside, never starved.
    Bulk,
}

impl Priority {
    /// All priorities.
    pub const ALL: [Self; 2] = [Self::Interactive, Self::Bulk];

    /// `interactive` or `bulk`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Bulk => "bulk",
        }
    }
}

/// A text to be scored. A `&str` or `String` becomes one without a deadline, of interactive priority.
///
/// ```
/// use std::time::Duration;
/// use plaint::service::Request;
///
/// let request = Request::new("Wo bleibt mein Paket?").bulk().deadline(Duration::from_secs(2));
/// assert_eq!(request, Request { deadline: Some(Duration::from_secs(2)), ..Request::from("Wo bleibt mein Paket?").bulk() });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The text.
    pub text: String,
    /// Who waits for it.
    pub priority: Priority,
    /// How long after submission an answer is still of use. A text that is not being encoded by then never will be.
    pub deadline: Option<Duration>,
}

impl Request {
    /// A text without a deadline, of interactive priority.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), priority: Priority::Interactive, deadline: None }
    }

    /// The same with another priority.
    #[must_use]
    pub fn priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    /// The same with bulk priority.
    #[must_use]
    pub fn bulk(self) -> Self {
        self.priority(Priority::Bulk)
    }

    /// The same with a deadline, counted from submission.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }
}

impl From<&str> for Request {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Request {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}
