//! A drawing as a picture.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use crate::error::{Error, Result};

/// Pixels for a unit of the drawing: sharp on screens with dense pixels.
const SCALE: f32 = 2.0;

/// An SVG drawing as PNG.
///
/// # Errors
/// When this machine has no font to write with.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a drawing is a few thousand wide")]
pub fn picture(svg: &str) -> Result<Vec<u8>> {
    let mut options = Options { font_family: "DejaVu Sans".into(), ..Options::default() };
    options.fontdb_mut().load_system_fonts();
    if options.fontdb.is_empty() {
        return Err(Error::environment("this machine has no font to write on a picture with")
            .hint("install one (fonts-dejavu, for instance), or name a file that ends with .svg"));
    }
    let first = options.fontdb.faces().next().and_then(|face| face.families.first()).map(|(name, _)| name.clone());
    options.fontdb_mut().set_sans_serif_family(first.unwrap_or_default());
    if options.fontdb.faces().any(|face| face.families.iter().any(|(name, _)| name == "DejaVu Sans")) {
        options.fontdb_mut().set_sans_serif_family("DejaVu Sans");
    }
    let failed = |what: String| Error::internal(format!("a drawing cannot be made a picture: {what}"));
    let tree = Tree::from_str(svg, &options).map_err(|cause| failed(cause.to_string()))?;
    let size = tree.size();
    let (width, height) = ((size.width() * SCALE).ceil() as u32, (size.height() * SCALE).ceil() as u32);
    let mut pixels = Pixmap::new(width, height).ok_or_else(|| failed(format!("{width}×{height} pixels")))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|cause| failed(cause.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_becomes_a_picture_twice_as_wide() {
        let drawing = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 30 10' width='30' height='10'><path d='M0 0h9v9z'/></svg>";
        // Without a font there is no picture; that is said, and is no failure of the drawing.
        let Ok(png) = picture(drawing) else { return };
        let image = image::load_from_memory(&png).expect("a picture").to_rgba8();
        assert_eq!((image.width(), image.height()), (60, 20));
        assert!(
            image.get_pixel(14, 4).0[3] > 0 && image.get_pixel(50, 10).0[3] == 0,
            "something is drawn, not everything"
        );
        assert!(picture("<svg").is_err());
    }
}
