//! Processes of their own: a program as a user starts it, and a bench as what it measures.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddrV4;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

/// A program that was built with a test: `Program(env!("CARGO_BIN_EXE_name"))`.
#[derive(Clone, Copy, Debug)]
pub struct Program(pub &'static str);

impl Program {
    /// Ready to be started: no input, output to be read.
    pub fn command(self, args: &[&str]) -> Command {
        let mut command = Command::new(self.0);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it cannot be run.
    pub fn run(self, args: &[&str]) -> Output {
        self.command(args).output().expect("the program was built with this test")
    }

    /// Runs what must fail as a user's mistake: exit code 1, and one line, which is returned.
    ///
    /// # Panics
    /// If it does not.
    pub fn mistake(self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
        let said = String::from_utf8(output.stderr).expect("what users read is text");
        assert_eq!(said.lines().count(), 1, "{args:?} said: {said}");
        said
    }

    /// Starts it and goes on.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(self, args: &[&str]) -> Running {
        let mut child = self.command(args).spawn().expect("the program was built with this test");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Running { child, lines }
    }
}

/// A process that is ended with the test.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// The next line it prints.
    ///
    /// # Panics
    /// If that is no text.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("its output is text");
        line
    }

    /// The address in `… on ADDRESS; Ctrl-C ends it`, which it prints next.
    ///
    /// # Panics
    /// If it prints something else.
    pub fn address(&mut self) -> String {
        let line = self.line();
        let address = line.split(" on ").nth(1).and_then(|rest| rest.split(';').next());
        address.unwrap_or_else(|| panic!("no address in `{line}`")).to_owned()
    }

    /// Ctrl-C; true if it then ends in good order.
    ///
    /// # Panics
    /// If it cannot be signalled.
    pub fn interrupt(mut self) -> bool {
        signal(&self.child, "INT");
        self.child.wait().expect("it was started").success()
    }
}

/// This very program once more, as something else: what a bench measures shares no process with what measures it. It says first where
/// it listens, and ends when its input does ([`wait_for_end_of_input`]), which is when this is dropped.
#[derive(Debug)]
pub struct Again {
    /// Where it listens.
    pub address: SocketAddrV4,
    process: Child,
}

impl Again {
    /// Starts it with these arguments.
    ///
    /// # Panics
    /// If it cannot be started, or does not say where it listens.
    pub fn start(args: &[impl AsRef<OsStr>]) -> Again {
        let mut process = Command::new(std::env::current_exe().expect("this program has a path"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let mut line = String::new();
        let told = BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line);
        told.expect("its output is text");
        Again { address: line.trim().parse().expect("it says first where it listens"), process }
    }

    /// The number that the system knows it by.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Again {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let ended = self.process.wait().expect("it was started");
        assert!(ended.success() || std::thread::panicking(), "the other process has panicked");
    }
}

/// Returns when there is nothing more to read: the sign to end for a program that was started by [`Again`]. It blocks.
///
/// # Panics
/// If there is no input.
pub fn wait_for_end_of_input() {
    std::io::stdin().read_to_end(&mut Vec::new()).expect("there is an input");
}

/// Sends a signal, by its short name (`INT`, `KILL`).
///
/// # Panics
/// If the process is gone.
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(sent.expect("kill can be run").success());
}

/// Processor time that a process has used so far, of all its threads, user and system; zero where the system does not tell
/// (Linux does).
pub fn cpu_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name of the program, in parentheses, may have blanks; user and system time are the 12th and 13th after it,
    // in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

/// Memory that this process has resident, in bytes, where the system tells (Linux does).
pub fn own_resident_bytes() -> Option<u64> {
    Some(resident_bytes(std::process::id())).filter(|bytes| *bytes > 0)
}

/// Memory that a process has resident, in bytes; zero where the system does not tell (Linux does).
pub fn resident_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let told = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = told.and_then(|told| told.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
