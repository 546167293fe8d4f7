//! The laboratory's command; see the library for what it does.

fn main() -> std::process::ExitCode {
    bench::cli::main()
}
