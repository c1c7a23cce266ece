//! A file in memory, as far as it is looked at.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

/// The bytes of a file.
///
/// The file must not be truncated by others while it is mapped. `eco` itself replaces weights by renaming a new file over
/// the old one, which leaves a map intact.
pub(super) struct MappedFile(Mmap);

impl MappedFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the map is only read. Another process that truncates the file while it is mapped would fault this one;
        // see the type's documentation.
        unsafe { Mmap::map(&file) }.map(Self)
    }

    /// Lets the system drop the pages that were read. They are read from the file again when needed.
    pub(super) fn release_pages(&self) {
        // SAFETY: the map is of a file and never written to, so that its pages have the file's bytes whenever they are
        // read. A system that does not take the advice keeps the pages.
        #[cfg(unix)]
        let _ = unsafe { self.0.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
