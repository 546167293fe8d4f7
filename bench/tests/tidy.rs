//! The architecture's invariants of absence, as far as text can show them.
//!
//! Each is a sentence of the README's architecture section; a violation names file and line.

use std::fs;
use std::path::{Path, PathBuf};

/// Overlays that exist; each has the same rules.
const OVERLAYS: [&str; 4] = ["napster", "gnutella", "kazaa", "bittorrent"];
/// The most lines a source file may have before it wants to be split by noun.
const LINES_MAX: usize = 650;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("bench lies in the workspace").to_path_buf()
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        fs::read_dir(dir).expect("a source folder").map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|suffix| suffix == "rs") {
            found.push(path);
        }
    }
}

fn sources_of(crates: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in crates {
        sources(&root().join(name), &mut found);
    }
    assert!(!found.is_empty());
    found
}

/// Lines of `files` that hold one of `words`, as `path:line: text`.
fn lines_with(files: &[PathBuf], words: &[&str]) -> Vec<String> {
    let mut hits = Vec::new();
    for path in files {
        let text = fs::read_to_string(path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|word| code.contains(word)) {
                let shown = path.strip_prefix(root()).unwrap().display().to_string();
                hits.push(format!("{shown}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    hits
}

#[test]
fn overlays_touch_no_socket_clock_task_random_source_file_or_thread() {
    let mut files = sources_of(&OVERLAYS);
    files.retain(|path| {
        let inside = path.strip_prefix(root()).unwrap();
        let mut parts =
            inside.components().skip(1).map(|part| part.as_os_str().to_string_lossy().into_owned());
        let protocol = parts.next().is_some_and(|part| part == "src");
        let rest: Vec<String> = parts.collect();
        // The command line is the one place of an overlay that meets the world.
        protocol && rest[0] != "main.rs" && rest[0] != "cli" && rest[0] != "cli.rs"
    });
    assert!(!files.is_empty());
    let world = [
        "std::net::Tcp",
        "std::net::Udp",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "tokio::",
        "std::fs",
        "std::thread",
        "Instant::now",
        "SystemTime",
        "rand::rng(",
        "thread_rng",
        "from_os_rng",
        "std::env",
        "println!",
        "eprintln!",
    ];
    let hits = lines_with(&files, &world);
    assert!(hits.is_empty(), "protocol code meets the world:\n{}", hits.join("\n"));
}

#[test]
fn crates_depend_only_downwards() {
    for (name, forbidden) in OVERLAYS
        .iter()
        .map(|overlay| {
            let others = OVERLAYS.iter().filter(|other| *other != overlay).chain(&["bench"]).copied();
            (*overlay, others.collect::<Vec<_>>())
        })
        .chain([("common", OVERLAYS.iter().chain(&["bench"]).copied().collect())])
    {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        for section in ["dependencies", "dev-dependencies"] {
            let Some(toml::Value::Table(dependencies)) = manifest.get(section) else { continue };
            for word in &forbidden {
                assert!(!dependencies.contains_key(*word), "{name} depends on {word}, which stands above it");
            }
        }
    }
}

#[test]
fn only_the_table_of_overlays_the_claims_the_networks_at_their_size_and_the_study_of_logs_name_them() {
    let mut files = sources_of(&["bench/src"]);
    files.retain(|path| {
        !path.components().any(|part| {
            matches!(part.as_os_str().to_str(), Some("overlays" | "claims" | "scale" | "analyze"))
        })
    });
    let quoted: Vec<String> = OVERLAYS.iter().map(|name| format!("\"{name}\"")).collect();
    let paths: Vec<String> = OVERLAYS.iter().map(|name| format!("{name}::")).collect();
    let words: Vec<&str> = quoted.iter().chain(&paths).map(String::as_str).collect();
    let hits = lines_with(&files, &words);
    assert!(
        hits.is_empty(),
        "the harness knows an overlay outside its table, the claims, the networks at their size and the study of logs:\n{}",
        hits.join("\n")
    );
}

#[test]
fn files_stay_small_enough_to_be_read_in_one_sitting() {
    let mut crates = vec!["common", "bench"];
    crates.extend(OVERLAYS);
    let long: Vec<String> = sources_of(&crates)
        .into_iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > LINES_MAX).then(|| format!("{} has {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn a_module_with_files_of_its_own_is_a_folder_with_a_mod_file() {
    let mut crates = vec!["common", "bench"];
    crates.extend(OVERLAYS);
    let beside = sources_of(&crates).into_iter().filter(|path| path.with_extension("").is_dir());
    let beside: Vec<String> = beside.map(|path| path.display().to_string()).collect();
    assert!(beside.is_empty(), "half of the module lies beside its folder: {}", beside.join(", "));
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, dependencies) = manifest.split_once("[workspace.dependencies]").unwrap();
    let (dependencies, _) = dependencies.split_once("\n[").unwrap();
    let mut reason = false;
    let mut bare = Vec::new();
    for line in dependencies.lines() {
        match line.split_once('=') {
            _ if line.starts_with('#') => reason = true,
            Some((_, value)) => {
                if !reason && !value.contains("path =") {
                    bare.push(line);
                }
                reason = false;
            }
            None => reason = false,
        }
    }
    assert!(bare.is_empty(), "dependencies without a reason above them: {bare:?}");
}
