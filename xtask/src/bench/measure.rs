//! Runs a counting program on a target, counted and traced.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use object::read::elf::ElfFile32;
use object::{Endianness, Object, ObjectSymbol};

use super::targets::Target;
use super::trace::{Cost, Marks, OPTIONS, Trace};
use crate::firmware;
use crate::process::read_errors_within;

/// A trace is tens of megabytes, which take seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// Whose instructions a case spends its time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Naked functions': no compiler changes them.
    Naked,
    /// The compiler's.
    Compiler,
}

/// What a program printed of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Its name.
    pub(crate) name: String,
    /// Whose instructions.
    pub(crate) code: Code,
    /// Instructions, by the board's counter.
    pub(crate) instructions: u64,
    /// Useful multiply-accumulates.
    pub(crate) macs: u64,
}

/// Runs an image in `folder`; it counts its cases, and what else it prints comes with them.
pub(crate) fn count(target: &Target, image: &Path, folder: &Path) -> Result<(Vec<Counted>, String)> {
    let printed = firmware::emulate(&target.board, image, folder, &["count", "0"])?;
    Ok((read(target, &printed)?, printed))
}

/// Runs an image in `folder` traced, with numbers on its command line: what it says of its cases, and the trace, whose first region is empty.
pub(crate) fn trace(target: &Target, image: &Path, folder: &Path, numbers: &[String]) -> Result<(Vec<Counted>, Trace)> {
    let marks = marks(image)?;
    let image = image.canonicalize().with_context(|| format!("there is no image at {}", image.display()))?;
    let words: Vec<&str> = ["count", "1"].into_iter().chain(numbers.iter().map(String::as_str)).collect();
    let mut command = target.board.emulate_with(&OPTIONS, &image, &words);
    let read_trace = move |errors| Trace::read(errors, marks);
    let (printed, trace, succeeded) = read_errors_within(command.current_dir(folder), LIMIT, read_trace)?;
    ensure!(succeeded, "the program failed on {}; it printed:\n{printed}", target.name);
    let (cases, trace) = (read(target, &printed)?, trace?);
    ensure!(
        trace.regions() == cases.len() + 1,
        "there are {} regions in the trace of {} cases on {}",
        trace.regions(),
        cases.len(),
        target.name
    );
    Ok((cases, trace))
}

/// What case `index` cost, less what an empty region costs.
pub(crate) fn cost(target: &Target, trace: &Trace, index: usize) -> Cost {
    let table = target.cycles.as_ref();
    let (empty, case) = (trace.cost(0, table), trace.cost(index + 1, table));
    Cost {
        instructions: case.instructions.saturating_sub(empty.instructions),
        words: case.words.saturating_sub(empty.words),
        cycles: case.cycles.saturating_sub(empty.cycles),
    }
}

/// Reads `form NAME` and lines of name, code, instructions and multiply-accumulates.
fn read(target: &Target, printed: &str) -> Result<Vec<Counted>> {
    let form = printed.lines().find_map(|line| line.strip_prefix("form ")).unwrap_or("no");
    if form != target.board.form {
        bail!("the image for {} carries {form} kernels and not those of {}", target.name, target.board.form);
    }
    let cases: Vec<Counted> = printed.lines().filter_map(read_case).collect();
    ensure!(!cases.is_empty(), "the program counted nothing on {}, but printed:\n{printed}", target.name);
    Ok(cases)
}

fn read_case(line: &str) -> Option<Counted> {
    let words: Vec<&str> = line.split(' ').collect();
    let &[name, code, instructions, macs] = words.as_slice() else { return None };
    let code = match code {
        "naked" => Code::Naked,
        "compiler" => Code::Compiler,
        _ => return None,
    };
    Some(Counted { name: name.to_owned(), code, instructions: instructions.parse().ok()?, macs: macs.parse().ok()? })
}

/// The addresses of an image's marks.
fn marks(image: &Path) -> Result<Marks> {
    let bytes = fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    let file = ElfFile32::<Endianness>::parse(bytes.as_slice())?;
    let address = |name: &str| {
        let symbol = file.symbols().find(|symbol| symbol.name() == Ok(name));
        // The lowest bit says that the code is Thumb.
        symbol.map(|symbol| symbol.address() as u32 & !1).with_context(|| format!("the image has no function {name}"))
    };
    Ok(Marks { begin: address("trace_begin")?, end: address("trace_end")? })
}

#[cfg(test)]
mod tests {
    use super::super::targets::by_name;
    use super::*;

    #[test]
    fn cases_are_read_and_other_lines_are_not() {
        let m4 = by_name("m4").unwrap();
        let cases = read(&m4, "form arm-dsp\nconv@1 naked 40 16\ngru compiler 0 5\nerror at 3 4\n").unwrap();
        let names: Vec<_> = cases.iter().map(|case| (case.name.as_str(), case.code, case.instructions)).collect();
        assert_eq!(names, [("conv@1", Code::Naked, 40), ("gru", Code::Compiler, 0)]);
        assert!(read(&m4, "form armv6m\nconv naked 1 1\n").unwrap_err().to_string().contains("armv6m kernels"));
        assert!(read(&m4, "form arm-dsp\n").unwrap_err().to_string().contains("counted nothing"));
    }
}
