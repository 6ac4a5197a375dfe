//! Running other programs, so that what failed is named with its command line.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};

use anyhow::{Context, Result, anyhow, bail};

use crate::project::Project;

/// What cargo tells a program that it runs about its package. Build scripts look at it (ring's does), and what depends on them is built anew when it differs
/// from what a user's own cargo has: minutes, each time that one follows the other.
const OF_A_PACKAGE: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];

/// `cargo` as a user would call it in `folder`, without what this process inherited from the cargo that started it.
pub(crate) fn cargo(project: &Project, folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    let is_inherited = |name: &str| OF_A_PACKAGE.iter().any(|start| name.starts_with(start));
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_inherited)) {
        command.env_remove(name);
    }
    if project.exported_libtorch.is_none() {
        command.env_remove("LIBTORCH");
    }
    command
}

/// Runs a command whose output goes to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", describe(command)))?;
    check(command, status)
}

/// Runs a command and returns what it printed; its errors go to the terminal.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start `{}`", describe(command)))?;
    check(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a command prints, if it is there and succeeds; its errors are of no interest.
pub(crate) fn probe(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a command whose output goes to the terminal, and stops it after `limit`.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let mut child = command.spawn().with_context(|| format!("cannot start `{}`", describe(command)))?;
    match wait_within(&mut child, limit)? {
        Some(status) => check(command, status),
        None => bail!("`{}` was stopped after {} s", describe(command), limit.as_secs()),
    }
}

/// Runs a command, stops it after `limit`, and returns what it printed, standard output before standard error, and
/// whether it succeeded.
pub(crate) fn output_within(command: &mut Command, limit: Duration) -> Result<(String, bool)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", describe(command)))?;
    let readers = [collect(child.stdout.take()), collect(child.stderr.take())];
    let status = wait_within(&mut child, limit)?;
    let printed: String = readers.into_iter().map(|reader| reader.join().unwrap_or_default()).collect();
    match status {
        Some(status) => Ok((printed, status.success())),
        None => bail!("`{}` was stopped after {} s; it printed:\n{printed}", describe(command), limit.as_secs()),
    }
}

/// Runs a command, stops it after `limit`, and returns what it printed, what `read` made of its standard error while it ran,
/// and whether it succeeded.
pub(crate) fn read_errors_within<R: Send + 'static>(
    command: &mut Command,
    limit: Duration,
    read: impl FnOnce(ChildStderr) -> R + Send + 'static,
) -> Result<(String, R, bool)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", describe(command)))?;
    let printed = collect(child.stdout.take());
    let errors = child.stderr.take().context("the command has no standard error")?;
    let errors = thread::spawn(move || read(errors));
    let status = wait_within(&mut child, limit)?;
    let printed = printed.join().unwrap_or_default();
    let Some(status) = status else { bail!("`{}` was stopped after {} s", describe(command), limit.as_secs()) };
    let errors = errors.join().map_err(|_| anyhow!("reading the errors of `{}` failed", describe(command)))?;
    Ok((printed, errors, status.success()))
}

/// The program's path, if it is found where the shell would find it.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The command as one would type it.
pub(crate) fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("`{}` failed ({status})", describe(command))
}

fn collect(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before a broken pipe is still worth showing.
        let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for the end of a child; `None` when it had to be killed after `limit`.
fn wait_within(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(10));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
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
    fn what_takes_too_long_is_stopped_and_what_it_said_is_told() {
        let error = output_within(&mut shell("echo hello; exec sleep 30"), Duration::from_millis(300)).unwrap_err();
        assert!(error.to_string().contains("hello"), "{error}");
        assert!(run_within(&mut shell("exec sleep 30"), Duration::from_millis(50)).is_err());
    }

    #[test]
    fn output_and_failure_come_back() {
        let (printed, succeeded) =
            output_within(&mut shell("echo a; echo b >&2; exit 3"), Duration::from_secs(20)).unwrap();
        assert_eq!((printed.as_str(), succeeded), ("a\nb\n", false));
    }

    #[test]
    fn cargo_does_not_learn_which_package_started_it() {
        // Cargo runs this test, and tells it.
        assert!(env::var_os("CARGO_PKG_NAME").is_some());
        let command = cargo(&Project::new(), Path::new("."));
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
            assert!(command.get_envs().any(|(found, value)| found == name && value.is_none()), "{name}");
        }
    }

    #[test]
    fn errors_name_the_command() {
        let error = run(&mut shell("exit 7")).unwrap_err().to_string();
        assert!(error.contains("`sh -c exit 7`") && error.contains('7'), "{error}");
        assert!(find_program("sh").is_some() && find_program("no-such-program").is_none());
    }
}
