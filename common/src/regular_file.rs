//! Opens files in folders that other programs may write to as well.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::{fs::OFlags, io::Errno};

/// Opens `path` as `options` say, if it is a regular file. Follows no symbolic link, and does not
/// wait for the other end of a FIFO.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] when it is something else than a regular file.
pub(crate) fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let refused = || io::Error::new(ErrorKind::InvalidInput, "it is not a regular file");
    let no_file = [Errno::LOOP, Errno::NXIO, Errno::ISDIR].map(Errno::raw_os_error);
    match options.custom_flags(flags.bits() as i32).open(path) {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Ok(_) => Err(refused()),
        Err(err) if err.raw_os_error().is_some_and(|errno| no_file.contains(&errno)) => {
            Err(refused())
        }
        Err(err) => Err(err),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn only_a_regular_file_is_opened() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        fs::write(at("file"), "text").unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink(at("file"), at("link")).unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), fifo, 0o600.into(), 0).unwrap();
        for write in [false, true] {
            let mut options = OpenOptions::new();
            options.read(!write).write(write).create(write);
            assert!(open_regular(&at("file"), &mut options).is_ok());
            for other in ["folder", "link", "fifo"] {
                let refused = open_regular(&at(other), &mut options).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{other}");
            }
        }
        let missing = open_regular(&at("missing"), OpenOptions::new().read(true)).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        assert_eq!(fs::read_to_string(at("file")).unwrap(), "text");
    }
}
