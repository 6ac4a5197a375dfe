//! Counts tests while their output goes by.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::process::describe;

/// How many tests passed, failed and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    /// Runs `cargo test …`, lets its output through, and counts its tests.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<()> {
        command.stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start `{}`", describe(command)))?;
        let mut counted = Self::default();
        for line in child.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
            let line = line.context("cannot read what the tests print")?;
            println!("{line}");
            counted.add(Self::from_line(&line).unwrap_or_default());
        }
        let status = child.wait()?;
        if !status.success() && counted.failed == 0 {
            // A test that does not compile, or that takes its process down, gives no result to count.
            counted.failed = 1;
        }
        self.add(counted);
        Ok(())
    }

    /// Counts one check that is a test of the device.
    pub(crate) fn device_check(&mut self, name: &str, result: Result<()>) {
        if result.is_ok() {
            println!("  {name}: ok");
            self.passed += 1;
        } else {
            self.check(name, result);
        }
    }

    /// Counts a check if it failed: format, lints and documentation are no tests, but must be right.
    pub(crate) fn check(&mut self, name: &str, result: Result<()>) {
        if let Err(error) = result {
            println!("  {name}: FAILED: {error:#}");
            self.failed += 1;
        }
    }

    /// Counts a check that cannot run here, and says why.
    pub(crate) fn skip(&mut self, name: &str, reason: &anyhow::Error) {
        println!("  {name}: skipped: {reason:#}");
        self.skipped += 1;
    }

    /// Whether nothing failed.
    pub(crate) fn is_clean(&self) -> bool {
        self.failed == 0
    }

    /// The line that says it all.
    pub(crate) fn line(&self) -> String {
        let skipped = if self.skipped > 0 { format!(", {} skipped", self.skipped) } else { String::new() };
        format!("{} passed, {} failed{skipped}", self.passed, self.failed)
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s`.
    fn from_line(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let count = |name| counts.split("; ").find_map(|part| part.strip_suffix(name)?.trim().parse().ok());
        Some(Self { passed: count("passed")?, failed: count("failed")?, skipped: count("ignored")? })
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn results_of_several_test_programs_add_up() {
        let result = |verdict, passed, failed, ignored| {
            let counts = format!("{passed} passed; {failed} failed; {ignored} ignored; 0 measured; 0 filtered out");
            format!("echo 'running some tests'; echo 'test result: {verdict}. {counts}; finished in 0.10s'")
        };
        let mut tally = Tally::default();
        tally
            .run(&mut shell(&[result("ok", 3, 0, 1), result("FAILED", 10, 2, 0), "exit 101".to_owned()].join("; ")))
            .unwrap();
        assert_eq!(tally.line(), "13 passed, 2 failed, 1 skipped");
        assert!(!tally.is_clean());
    }

    #[test]
    fn what_does_not_even_run_is_a_failure() {
        let mut tally = Tally::default();
        tally.run(&mut shell("exit 101")).unwrap();
        assert_eq!(tally.line(), "0 passed, 1 failed");
    }

    #[test]
    fn checks_count_when_they_fail_and_device_checks_always() {
        let mut tally = Tally::default();
        tally.check("format", Ok(()));
        tally.device_check("image", Ok(()));
        assert_eq!((tally.line().as_str(), tally.is_clean()), ("1 passed, 0 failed", true));
        tally.check("lints", Err(anyhow::anyhow!("no")));
        tally.device_check("image", Err(anyhow::anyhow!("no")));
        assert_eq!(tally.line(), "1 passed, 2 failed");
    }
}
