//! PNG and JPEG files → pixels.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};

use super::{Rgb, Size};
use crate::error::Error;
use crate::input::sources::read_bounded;

/// Bytes of a file.
const FILE_LIMIT: u64 = 64 << 20;
/// Rows and columns.
const EDGE_LIMIT: u32 = 16_384;
/// Bytes of a decoded image.
const MEMORY_LIMIT: u64 = 512 << 20;

/// Reads an image, turned upright as its EXIF orientation says, without its transparency.
///
/// # Errors
/// When the file is missing, too large, or no image in PNG or JPEG.
pub fn decode(path: &Path) -> Result<Rgb, Error> {
    let bytes = read_bounded(path, FILE_LIMIT)?;
    decode_bytes(&bytes).map_err(|error| {
        Error::usage(format!("{} can't be used as an image", path.display()))
            // Said once: the library repeats its causes in its own text.
            .because(error.to_string())
            .note(format!("PNG and JPEG are read, up to {EDGE_LIMIT} pixels along an edge"))
    })
}

fn decode_bytes(bytes: &[u8]) -> Result<Rgb, image::ImageError> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg)) {
        // What the library would say about a format that it knows and this program leaves out helps nobody.
        return Err(std::io::Error::other("it is neither PNG nor JPEG").into());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(EDGE_LIMIT);
    limits.max_image_height = Some(EDGE_LIMIT);
    limits.max_alloc = Some(MEMORY_LIMIT);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    let image = image.into_rgb8();
    let size = Size { height: image.height() as usize, width: image.width() as usize };
    Rgb::new(size, image.into_raw()).ok_or_else(|| std::io::Error::other("it has no pixels").into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let image = image::RgbImage::from_fn(9, 7, |x, y| image::Rgb([x as u8 * 20, y as u8 * 30, 128]));
        let mut bytes = Vec::new();
        image.write_to(&mut Cursor::new(&mut bytes), format).expect("encodes");
        bytes
    }

    #[test]
    fn a_png_keeps_every_value() {
        let image = decode_bytes(&encoded(ImageFormat::Png)).expect("decodes");
        assert_eq!(image.size(), Size { height: 7, width: 9 });
        let last = image.pixels().len() - 3;
        assert_eq!(image.pixels()[last..], [160, 180, 128]);
    }

    #[test]
    fn a_jpeg_keeps_values_roughly() {
        let image = decode_bytes(&encoded(ImageFormat::Jpeg)).expect("decodes");
        let last = &image.pixels()[image.pixels().len() - 3..];
        assert!(last.iter().zip([160_u8, 180, 128]).all(|(got, sent)| got.abs_diff(sent) < 40), "{last:?}");
    }

    #[test]
    fn a_cut_file_is_an_error() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg] {
            let bytes = encoded(format);
            assert!(decode_bytes(&bytes[..bytes.len() / 3]).is_err(), "{format:?}");
        }
    }

    proptest! {
        #[test]
        fn broken_files_do_not_panic(at in 0_usize..4096, value: u8, png: bool, cut in 0_usize..4096) {
            let mut bytes = encoded(if png { ImageFormat::Png } else { ImageFormat::Jpeg });
            let at = at % bytes.len();
            bytes[at] = value;
            bytes.truncate(bytes.len() - cut % (bytes.len() / 2));
            let _ = decode_bytes(&bytes);
        }
    }
}
