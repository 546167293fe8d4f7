//! The program as a user starts it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

pub fn napster(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_napster"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A process that is ended with the test.
pub struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    pub fn start(args: &[&str]) -> Running {
        let mut child = napster(args).spawn().expect("the program was built with this test");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Running { child, lines }
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("its output is text");
        line
    }

    /// The address in `… on ADDRESS; Ctrl-C ends it`.
    pub fn address(&mut self) -> String {
        let line = self.line();
        let address = line.split(" on ").nth(1).and_then(|rest| rest.split(';').next());
        address.unwrap_or_else(|| panic!("no address in `{line}`")).to_owned()
    }

    /// Ctrl-C; true if it then ends in good order.
    pub fn interrupt(mut self) -> bool {
        signal(&self.child, "INT");
        self.child.wait().expect("it was started").success()
    }
}

/// Sends a signal, by its short name.
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(sent.expect("kill can be run").success());
}

pub fn run(args: &[&str]) -> Output {
    napster(args).output().expect("the program was built with this test")
}

/// Runs what must fail, and returns the one line it says.
pub fn mistake(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{args:?} said: {said}");
    said
}
