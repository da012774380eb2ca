//! What C hands over, as Rust sees it: every raw pointer of the face is read here.

use std::ffi::{CStr, c_char};

use crate::status::Failure;

/// Bytes that belong to somebody else. `data` may be NULL if `length` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sori_bytes {
    /// The first byte.
    pub data: *const u8,
    /// How many there are.
    pub length: usize,
}

/// Text that belongs to somebody else: UTF-8, with a NUL behind it that does not count.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sori_text {
    /// The first character. Never NULL: what is not there is an empty text.
    pub data: *const c_char,
    /// How many bytes there are. A name that a client chose may have a NUL within: only the length
    /// tells where it ends.
    pub length: usize,
}

impl sori_bytes {
    pub(crate) const EMPTY: sori_bytes = sori_bytes {
        data: std::ptr::null(),
        length: 0,
    };

    pub(crate) fn of(bytes: &[u8]) -> sori_bytes {
        sori_bytes {
            data: bytes.as_ptr(),
            length: bytes.len(),
        }
    }
}

impl sori_text {
    pub(crate) const EMPTY: sori_text = sori_text {
        data: c"".as_ptr(),
        length: 0,
    };

    /// A text whose NUL is part of `terminated`.
    pub(crate) fn of(terminated: &[u8]) -> sori_text {
        debug_assert_eq!(terminated.last(), Some(&0));
        sori_text {
            data: terminated.as_ptr().cast(),
            length: terminated.len().saturating_sub(1),
        }
    }
}

/// A struct that begins with its own size in bytes, as the caller was compiled with it, so that
/// later releases can append to it.
///
/// # Safety
/// `repr(C)`, its first field is that `usize`, and every pattern of bits is a value of it.
pub(crate) unsafe trait Extensible: Copy {
    /// What its first release had: the least a caller can have.
    const FIRST_SIZE: usize;

    /// The defaults.
    fn defaults() -> Self;
}

/// # Safety
/// `pointer` is NULL or to be read as a `T` for as long as the call lasts.
pub(crate) unsafe fn borrow<'a, T>(
    pointer: *const T,
    name: &'static str,
) -> Result<&'a T, Failure> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_ref() }.ok_or_else(|| Failure::null(name))
}

/// # Safety
/// `pointer` is NULL or may be written to as a `T`.
pub(crate) unsafe fn write<T>(
    pointer: *mut T,
    value: T,
    name: &'static str,
) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(Failure::null(name));
    }
    // SAFETY: the caller's promise. What was there is not dropped: it may be uninitialised.
    unsafe { pointer.write(value) };
    Ok(())
}

/// # Safety
/// `pointer` is NULL or to be read as `length` values for as long as the call lasts.
pub(crate) unsafe fn slice<'a, T>(
    pointer: *const T,
    length: usize,
    name: &'static str,
) -> Result<&'a [T], Failure> {
    if length == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Failure::null(name));
    }
    if length > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Failure::invalid(format!("{name}: the count is impossible")));
    }
    // SAFETY: the caller's promise, and the size is one that memory can have.
    Ok(unsafe { std::slice::from_raw_parts(pointer, length) })
}

/// # Safety
/// `pointer` is NULL or a text with a NUL behind it, for as long as the call lasts.
pub(crate) unsafe fn text<'a>(
    pointer: *const c_char,
    name: &'static str,
) -> Result<&'a str, Failure> {
    if pointer.is_null() {
        return Err(Failure::null(name));
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str()
        .map_err(|_| Failure::invalid(format!("{name} is not UTF-8")))
}

/// As [`text`], where NULL stands for nothing.
///
/// # Safety
/// As [`text`].
pub(crate) unsafe fn optional_text<'a>(
    pointer: *const c_char,
    name: &'static str,
) -> Result<Option<&'a str>, Failure> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe { text(pointer, name) }.map(Some)
}

/// # Safety
/// As [`slice`], and each of the values as [`text`].
pub(crate) unsafe fn texts<'a>(
    pointer: *const *const c_char,
    length: usize,
    name: &'static str,
) -> Result<Vec<&'a str>, Failure> {
    // SAFETY: the caller's promise.
    unsafe {
        slice(pointer, length, name)?
            .iter()
            .map(|each| text(*each, name))
            .collect()
    }
}

/// Reads a struct that may be older, and so shorter, or newer than this library's.
///
/// # Safety
/// `pointer` is not NULL, and to be read for as many bytes as its first field says.
pub(crate) unsafe fn read_extensible<T: Extensible>(
    pointer: *const T,
    name: &'static str,
) -> Result<T, Failure> {
    // SAFETY: the first field is the size, and it is there to be read.
    let size = unsafe { pointer.cast::<usize>().read() };
    if size < T::FIRST_SIZE || size > MOST_SIZE {
        return Err(Failure::invalid(format!(
            "{name}.size must be sizeof(*{name}); is it initialised?"
        )));
    }
    let mut value = T::defaults();
    let known = size.min(size_of::<T>());
    // SAFETY: both are at least `known` bytes long, and every pattern of bits is a `T`.
    unsafe {
        std::ptr::copy_nonoverlapping(
            pointer.cast::<u8>(),
            std::ptr::from_mut(&mut value).cast(),
            known,
        );
        let unknown = slice(pointer.cast::<u8>().add(known), size - known, name)?;
        if unknown.iter().any(|byte| *byte != 0) {
            return Err(Failure::invalid(format!(
                "{name} has settings that this release does not know"
            )));
        }
    }
    Ok(value)
}

/// Fills as much of a struct as the caller has.
///
/// # Safety
/// `pointer` is NULL or may be written to for `size` bytes.
pub(crate) unsafe fn write_extensible<T: Extensible>(
    pointer: *mut T,
    size: usize,
    mut value: T,
    name: &'static str,
) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(Failure::null(name));
    }
    if size < T::FIRST_SIZE || size > MOST_SIZE {
        return Err(Failure::invalid(format!("size must be sizeof(*{name})")));
    }
    let known = size.min(size_of::<T>());
    // SAFETY: the first field of a `T` is its size. `known` bytes are in both, and the caller's
    // others are cleared.
    unsafe {
        std::ptr::from_mut(&mut value).cast::<usize>().write(size);
        let target = pointer.cast::<u8>();
        target.copy_from_nonoverlapping(std::ptr::from_ref(&value).cast(), known);
        target.add(known).write_bytes(0, size - known);
    }
    Ok(())
}

/// No struct of this face comes near: a size beyond it was never initialised.
const MOST_SIZE: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Settings {
        size: usize,
        old: usize,
        new: usize,
    }

    // SAFETY: repr(C), integers only, the size first.
    unsafe impl Extensible for Settings {
        const FIRST_SIZE: usize = 2 * size_of::<usize>();

        fn defaults() -> Settings {
            Settings {
                size: size_of::<Settings>(),
                old: 1,
                new: 2,
            }
        }
    }

    fn read(words: &[usize]) -> Result<Settings, Failure> {
        // SAFETY: the tests give as many words as their sizes say.
        unsafe { read_extensible(words.as_ptr().cast::<Settings>(), "settings") }
    }

    #[test]
    fn an_older_struct_leaves_the_rest_at_its_default() {
        let size = Settings::FIRST_SIZE;
        let expected = Settings {
            size,
            old: 7,
            new: 2,
        };
        assert_eq!(read(&[size, 7]).unwrap(), expected);
    }

    #[test]
    fn a_newer_struct_is_read_unless_it_sets_what_is_not_known() {
        let size = size_of::<Settings>() + size_of::<usize>();
        assert_eq!(read(&[size, 7, 8, 0]).unwrap().new, 8);
        assert!(read(&[size, 7, 8, 1]).is_err());
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for size in [0, 1, Settings::FIRST_SIZE - 1, usize::MAX] {
            assert!(read(&[size, 0, 0]).is_err(), "{size}");
        }
    }

    #[test]
    fn defaults_are_written_as_far_as_the_caller_reaches() {
        let mut words = [9_usize; 5];
        let mut fill = |size| {
            let target = words.as_mut_ptr().cast::<Settings>();
            // SAFETY: `words` is longer than either size.
            unsafe { write_extensible(target, size, Settings::defaults(), "settings") }.unwrap();
            words
        };
        let word = size_of::<usize>();
        assert_eq!(fill(2 * word), [2 * word, 1, 9, 9, 9]);
        assert_eq!(fill(4 * word), [4 * word, 1, 2, 0, 9]);
    }
}
