//! One file from the web, resumed where an earlier attempt broke off.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{DatasetError, check};

/// How long a connection may take, and how long it may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// Downloads `address` to `target`, through a file beside it that survives an interruption.
pub(super) fn fetch(address: &str, checksum: &str, target: &Path) -> Result<(), DatasetError> {
    let mut part = target.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let have = fs::metadata(&part).map_or(0, |found| found.len());
    let failed = |reason: String| DatasetError::Unreachable { address: address.to_owned(), reason };
    let configuration =
        ureq::Agent::config_builder().timeout_connect(Some(PATIENCE)).timeout_recv_response(Some(PATIENCE)).build();
    let agent: ureq::Agent = configuration.into();
    let mut request = agent.get(address);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let response = match request.call() {
        // The part is as long as the whole, or longer: the checksum tells.
        Err(ureq::Error::StatusCode(416)) => return accept(&part, checksum, target),
        response => response.map_err(|error| failed(error.to_string()))?,
    };
    // A server that knows no ranges sends all of it.
    let resumed = response.status() == 206;
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .append(resumed)
        .truncate(!resumed)
        .open(&part)
        .map_err(DatasetError::io(&part, "write"))?;
    let mut body = response.into_body().into_reader();
    std::io::copy(&mut body, &mut file).map_err(|error| failed(error.to_string()))?;
    file.sync_all().map_err(DatasetError::io(&part, "write"))?;
    accept(&part, checksum, target)
}

/// Gives the part its name if it is right, and removes it if not, so that the next attempt starts anew.
fn accept(part: &Path, checksum: &str, target: &Path) -> Result<(), DatasetError> {
    if let Err(error) = check(part, checksum) {
        fs::remove_file(part).map_err(DatasetError::io(part, "remove"))?;
        return Err(error);
    }
    fs::rename(part, target).map_err(DatasetError::io(target, "write"))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::super::tests::ABC;
    use super::*;

    /// A server that gives each request one of `answers` and then returns the requests' ranges.
    fn serve(answers: Vec<&'static str>) -> (String, JoinHandle<Vec<Option<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/a.dat", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let answer = |text: &'static str| {
                let (mut connection, _) = listener.accept().unwrap();
                let lines = BufReader::new(connection.try_clone().unwrap()).lines();
                let head: Vec<String> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
                connection.write_all(text.as_bytes()).unwrap();
                let range = head.iter().find(|line| line.to_ascii_lowercase().starts_with("range:"));
                range.map(|line| line.split_once(':').unwrap().1.trim().to_owned())
            };
            answers.into_iter().map(answer).collect()
        });
        (address, thread)
    }

    #[test]
    fn a_download_that_broke_off_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.dat");
        let (address, server) = serve(vec![
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nab",
            "HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\nConnection: close\r\n\r\nc",
        ]);
        let error = fetch(&address, ABC, &target).unwrap_err().to_string();
        assert!(error.contains("run the command again") && error.contains("--from"), "{error}");
        assert!(!target.exists());
        fetch(&address, ABC, &target).unwrap();
        assert_eq!(server.join().unwrap(), [None, Some("bytes=2-".to_owned())]);
        assert_eq!(fs::read(&target).unwrap(), b"abc");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_server_without_ranges_starts_anew_and_a_wrong_file_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.dat");
        fs::write(folder.path().join("a.dat.part"), "xyz").unwrap();
        let whole = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
        let wrong = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabd";
        let past_the_end = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let (address, server) = serve(vec![wrong, past_the_end, whole]);
        assert!(matches!(fetch(&address, ABC, &target), Err(DatasetError::Checksum { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::write(folder.path().join("a.dat.part"), "abcd").unwrap();
        assert!(matches!(fetch(&address, ABC, &target), Err(DatasetError::Checksum { .. })));
        fetch(&address, ABC, &target).unwrap();
        server.join().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"abc");
    }

    #[test]
    fn no_server_is_said_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = fetch(&format!("http://{closed}/a"), ABC, &folder.path().join("a")).unwrap_err().to_string();
        assert!(error.contains("--from"), "{error}");
    }
}
