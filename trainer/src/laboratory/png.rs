//! A picture in SVG as PNG.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use super::plot::PlotError;

/// Pixels for each of the picture's units, so that it is sharp on fine screens and on paper.
const SCALE: f32 = 2.0;

/// Families that are legible and common, the first one that is there is taken; if none is, any.
const FAMILIES: [&str; 6] = ["DejaVu Sans", "Liberation Sans", "Noto Sans", "Arial", "Helvetica", "Segoe UI"];

/// Draws a picture with the system's fonts.
///
/// # Errors
/// If there is no font, or it is no picture.
pub fn png(picture: &str) -> Result<Vec<u8>, PlotError> {
    let mut options = Options::default();
    options.fontdb_mut().load_system_fonts();
    let family = family(&options.fontdb).ok_or(PlotError::NoFont)?;
    options.fontdb_mut().set_sans_serif_family(family);
    let drawing = |error: &dyn std::fmt::Display| PlotError::Drawing(error.to_string());
    let tree = Tree::from_str(picture, &options).map_err(|error| drawing(&error))?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or_else(|| drawing(&"it has no size"))?;
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or_else(|| drawing(&"it is too large"))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| drawing(&error))
}

fn family(fonts: &Database) -> Option<String> {
    let families = || fonts.faces().flat_map(|face| face.families.iter().map(|(name, _)| name.as_str()));
    let known = FAMILIES.into_iter().find(|wanted| families().any(|name| name == *wanted));
    known.or_else(|| families().next()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_words_are_drawn() {
        let picture = |inside: &str| {
            let head = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"20\">";
            png(&format!("{head}<rect width=\"40\" height=\"20\" fill=\"white\"/>{inside}</svg>"))
        };
        let dark = |bytes: &[u8]| {
            let pixels = image::load_from_memory(bytes).unwrap().to_luma8();
            assert_eq!(pixels.dimensions(), (80, 40));
            pixels.pixels().filter(|pixel| pixel.0[0] < 128).count()
        };
        let words = "<text x=\"2\" y=\"15\" font-family=\"sans-serif\" font-size=\"14\">dB</text>";
        match picture(words) {
            Err(PlotError::NoFont) => println!("skipped: the system has no font"),
            drawn => {
                assert!(dark(&drawn.unwrap()) > 100, "the words are missing");
                assert_eq!(dark(&picture("<rect width=\"10\" height=\"5\"/>").unwrap()), 200);
                assert!(matches!(png("no picture"), Err(PlotError::Drawing(_))));
            }
        }
    }
}
