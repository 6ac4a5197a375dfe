//! Files that a Python package carries. Pip fetches the wheel, so that mirrors and proxies are the user's own; nothing is installed.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::DatasetError;
use crate::data::files;
use crate::hexadecimal::hexadecimal;

/// Puts the `wanted` files, names and checksums, of a package into `target`.
pub(super) fn fetch(
    requirement: &'static str,
    inside: &str,
    wanted: &[(&str, &str)],
    target: &Path,
) -> Result<(), DatasetError> {
    let failed = |reason: String| DatasetError::Package { requirement, reason };
    let folder = tempfile::tempdir().map_err(DatasetError::io(target, "make a folder beside"))?;
    let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"];
    let output = Command::new("python3").args(pip).arg(folder.path()).arg(requirement).output();
    let output = output.map_err(|error| failed(format!("python3 did not start: {error}")))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")));
    }
    let mut entries = fs::read_dir(folder.path()).map_err(DatasetError::io(folder.path(), "read"))?;
    let wheel = entries.find_map(|entry| Some(entry.ok()?.path())).ok_or_else(|| failed("it left no file".into()))?;
    extract(&wheel, inside, wanted, target).map_err(|error| match error {
        Extraction::Archive(reason) => failed(reason),
        Extraction::Dataset(error) => error,
    })
}

enum Extraction {
    Archive(String),
    Dataset(DatasetError),
}

fn extract(wheel: &Path, inside: &str, wanted: &[(&str, &str)], target: &Path) -> Result<(), Extraction> {
    let file = fs::File::open(wheel).map_err(|error| Extraction::Archive(error.to_string()))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| Extraction::Archive(error.to_string()))?;
    for (name, checksum) in wanted {
        let entry = archive.by_name(&format!("{inside}/{name}"));
        let mut entry = entry.map_err(|error| Extraction::Archive(format!("{inside}/{name}: {error}")))?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| Extraction::Archive(error.to_string()))?;
        let (path, found) = (target.join(name), hexadecimal(&Sha256::digest(&bytes)));
        if found != *checksum {
            let expected = (*checksum).to_owned();
            return Err(Extraction::Dataset(DatasetError::Checksum { path, expected, found }));
        }
        let written = files::replace(&path, &bytes);
        written.map_err(DatasetError::io(&path, "write")).map_err(Extraction::Dataset)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::tests::ABC;
    use super::*;

    #[test]
    fn files_of_a_wheel_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("p.whl");
        let mut archive = zip::ZipWriter::new(fs::File::create(&wheel).unwrap());
        archive.start_file("p/data/a.csv", zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(b"abc").unwrap();
        archive.finish().unwrap();
        let take = |name, checksum| extract(&wheel, "p/data", &[(name, checksum)], folder.path());
        assert!(take("a.csv", ABC).is_ok());
        assert_eq!(fs::read(folder.path().join("a.csv")).unwrap(), b"abc");
        assert!(matches!(take("b.csv", ABC), Err(Extraction::Archive(reason)) if reason.contains("p/data/b.csv")));
        assert!(matches!(take("a.csv", "00"), Err(Extraction::Dataset(DatasetError::Checksum { .. }))));
    }
}
