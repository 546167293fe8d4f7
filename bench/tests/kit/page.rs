//! What every page promises.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use roxmltree::{Document, Node, ParsingOptions};

/// The page as XML, which it is.
pub fn parsed(page: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(page, options).unwrap_or_else(|error| panic!("{error}"))
}

/// All elements of that name.
pub fn named<'a, 'd: 'a>(document: &'a Document<'d>, name: &'a str) -> impl Iterator<Item = Node<'a, 'd>> {
    document.descendants().filter(move |node| node.tag_name().name() == name)
}

/// All text in an element.
pub fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect()
}

/// Every file below a folder, by its name there.
pub fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            found.extend(
                files(&entry.path()).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)),
            );
        } else {
            found.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    found
}

/// Holds a page to what every page promises.
pub fn checked(page: &str, dir: &Path) {
    let document = parsed(page);
    let root = document.root_element();
    assert_eq!(root.attribute("lang"), Some("en"));
    assert!(named(&document, "title").next().is_some_and(|title| !text(title).is_empty()));
    let level = |node: Node<'_, '_>| node.tag_name().name().strip_prefix('h')?.parse::<u32>().ok();
    let levels: Vec<u32> = document.descendants().filter_map(level).collect();
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    assert!(levels[0] == 1 && levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    for table in named(&document, "table") {
        let first = table.children().find(Node::is_element).unwrap();
        assert_eq!(first.tag_name().name(), "caption");
        let width = table.descendants().find(|node| node.has_tag_name((XHTML, "tr"))).unwrap();
        let width = width.children().filter(Node::is_element).count();
        for row in table.descendants().filter(|node| node.has_tag_name((XHTML, "tr"))) {
            let spans = row.children().filter(Node::is_element);
            let spans = spans.map(|cell| cell.attribute("colspan").map_or(1, |span| span.parse().unwrap()));
            assert_eq!(spans.sum::<usize>(), width, "{}", text(row));
        }
    }
    assert!(named(&document, "th").all(|cell| cell.attribute("scope").is_some()));
    for svg in named(&document, "svg") {
        let described: Vec<&str> =
            svg.children().filter(Node::is_element).take(2).map(|node| node.tag_name().name()).collect();
        assert_eq!(described, ["title", "desc"]);
        assert_eq!(svg.attribute("role"), Some("img"));
    }
    asks_for_nothing_else(&document, dir);
    let mut ids = BTreeSet::new();
    assert!(document.descendants().filter_map(|node| node.attribute("id")).all(|id| ids.insert(id)));
}

const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// All that is linked lies beside the page, and nothing on it runs or comes from elsewhere.
fn asks_for_nothing_else(document: &Document<'_>, dir: &Path) {
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        assert!(
            !["script", "img", "link", "iframe", "object", "image", "use", "form"].contains(&name),
            "{name}"
        );
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on") && attribute.name() != "src", "{attribute:?}");
            if attribute.name() == "href" {
                match attribute.value().strip_prefix('#') {
                    Some(anchor) => {
                        let there = document.descendants().any(|node| node.attribute("id") == Some(anchor));
                        assert!(there, "{anchor}");
                    }
                    None => assert!(dir.join(attribute.value()).is_file(), "{attribute:?}"),
                }
            }
        }
        if name == "style" {
            assert!(!text(node).contains("url(") && !text(node).contains("@import"));
        }
    }
}
