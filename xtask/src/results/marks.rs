//! The places of measured tables in Markdown files.

use anyhow::{Context, Result};

const END: &str = "<!-- results end -->";

fn begin(name: &str) -> String {
    format!("<!-- results: {name} -->\n")
}

/// From where to where a table's text goes.
fn span(text: &str, name: &str) -> Result<(usize, usize)> {
    let begin = begin(name);
    let start = text.find(&begin).with_context(|| format!("there is no place `{}`", begin.trim_end()))? + begin.len();
    let length = text[start..].find(END).with_context(|| format!("the place of {name} has no end `{END}`"))?;
    Ok((start, start + length))
}

/// The table that stands between the marks of a name.
pub(super) fn find<'t>(text: &'t str, name: &str) -> Result<&'t str> {
    span(text, name).map(|(start, end)| &text[start..end])
}

/// The text with another table there; it ends with its own line's end.
pub(super) fn replace(text: &str, name: &str, table: &str) -> Result<String> {
    let (start, end) = span(text, name)?;
    Ok(format!("{}{}\n{}", &text[..start], table.trim_end(), &text[end..]))
}

/// The names of all places.
#[cfg(test)]
pub(super) fn names(text: &str) -> Vec<&str> {
    let starts = text.lines().filter_map(|line| line.strip_prefix("<!-- results: "));
    starts.filter_map(|rest| rest.strip_suffix(" -->")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a\n<!-- results: x -->\nold\n<!-- results end -->\nb\n";

    #[test]
    fn a_table_is_replaced_between_its_marks() {
        assert_eq!(find(TEXT, "x").unwrap(), "old\n");
        let new = replace(TEXT, "x", "| 1 |\n| 2 |\n").unwrap();
        assert_eq!(new, "a\n<!-- results: x -->\n| 1 |\n| 2 |\n<!-- results end -->\nb\n");
        assert_eq!(replace(&new, "x", "old").unwrap(), TEXT);
        assert_eq!(names(TEXT), ["x"]);
    }

    #[test]
    fn a_place_that_is_missing_or_open_is_told() {
        assert!(find(TEXT, "y").unwrap_err().to_string().contains("<!-- results: y -->"));
        assert!(find("<!-- results: x -->\n", "x").unwrap_err().to_string().contains("no end"));
    }
}
