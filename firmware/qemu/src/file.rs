//! Files of the host, over semihosting.

use core::ffi::CStr;

use cortex_m_semihosting::{nr, syscall};

/// The host would not open, read or write a file.
#[derive(Clone, Copy, Debug)]
pub struct HostError(pub &'static str);

/// An open file of the host. Closed when dropped.
#[derive(Debug)]
pub struct File(usize);

impl File {
    /// Opens `path`, relative to the folder that QEMU was started in, for reading.
    ///
    /// # Errors
    /// There is no such file, or the host may not read it.
    pub fn open(path: &CStr) -> Result<Self, HostError> {
        Self::with_mode(path, nr::open::R_BINARY).ok_or(HostError("the host could not open the file to read"))
    }

    /// Creates `path`, relative to the folder that QEMU was started in, or empties it.
    ///
    /// # Errors
    /// The host may not write there.
    pub fn create(path: &CStr) -> Result<Self, HostError> {
        Self::with_mode(path, nr::open::W_TRUNC_BINARY).ok_or(HostError("the host could not create the file"))
    }

    fn with_mode(path: &CStr, mode: usize) -> Option<Self> {
        // SAFETY: the host reads `count_bytes` bytes and the closing zero at the pointer, which `CStr` guarantees.
        let handle = unsafe { syscall!(OPEN, path.as_ptr(), mode, path.count_bytes()) };
        (handle != usize::MAX).then_some(Self(handle))
    }

    /// Reads into `buffer`; returns the number of bytes read, less than asked for only at the end of the file.
    ///
    /// # Errors
    /// The host could not read.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HostError> {
        // SAFETY: the host writes at most `len` bytes at the pointer.
        let missing = unsafe { syscall!(READ, self.0, buffer.as_mut_ptr(), buffer.len()) };
        buffer.len().checked_sub(missing).ok_or(HostError("the host could not read the file"))
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// The host could not write them, as when its disk is full.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        // SAFETY: the host reads at most `len` bytes at the pointer.
        let missing = unsafe { syscall!(WRITE, self.0, bytes.as_ptr(), bytes.len()) };
        if missing == 0 { Ok(()) } else { Err(HostError("the host could not write the file")) }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the handle is open and used nowhere after this.
        unsafe { syscall!(CLOSE, self.0) };
    }
}
