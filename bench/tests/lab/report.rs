//! The page: drawn from what is stored and nothing else, well-formed, complete, and never taken in by what files say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::page::{checked, files, named, parsed, text};
use bench::compare::{Backend, Comparison, Options, compare};
use bench::report::{Folder, Made, draw};
use bench::watch::Watch;
use common::testing::process::Program;
use roxmltree::{Document, Node};
use serde_json::Value;

use crate::kit;

const BENCH: Program = Program(env!("CARGO_BIN_EXE_bench"));

/// Runs all overlays in simulation and stores what comes out, without a page.
fn stored(dir: &Path, peers: u32, repeats: u32) -> Comparison {
    let scenario = kit::small(peers, 1);
    let folder = Folder::open(dir).unwrap();
    let options = Options {
        scenario,
        backends: vec![Backend::Sim],
        repeats: Some(repeats),
        executable: PathBuf::new(),
        agents: None,
    };
    let mut comparison = compare(&options, &Watch::new(false)).unwrap();
    comparison.made = Made::simulated(format!("compare --peers {peers}"));
    folder.fill(&comparison).unwrap();
    comparison
}

fn drawn(folders: &[&Path], out: &Path) -> String {
    let folders: Vec<PathBuf> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    draw(&folders, out).unwrap();
    fs::read_to_string(out.join("index.html")).unwrap()
}

/// How much one of what a row is shown in is of the basic unit: `traffic per search (kB)`.
fn factor(title: &str) -> f64 {
    let unit = title.rsplit_once('(').map_or("", |(_, unit)| unit.trim_end_matches(')'));
    match unit {
        "kB" | "Mbit/s" => 1e3,
        "MB" | "Gbit/s" => 1e6,
        "%" => 0.01,
        _ => 1.0,
    }
}

/// What the first number in a cell is.
fn shown(cell: Node<'_, '_>) -> Option<f64> {
    cell.text()?.trim().replace(',', "").parse().ok()
}

#[test]
fn the_page_holds_each_figure_as_it_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let comparison = stored(dir.path(), 12, 2);
    let page = drawn(&[dir.path()], dir.path());
    checked(&page, dir.path());
    let document = parsed(&page);
    let table = |title: &str| {
        let heading = named(&document, "h2").find(|heading| text(*heading) == title).unwrap();
        let tables = heading.next_siblings().flat_map(|node| node.descendants());
        tables.into_iter().find(|node| node.tag_name().name() == "table").unwrap()
    };
    let measures = table("All measures");
    let mut compared = 0;
    for estimate in comparison.columns[0].estimates.iter().enumerate() {
        let (at, title) = (estimate.0, estimate.1.title);
        let row = measures.descendants().find(|row| {
            let head = row.first_element_child().map(text).unwrap_or_default();
            row.tag_name().name() == "tr" && (head == title || head.starts_with(&format!("{title} (")))
        });
        let row = row.unwrap_or_else(|| panic!("no row of {title}"));
        let factor = factor(&text(row.first_element_child().unwrap()));
        let cells = row.children().filter(|cell| cell.tag_name().name() == "td");
        for (cell, column) in cells.zip(&comparison.columns) {
            let median = column.estimates[at].median;
            let same = match (shown(cell), median) {
                (Some(shown), Some(median)) => (shown * factor - median).abs() <= factor * 0.5001,
                (shown, median) => shown.is_none() && median.is_none(),
            };
            assert!(same, "{title} of {}: {:?}, stored {median:?}", column.overlay, cell.text());
            compared += 1;
        }
    }
    assert_eq!(compared, comparison.columns.len() * comparison.columns[0].estimates.len());
    let heads: Vec<String> = named(&document, "thead")
        .next()
        .unwrap()
        .descendants()
        .filter(|node| node.attribute("class").is_some_and(|class| class.starts_with("overlay")))
        .map(text)
        .collect();
    let names: Vec<&str> = comparison.columns.iter().map(|column| column.overlay).collect();
    assert_eq!(heads, names);
    assert!(page.contains("compare --peers 12"));
}

#[test]
fn what_breaks_without_the_busiest_node_is_on_the_page_as_it_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let comparison = stored(dir.path(), 12, 2);
    assert_eq!(comparison.losses.len(), comparison.columns.len());
    let page = drawn(&[dir.path()], dir.path());
    let document = parsed(&page);
    let row = named(&document, "tr").find(|row| text(*row).starts_with("Questions answered after")).unwrap();
    let cells = row.children().filter(|cell| cell.tag_name().name() == "td");
    let mut differ = BTreeSet::new();
    for (cell, loss) in cells.zip(&comparison.losses) {
        let parts = loss.runs.iter().map(|run| {
            let after = &run.strike.as_ref().unwrap().after;
            f64::from(after.answered) / f64::from(after.asked)
        });
        let mean = parts.sum::<f64>() / loss.runs.len() as f64;
        assert!((shown(cell).unwrap() / 100.0 - mean).abs() <= 0.000_51, "{}", loss.overlay);
        differ.insert((mean * 1e6) as u64);
    }
    assert!(differ.len() > 1, "an overlay with one server and one without fare alike");
}

#[test]
fn an_overlay_has_one_colour_in_all_tables_and_plots() {
    let dir = tempfile::tempdir().unwrap();
    let comparison = stored(dir.path(), 12, 1);
    let page = drawn(&[dir.path()], dir.path());
    let document = parsed(&page);
    let mut colours: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in document.descendants().filter(Node::is_element) {
        let classes = node.attribute("class").unwrap_or_default();
        if let Some(colour) = classes.strip_prefix("overlay c") {
            colours.entry(text(node)).or_default().insert(colour.to_owned());
        }
        let parent = node.parent_element().filter(|parent| parent.tag_name().name() == "g");
        let series = parent
            .and_then(|parent| parent.first_element_child())
            .filter(|first| first.tag_name().name() == "title");
        if let (Some(series), Some(rest)) = (series, classes.strip_prefix('s')) {
            let colour = rest.split(' ').next().unwrap();
            colours.entry(text(series)).or_default().insert(colour.to_owned());
        }
    }
    assert_eq!(colours.len(), comparison.columns.len());
    assert!(colours.values().all(|colours| colours.len() == 1), "{colours:?}");
    let different: BTreeSet<&String> = colours.values().flatten().collect();
    assert_eq!(different.len(), colours.len(), "{colours:?}");
}

#[test]
fn what_is_stored_is_all_that_a_page_needs() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, out) = (dir.path().to_str().unwrap(), other.path().to_str().unwrap());
    let run = ["compare", "--backend", "sim", "--peers", "8", "--repeat", "2", "--quiet", "--out", path];
    let output = BENCH.run(&run);
    assert!(output.status.success(), "{output:?}");
    let first = files(dir.path());
    let page = String::from_utf8(first["index.html"].clone()).unwrap();
    checked(&page, dir.path());
    let command = "compare --backend sim --peers 8 --seed 1 --repeat 2";
    assert!(page.contains(&format!("<code>{command}</code>")), "{command}");
    // Pictures that the page does not have, and a file that is none of ours.
    fs::write(dir.path().join("plots/load-tcp.svg"), "old").unwrap();
    fs::write(dir.path().join("plots/mine.svg"), "mine").unwrap();
    assert!(BENCH.run(&["report", path]).status.success());
    let mut again = files(dir.path());
    assert_eq!(again.remove("plots/mine.svg"), Some(b"mine".to_vec()));
    assert!(again == first, "drawn again, the page is another one");
    assert!(BENCH.run(&["report", path, "--out", out]).status.success());
    for (name, bytes) in files(other.path()) {
        assert!(first[&name] == bytes, "{name}");
    }
}

#[test]
fn several_folders_stand_side_by_side_with_their_ratios() {
    let (small, large) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (a, b) = (stored(small.path(), 8, 1), stored(large.path(), 16, 1));
    let out = tempfile::tempdir().unwrap();
    let page = drawn(&[small.path(), large.path()], out.path());
    checked(&page, out.path());
    let document = parsed(&page);
    let mut compared = 0;
    for (number, (a, b)) in a.columns.iter().zip(&b.columns).enumerate() {
        let caption = format!("{}, simulation.", a.overlay);
        let table = named(&document, "caption").find(|one| text(*one) == caption).unwrap().parent().unwrap();
        for (one, other) in a.estimates.iter().zip(&b.estimates) {
            let (Some(one_value), Some(other_value)) = (one.median, other.median) else { continue };
            let row = table.descendants().find(|row| {
                let head = row.first_element_child().map(text).unwrap_or_default();
                row.tag_name().name() == "tr"
                    && (head == one.title || head.starts_with(&format!("{} (", one.title)))
            });
            let last = row.unwrap().last_element_child().unwrap();
            let ratio = text(last).trim_start_matches("\u{d7} ").replace(',', "").parse::<f64>().ok();
            let expected = (one_value != 0.0).then(|| other_value / one_value);
            let same = match (ratio, expected) {
                (Some(ratio), Some(expected)) => (ratio - expected).abs() <= 0.005_1,
                (ratio, expected) => ratio.is_none() && expected.is_none(),
            };
            assert!(same, "{} of {number}: {ratio:?}, {expected:?}", one.title);
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
    let sizes = fs::read_to_string(out.path().join("plots/cost-by-size.csv")).unwrap();
    let of_first = format!("{},8,", a.columns[0].overlay);
    assert!(sizes.lines().any(|line| line.starts_with(&of_first)), "{sizes}");
    assert!(page.contains("compare --peers 8") && page.contains("compare --peers 16"));
}

#[test]
fn text_from_files_is_no_markup() {
    const HOSTILE: &str = "</td></style><script>alert(1)</script><!--\"'&]]>\u{0}\u{fffe}";
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path(), 8, 1);
    let path = dir.path().join("results.json");
    let mut results: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    // All texts but those that are words of the form.
    fn poison(value: &mut Value, words: &[&str]) {
        match value {
            Value::String(text) if !words.contains(&text.as_str()) => {
                *text = format!("{HOSTILE}{text}");
            }
            Value::Array(list) => list.iter_mut().for_each(|value| poison(value, words)),
            Value::Object(map) => map
                .iter_mut()
                .filter(|(key, _)| !["unit", "backend", "agreement", "key"].contains(&key.as_str()))
                .for_each(|(_, value)| poison(value, words)),
            _ => {}
        }
    }
    poison(&mut results, &[]);
    let evil = dir.path().join("a<b & \"c\"");
    fs::create_dir(&evil).unwrap();
    fs::write(evil.join("results.json"), results.to_string()).unwrap();
    for folders in [&[evil.as_path()][..], &[evil.as_path(), dir.path()]] {
        let page = drawn(folders, &evil);
        checked(&page, &evil);
        assert!(page.contains("&lt;script&gt;"), "the names are not there at all");
        for (name, bytes) in files(&evil) {
            if name.ends_with(".svg") {
                let svg = String::from_utf8(bytes).unwrap();
                let document = Document::parse(&svg).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(named(&document, "script").next().is_none());
            }
        }
    }
}

#[test]
fn numbers_that_make_no_sense_break_nothing() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path(), 8, 2);
    let path = dir.path().join("results.json");
    let stored: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    fn replace(value: &mut Value, by: f64) {
        match value {
            Value::Number(number) if number.is_f64() => *value = Value::from(by),
            Value::Array(list) => list.iter_mut().for_each(|value| replace(value, by)),
            Value::Object(map) => map.values_mut().for_each(|value| replace(value, by)),
            _ => {}
        }
    }
    for by in [f64::MAX, f64::MIN, -1.0, 5e-324, 1e300] {
        let mut results = stored.clone();
        replace(&mut results, by);
        fs::write(&path, results.to_string()).unwrap();
        checked(&drawn(&[dir.path()], dir.path()), dir.path());
    }
    let mut results = stored;
    for key in ["columns", "twins", "losses"] {
        results[key] = Value::Array(Vec::new());
        fs::write(&path, results.to_string()).unwrap();
        checked(&drawn(&[dir.path()], dir.path()), dir.path());
    }
}

#[test]
fn claims_stand_on_the_page_with_their_verdicts_and_readings() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let run = ["claims", "R15", "--quick", "--quiet", "--out", path];
    let output = BENCH.run(&run);
    assert!(output.status.success(), "{output:?}");
    let page = fs::read_to_string(dir.path().join("index.html")).unwrap();
    checked(&page, dir.path());
    let document = parsed(&page);
    let cells: BTreeSet<String> = named(&document, "th").chain(named(&document, "td")).map(text).collect();
    let claims: Value =
        serde_json::from_str(&fs::read_to_string(dir.path().join("claims.json")).unwrap()).unwrap();
    let claim = &claims["claims"][0];
    let verdict = claim["verdict"].as_str().unwrap().replace('_', " ");
    assert!(cells.contains(&verdict) && cells.contains(claim["sentence"].as_str().unwrap()), "{cells:?}");
    let findings = claim["findings"].as_array().unwrap();
    assert!(!findings.is_empty() && findings.iter().all(|one| cells.contains(one["what"].as_str().unwrap())));
    assert!(page.contains("<code>claims R15 --quick --seed 1</code>"));
    stored(dir.path(), 8, 1);
    let both = drawn(&[dir.path()], dir.path());
    checked(&both, dir.path());
    assert!(both.contains("id=\"claims\"") && both.contains("id=\"summary\""));
}

#[test]
fn each_mistake_gets_one_line_that_says_what_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let folder = |name: &str, file: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir(&path).unwrap();
        fs::write(path.join(file), text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = dir.path().join("good");
    stored(&good, 8, 1);
    let text = fs::read_to_string(good.join("results.json")).unwrap();
    let good = good.to_str().unwrap().to_owned();
    let mut many: Value = serde_json::from_str(&text).unwrap();
    let column = many["columns"][0].clone();
    many["columns"] = Value::Array(vec![column; 257]);
    let old = text.replacen("\"format\": 2", "\"format\": 1", 1);
    let made = "{\"command\": \"\", \"version\": \"\", \"machine\": null}";
    let no_sweep = format!(
        "{{\"format\": 1, \"made\": {made}, \"scenario\": \"\", \"about\": \"\", \"seed\": 1, \"repeats\": 1, \"axes\": [], \"points\": []}}"
    );
    let cases = [
        (folder("sweep", "sweep.json", &no_sweep), "0 keys and 0 points are no sweep"),
        (folder("empty", "else.txt", ""), "neither results.json nor claims.json nor sweep.json"),
        (
            dir.path().join("nowhere").to_str().unwrap().to_owned(),
            "neither results.json nor claims.json nor sweep.json",
        ),
        (folder("half", "results.json", &text[..text.len() / 2]), "EOF while parsing"),
        (folder("old", "results.json", &old), "its form is 1, and this program reads 2; run `compare` again"),
        (folder("new", "claims.json", "{\"format\": 99999999999}"), "its form is 99999999999"),
        (folder("other", "results.json", "{\"title\": \"a log\"}"), "missing field `format`"),
        (folder("bytes", "results.json", "\u{1b}[31m"), "expected value"),
        (folder("deep", "results.json", &"[".repeat(100_000)), "invalid type"),
        (folder("many", "results.json", &many.to_string()), "257 entries, and at most 256"),
        (folder("lacks", "results.json", "{\"format\": 2}"), "missing field"),
    ];
    for (path, words) in &cases {
        for folders in [&[path.as_str()][..], &[good.as_str(), path.as_str()]] {
            let out = dir.path().join("out");
            let args: Vec<&str> = ["report"]
                .into_iter()
                .chain(folders.iter().copied())
                .chain(["--out", out.to_str().unwrap()])
                .collect();
            let output = BENCH.run(&args);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert_eq!(said.trim_end().lines().count(), 1, "{said}");
            assert!(said.contains(words) && said.contains(path.as_str()), "{said}");
            assert!(!out.exists() && output.stdout.is_empty());
        }
    }
    let nine = [&["report"][..], &[good.as_str(); 9]].concat();
    let said = String::from_utf8(BENCH.run(&nine).stderr).unwrap();
    assert!(said.contains("at most 8 folders") && said.lines().count() == 1, "{said}");
}
