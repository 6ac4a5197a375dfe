//! What is being done, and how long it took.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Announces the stages of a longer task.
#[derive(Debug)]
pub(crate) struct Stages {
    total: usize,
    begun: usize,
}

impl Stages {
    /// A task of `total` stages.
    pub(crate) fn new(total: usize) -> Self {
        Self { total, begun: 0 }
    }

    /// Announces a stage, does it, and says how long it took.
    pub(crate) fn run<R>(&mut self, name: &str, work: impl FnOnce() -> Result<R>) -> Result<R> {
        self.begun += 1;
        println!("\n[{}/{}] {name}", self.begun, self.total);
        let start = Instant::now();
        let result = work()?;
        println!("  done in {}", spoken(start.elapsed()));
        Ok(result)
    }
}

/// A duration for people: `0.4 s`, `37 s`, `3 min 05 s`.
pub(crate) fn spoken(duration: Duration) -> String {
    match duration.as_secs() {
        0..=9 => format!("{:.1} s", duration.as_secs_f64()),
        10..=119 => format!("{} s", duration.as_secs()),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short_to_read() {
        assert_eq!(spoken(Duration::from_millis(440)), "0.4 s");
        assert_eq!(spoken(Duration::from_secs(37)), "37 s");
        assert_eq!(spoken(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn a_failing_stage_ends_the_task() {
        let mut stages = Stages::new(2);
        assert!(stages.run("works", || Ok(3)).is_ok_and(|value| value == 3));
        assert!(stages.run("fails", || -> Result<()> { anyhow::bail!("no") }).is_err());
    }
}
