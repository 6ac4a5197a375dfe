//! Bytes of a file, a piece at a time: what is read stays in the file until it is asked for.
//!
//! Positioned reads rather than a mapped file: a mapping needs `unsafe`, and a file that becomes shorter under it ends the process where a read
//! gives an error. What is read again soon comes from the system's page cache either way.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::{DataError, files};

/// Bytes that can be read from any place.
#[derive(Debug)]
pub(super) struct Bytes {
    /// The file as the user named it.
    name: String,
    length: u64,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// What came through a pipe.
    Memory(Vec<u8>),
    /// The cursor is shared, hence the lock.
    File(Mutex<File>),
}

impl Bytes {
    /// A file, or all of the standard input for `-`.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let name = path.display().to_string();
        if files::is_pipe(path) {
            let bytes = files::read(path)?;
            return Ok(Self { name, length: bytes.len() as u64, place: Place::Memory(bytes) });
        }
        let opened = File::open(path).and_then(|file| file.metadata().map(|found| (file, found)));
        let (file, found) = opened.map_err(|source| DataError::io(path, "read", source))?;
        if !found.is_file() {
            // A device or a named pipe has no length, and a folder's error is the system's.
            let bytes = files::read(path)?;
            return Ok(Self { name, length: bytes.len() as u64, place: Place::Memory(bytes) });
        }
        Ok(Self { name, length: found.len(), place: Place::File(Mutex::new(file)) })
    }

    /// The file as the user named it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// `count` bytes from `at` on.
    ///
    /// # Errors
    /// If they are not there, or the system refuses.
    pub(super) fn read(&self, at: u64, count: usize) -> Result<Vec<u8>, DataError> {
        let mut bytes = vec![0; count];
        let done = match &self.place {
            Place::Memory(all) => {
                let from = usize::try_from(at).unwrap_or(usize::MAX);
                let there = all.get(from..).unwrap_or_default().get(..count);
                there.map(|there| bytes.copy_from_slice(there)).ok_or(std::io::ErrorKind::UnexpectedEof.into())
            }
            Place::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut bytes))
            }
        };
        done.map_err(|source| DataError::Io { file: self.name.clone(), action: "read", source })?;
        Ok(bytes)
    }

    /// The first bytes, at most `count`.
    pub(super) fn beginning(&self, count: usize) -> Result<Vec<u8>, DataError> {
        self.read(0, self.length.min(count as u64) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_piece_is_read_and_what_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.raw");
        std::fs::write(&path, b"0123456789").unwrap();
        let bytes = Bytes::open(&path).unwrap();
        assert_eq!((bytes.len(), bytes.read(7, 3).unwrap()), (10, b"789".to_vec()));
        assert_eq!(bytes.beginning(4).unwrap(), b"0123");
        assert_eq!(bytes.beginning(99).unwrap(), b"0123456789");
        let error = bytes.read(8, 3).unwrap_err().to_string();
        assert!(error.contains("a.raw: cannot read"), "{error}");
        assert!(Bytes::open(folder.path()).is_err());
    }
}
