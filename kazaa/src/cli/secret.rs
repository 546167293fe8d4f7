//! Passwords and keys: from the system's secure random source, from files that nobody else can read, from the terminal. Never from
//! the arguments, which everybody on the machine can see.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use common::cli::{PRIVATE, check_private};
use kazaa::services::is_password;
use kazaa::wire::transfer::from_hex;

/// The environment variable that may have the password.
pub const PASSWORD_VARIABLE: &str = "KAZAA_PASSWORD";
/// What of a file with a password or a key is read; more is no such file.
const FILE_BYTES_MAX: u64 = 4_096;

/// The seed of a new key.
pub fn fresh_seed() -> anyhow::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("this system has no secure random source")?;
    Ok(seed)
}

/// The seed of the key that a file keeps, in hexadecimal; a new one if there is no such file.
pub fn kept_seed(path: &Path) -> anyhow::Result<[u8; 32]> {
    let new = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path);
    match new {
        Ok(mut file) => {
            let seed = fresh_seed()?;
            let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
            let written = file.write_all(format!("{hex}\n").as_bytes()).and_then(|()| file.sync_all());
            written.with_context(|| format!("cannot write the key to {}", path.display()))?;
            Ok(seed)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let seed = from_hex(read_private(path)?.trim_end().as_bytes());
            seed.with_context(|| format!("{} is no file with a key", path.display()))
        }
        Err(error) => {
            Err(error).with_context(|| format!("cannot make the file {} for a key", path.display()))
        }
    }
}

/// The password: of the file, else of the environment, else asked for at the terminal.
pub fn password(file: Option<&Path>) -> anyhow::Result<Box<str>> {
    let password = match (file, std::env::var(PASSWORD_VARIABLE)) {
        (Some(path), _) => {
            let text = read_private(path)?;
            text.lines().next().unwrap_or_default().to_owned()
        }
        (None, Ok(password)) => password,
        (None, Err(std::env::VarError::NotUnicode(_))) => {
            bail!("the password in {PASSWORD_VARIABLE} is not UTF-8")
        }
        (None, Err(std::env::VarError::NotPresent)) if io::stdin().is_terminal() => {
            rpassword::prompt_password("password: ").context("cannot ask for the password")?
        }
        (None, Err(std::env::VarError::NotPresent)) => {
            bail!(
                "there is no terminal to ask for the password; give --password-file or set {PASSWORD_VARIABLE}"
            )
        }
    };
    if !is_password(&password) {
        bail!(
            "a password has 1 to {} bytes, and this one {}",
            kazaa::wire::PASSWORD_BYTES_MAX,
            password.len()
        );
    }
    Ok(password.into())
}

fn read_private(path: &Path) -> anyhow::Result<String> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    check_private(&file, path)?;
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text)
}
