//! Files of the host, over semihosting.

use core::ffi::CStr;

use semihosting::fd::RawFd;
use semihosting::sys::arm_compat::syscall::{OperationNumber, ParamRegR, ParamRegW, syscall, syscall_readonly};
use semihosting::sys::arm_compat::{OpenMode, sys_close};

/// The host would not open, read or write a file.
#[derive(Clone, Copy, Debug)]
pub struct HostError(pub &'static str);

/// An open file of the host. Closed when dropped.
#[derive(Debug)]
pub struct File(RawFd);

impl File {
    /// Opens `path`, relative to the folder that QEMU was started in, for reading.
    ///
    /// # Errors
    /// There is no such file, or the host may not read it.
    pub fn open(path: &CStr) -> Result<Self, HostError> {
        Self::with_mode(path, OpenMode::RDONLY_BINARY).ok_or(HostError("the host could not open the file to read"))
    }

    /// Creates `path`, relative to the folder that QEMU was started in, or empties it.
    ///
    /// # Errors
    /// The host may not write there.
    pub fn create(path: &CStr) -> Result<Self, HostError> {
        Self::with_mode(path, OpenMode::WRONLY_TRUNC_BINARY).ok_or(HostError("the host could not create the file"))
    }

    // The calls are made here, because semihosting's own functions for files hold assertions that can fail.
    fn with_mode(path: &CStr, mode: OpenMode) -> Option<Self> {
        let block = [ParamRegR::c_str(path), ParamRegR::usize(mode as usize), ParamRegR::c_str_len(path)];
        // SAFETY: the host reads the path and its closing zero, which `CStr` guarantees.
        let handle = unsafe { syscall_readonly(OperationNumber::SYS_OPEN, ParamRegR::block(&block)) };
        handle.raw_fd().map(Self)
    }

    /// Reads into `buffer`; returns the number of bytes read, less than asked for only at the end of the file.
    ///
    /// # Errors
    /// The host could not read.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HostError> {
        let length = buffer.len();
        let mut block = [ParamRegW::raw_fd(self.0), ParamRegW::buf(buffer), ParamRegW::usize(length)];
        // SAFETY: the host writes at most `length` bytes at the pointer.
        let missing = unsafe { syscall(OperationNumber::SYS_READ, ParamRegW::block(&mut block)) };
        length.checked_sub(missing.usize()).ok_or(HostError("the host could not read the file"))
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// The host could not write them, as when its disk is full.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        let block = [ParamRegR::raw_fd(self.0), ParamRegR::buf(bytes), ParamRegR::usize(bytes.len())];
        // SAFETY: the host reads the bytes of the slice.
        let missing = unsafe { syscall_readonly(OperationNumber::SYS_WRITE, ParamRegR::block(&block)) };
        if missing.usize() == 0 { Ok(()) } else { Err(HostError("the host could not write the file")) }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the handle is open and used nowhere after this. A file that does not close has nowhere to say so.
        unsafe { sys_close(self.0) }.ok();
    }
}
