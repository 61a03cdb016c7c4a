//! The `plaint` command. Each sub-command has a file of its own; what they share lies beside them.
#![deny(clippy::unwrap_used)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bench;
mod compare;
mod cpu;
mod evaluate;
mod fatal;
mod input;
mod inspect;
mod options;
mod output;
mod progress;
mod score;
mod steps;
mod table;
#[cfg(feature = "train")]
mod train;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::fatal::Fatal;

/// Scores customer texts for complaint, sentiment and urgency.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "Exit status: 0 all went well, 1 some inputs failed, 2 usage or load error.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Score(score::Args),
    Evaluate(evaluate::Args),
    Compare(compare::Args),
    Bench(bench::Args),
    Inspect(inspect::Args),
    #[cfg(feature = "train")]
    Train(train::Args),
}

/// How a command ended that did not fail as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Complete,
    SomeInputsFailed,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    output::leave_whole_lines_on_signals();
    let result = match cli.command {
        Command::Score(args) => score::run(args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Compare(args) => compare::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        #[cfg(feature = "train")]
        Command::Train(args) => train::run(&args),
    };
    match result {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::SomeInputsFailed) => ExitCode::from(1),
        // Whoever read our output has seen enough, as in `plaint score big.jsonl | head -1`.
        Err(Fatal::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(fatal) => {
            // Not `eprintln`: it panics where nobody listens on stderr.
            let _ = writeln!(io::stderr(), "plaint: {fatal}");
            ExitCode::from(2)
        }
    }
}
