//! A folder of images → the frames of a clip.

use std::path::{Path, PathBuf};

use super::image::{Rgb, decode};
use crate::error::Error;

/// Files of a folder that are looked at.
const FILE_LIMIT: usize = 100_000;

/// `count` frames of the images in a folder, in the order of their names, evenly from the first to the last.
/// A folder with fewer images has some of them taken more than once.
///
/// # Errors
/// When the folder can't be read or has no images, or one of them can't.
pub fn read(folder: &Path, count: usize) -> Result<Vec<Rgb>, Error> {
    let files = files(folder)?;
    let Some(last) = files.len().checked_sub(1) else {
        return Err(Error::usage(format!("{} holds no frames", folder.display()))
            .note("frames are files that end in .png, .jpg or .jpeg"));
    };
    let steps = count.saturating_sub(1).max(1);
    (0..count).map(|index| decode(&files[index * last / steps])).collect()
}

/// The images of a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |error| Error::usage(format!("cannot read the folder {}", folder.display())).because(error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
        if ["png", "jpg", "jpeg"].contains(&ending.as_str()) {
            files.push(path);
        }
        if files.len() > FILE_LIMIT {
            return Err(Error::usage(format!("{} holds more than {FILE_LIMIT} frames", folder.display())));
        }
    }
    files.sort_by_cached_key(|path| order(&path.file_name().unwrap_or_default().to_string_lossy()));
    Ok(files)
}

/// A name as it is ordered: `frame_2` before `frame_10`. Numbers compare by their value, everything else as text.
fn order(name: &str) -> Vec<(String, u128)> {
    let mut parts = vec![(String::new(), 0_u128)];
    let mut in_number = false;
    for letter in name.chars() {
        let Some((text, number)) = parts.last_mut() else { break };
        if let Some(digit) = letter.to_digit(10) {
            *number = number.saturating_mul(10).saturating_add(u128::from(digit));
            in_number = true;
        } else if in_number {
            in_number = false;
            parts.push((letter.to_string(), 0));
        } else {
            text.push(letter);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["f10.png", "f2.png", "f02b.png", "a.png", "f1.png", "12.png", "3.png"];
        names.sort_by_cached_key(|name| order(name));
        assert_eq!(names, ["3.png", "12.png", "a.png", "f1.png", "f2.png", "f02b.png", "f10.png"]);
    }

    #[test]
    fn frames_are_taken_evenly() {
        let folder = tempfile::tempdir().expect("a folder");
        for index in 0..10_u8 {
            let image = image::RgbImage::from_pixel(2, 2, image::Rgb([index; 3]));
            image.save(folder.path().join(format!("{index}.png"))).expect("saves");
        }
        std::fs::write(folder.path().join("notes.txt"), "not a frame").expect("writes");
        let taken = |count| -> Vec<u8> {
            read(folder.path(), count).expect("frames").iter().map(|frame| frame.pixels()[0]).collect()
        };
        assert_eq!(taken(4), [0, 3, 6, 9]);
        assert_eq!(taken(1), [0]);
        assert_eq!(taken(12), [0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn a_folder_without_frames_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(read(folder.path(), 8).is_err());
        assert!(read(&folder.path().join("nowhere"), 8).is_err());
    }
}
