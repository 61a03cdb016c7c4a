//! The last line of defence: a panic below us becomes a value.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work`; if it panics, returns the panic's message.
///
/// Callers only pass closures over state that a panic cannot leave half-changed: shared references to models, or
/// buffers that are overwritten before they are read again.
pub fn guard<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| message_of(payload.as_ref()))
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    message.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_first_line() {
        assert_eq!(guard(|| 7), Ok(7));
        let broken = guard(|| panic!("found {}\nsecond line", 3));
        assert_eq!(broken, Err::<(), _>("found 3".to_owned()));
    }
}
