//! Public recordings for training: what there is, where it is at home, and how it comes here whole.
//!
//! Every file is checked against a SHA-256 that is compiled in, wherever it comes from: its home, or a folder of the user's.

mod catalog;
mod debian;
mod download;
mod miniseed;
mod package;
mod pickle;
mod speech;
mod watch;

use std::fs;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::data::{DataError, files};
use crate::hexadecimal::hexadecimal;

pub use catalog::{DATASETS, find};

/// A public set of recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// What the user calls it.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// Its licence, and whom to cite.
    pub terms: &'static str,
    /// Where its files are at home.
    pub source: Source,
    /// `sha256sum`'s list of its files.
    pub checksums: &'static str,
    /// Makes recordings of the files, where they are not such yet, in the folder that they are in.
    conversion: Option<Conversion>,
}

/// What makes recordings of a set's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conversion {
    /// A WFDB record for each subject of seglearn's watch data.
    Watch,
    /// A WFDB record for each of ObsPy's two sensors.
    MiniSeed,
    /// A WAV file for each speaker of five Debian packages.
    Speech,
}

/// Where files come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A folder on the web; files are behind this address.
    Web(&'static str),
    /// Packages of Debian's archive, by the beginnings of their names: the folders that they are in. A system with apt has the same files.
    DebianArchive(&'static [(&'static str, &'static str)]),
    /// A folder inside a Python package, which pip downloads from wherever it is set up to.
    PythonPackage {
        /// Name and version as pip takes them.
        requirement: &'static str,
        /// Folder inside the wheel.
        folder: &'static str,
    },
}

/// Why a set did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// No set of that name.
    #[error("there is no data set `{name}`; `vq data` lists them")]
    Unknown {
        /// What the user asked for.
        name: String,
    },
    /// A file or folder could not be read or written.
    #[error("{}: cannot {action}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The home of a file could not be reached, or broke off.
    #[error(
        "{address}: {reason}; what arrived is kept: run the command again to go on, or fetch the files by other means and \
         name their folder with --from"
    )]
    Unreachable {
        /// The address.
        address: String,
        /// What happened.
        reason: String,
    },
    /// A file is not the one that was checked in.
    #[error("{}: its SHA-256 is {found}, not {expected}: it is damaged or another version; remove it and fetch it again", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// Files of the set are not in the folder that the user named.
    #[error("{}: there is no {file} in it; --from must name the folder that holds the files of {dataset}", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The file.
        file: String,
        /// The set.
        dataset: &'static str,
    },
    /// A file that is the right one could not be made recordings of.
    #[error("{}: the file {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A recording could not be written.
    #[error(transparent)]
    Recording(#[from] DataError),
    /// Pip could not fetch a package.
    #[error(
        "pip could not fetch {requirement}: {reason}; fetch it by other means and name the folder of its files with --from"
    )]
    Package {
        /// The package.
        requirement: &'static str,
        /// What pip said.
        reason: String,
    },
}

impl DatasetError {
    fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }
}

/// The error of a file's content, told in words that go on after the file's name.
fn malformed(path: &Path) -> impl FnOnce(String) -> DatasetError {
    let path = path.to_owned();
    move |what| DatasetError::Malformed { path, what }
}

impl Dataset {
    /// Names and checksums of the files.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
        self.checksums.lines().filter_map(|line| line.split_once("  ")).map(|(checksum, name)| (name, checksum))
    }

    /// Puts the set's files into `folder`: from the folder `from`, or from their home. What is there already and right is left
    /// alone; `progress` is told each file's name. Recordings that are made of them are made anew.
    ///
    /// # Errors
    /// If a file cannot be had, or is not the right one. Files that did arrive stay.
    pub fn fetch(
        &self,
        folder: &Path,
        from: Option<&Path>,
        mut progress: impl FnMut(&str),
    ) -> Result<(), DatasetError> {
        self.fetch_files(folder, from, &mut progress)?;
        match self.conversion {
            Some(Conversion::Watch) => watch::convert(folder),
            Some(Conversion::MiniSeed) => miniseed::convert(folder),
            Some(Conversion::Speech) => speech::convert(folder),
            None => Ok(()),
        }
    }

    fn fetch_files(
        &self,
        folder: &Path,
        from: Option<&Path>,
        progress: &mut impl FnMut(&str),
    ) -> Result<(), DatasetError> {
        let wanted = self.files().filter(|(name, checksum)| check(&folder.join(name), checksum).is_err());
        let wanted: Vec<_> = wanted.collect();
        if let Some(from) = from
            && let Some((file, _)) = wanted.iter().find(|(name, _)| !from.join(name).is_file())
        {
            let (folder, file) = (from.to_owned(), (*file).to_owned());
            return Err(DatasetError::Missing { folder, file, dataset: self.name });
        }
        fs::create_dir_all(folder).map_err(DatasetError::io(folder, "make the folder"))?;
        if let (None, Source::PythonPackage { requirement, folder: inside }, false) =
            (from, self.source, wanted.is_empty())
        {
            progress(requirement);
            return package::fetch(requirement, inside, &wanted, folder);
        }
        for (name, checksum) in wanted {
            progress(name);
            let target = folder.join(name);
            match (from, self.source) {
                (Some(from), _) => self.copy(from, name, checksum, &target)?,
                (None, Source::Web(home)) => download::fetch(&format!("{home}{name}"), checksum, &target)?,
                (None, Source::DebianArchive(folders)) => {
                    download::fetch(&debian::address(folders, name), checksum, &target)?;
                }
                (None, Source::PythonPackage { .. }) => {}
            }
        }
        Ok(())
    }

    fn copy(&self, from: &Path, name: &str, checksum: &str, target: &Path) -> Result<(), DatasetError> {
        let source = from.join(name);
        check(&source, checksum)?;
        let bytes = fs::read(&source).map_err(DatasetError::io(&source, "read"))?;
        files::replace(target, &bytes).map_err(DatasetError::io(target, "write"))
    }
}

/// Whether a file has a checksum: its own bytes, or, of a gzipped one, what is packed in it. The home of a set and a distribution's
/// package may hold the same bytes packed differently.
fn check(path: &Path, expected: &str) -> Result<(), DatasetError> {
    let open = || fs::File::open(path).map_err(DatasetError::io(path, "read"));
    let found = hash(open()?).map_err(DatasetError::io(path, "read"))?;
    // A file that is not packed, or is cut, does not unpack: then it is not the right one either.
    if found == expected || hash(GzDecoder::new(open()?)).is_ok_and(|unpacked| unpacked == expected) {
        return Ok(());
    }
    Err(DatasetError::Checksum { path: path.to_owned(), expected: expected.to_owned(), found })
}

fn hash(mut bytes: impl std::io::Read) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    std::io::copy(&mut bytes, &mut hash)?;
    Ok(hexadecimal(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `abc`, the standard's first example.
    pub(super) const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    const SET: Dataset = Dataset {
        name: "abc",
        title: "",
        terms: "",
        source: Source::Web("http://127.0.0.1:9/"),
        checksums: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.dat\n",
        conversion: None,
    };

    #[test]
    fn files_of_a_folder_are_checked_and_copied() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = to.path().join("new");
        let fetch = || SET.fetch(&target, Some(from.path()), |_| {}).map_err(|error| error.to_string());
        assert!(fetch().unwrap_err().contains("there is no a.dat in it"));
        fs::write(from.path().join("a.dat"), "abd").unwrap();
        assert!(fetch().unwrap_err().contains("a.dat: its SHA-256 is"));
        assert!(!target.join("a.dat").exists(), "a wrong file is not copied");
        fs::write(from.path().join("a.dat"), "abc").unwrap();
        fetch().unwrap();
        assert_eq!(fs::read(target.join("a.dat")).unwrap(), b"abc");
        SET.fetch(&target, None, |_| panic!("nothing is to be fetched")).unwrap();
    }

    #[test]
    fn a_packed_file_is_checked_by_what_is_in_it_however_it_was_packed() {
        use std::io::Write as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gz");
        for level in [0, 9] {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
            packer.write_all(b"abc").unwrap();
            let packed = packer.finish().unwrap();
            fs::write(&path, &packed).unwrap();
            check(&path, ABC).unwrap();
            fs::write(&path, &packed[..packed.len() - 9]).unwrap();
            assert!(matches!(check(&path, ABC), Err(DatasetError::Checksum { .. })));
        }
    }

    #[test]
    fn the_catalog_is_sound() {
        for set in DATASETS {
            assert!(set.files().count() > 0, "{}", set.name);
            for (name, checksum) in set.files() {
                assert!(checksum.len() == 64 && checksum.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
                assert!(!name.contains(['/', '\\']), "{name}");
            }
            assert_eq!(find(set.name).unwrap(), set);
        }
        assert!(find("nothing").unwrap_err().to_string().contains("`vq data` lists them"));
    }
}
