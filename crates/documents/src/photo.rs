//! 照片 (photos): decoded and encoded anew. What comes out is the picture and nothing else: no place, no device, nothing behind its end.

use std::io::Cursor;

use thiserror::Error;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Pixels that are decoded at most: twice the largest sensor of a telephone on which teachers photograph papers.
const MAX_PIXELS: u64 = 100_000_000;
/// The longer side of what is kept: a page of A4 is read at it.
const LONG_SIDE: usize = 2_560;
const QUALITY: u8 = 85;

/// Why a photo is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PhotoError {
    /// It is no picture of a kind that is known.
    #[error("不是照片(JPG、PNG、WebP)")]
    Unknown,
    /// It cannot be decoded.
    #[error("照片已损坏,打不开")]
    Damaged,
    /// It has more pixels than any camera.
    #[error("照片的尺寸太大")]
    TooLarge,
}

/// Rows of red, green, blue.
struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

/// A photo as it is kept: a JPEG with only its pixels, upright, not larger than [`LONG_SIDE`].
pub fn clean(bytes: &[u8]) -> Result<Vec<u8>, PhotoError> {
    let (picture, orientation) = match bytes {
        [0xff, 0xd8, 0xff, ..] => jpeg(bytes)?,
        [0x89, b'P', b'N', b'G', ..] => (png(bytes)?, 1),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp(bytes)?,
        _ => return Err(PhotoError::Unknown),
    };
    let picture = upright(shrunk(picture), orientation);
    let (width, height) = (size(picture.width)?, size(picture.height)?);
    let mut out = Vec::new();
    jpeg_encoder::Encoder::new(&mut out, QUALITY)
        .encode(&picture.rgb, width, height, jpeg_encoder::ColorType::Rgb)
        .map_err(|_| PhotoError::Damaged)?;
    Ok(out)
}

fn size(n: usize) -> Result<u16, PhotoError> {
    u16::try_from(n).ok().filter(|n| *n > 0).ok_or(PhotoError::Damaged)
}

fn bounded(width: usize, height: usize) -> Result<(), PhotoError> {
    match (width as u64).checked_mul(height as u64) {
        Some(0) => Err(PhotoError::Damaged),
        Some(n) if n <= MAX_PIXELS => Ok(()),
        _ => Err(PhotoError::TooLarge),
    }
}

/// How a camera was held, by its own note.
fn orientation_of(exif: Option<&[u8]>) -> u32 {
    let read = |e: &[u8]| exif::Reader::new().read_raw(e.strip_prefix(b"Exif\0\0").unwrap_or(e).to_vec()).ok();
    let field = exif.and_then(read).and_then(|e| e.get_field(exif::Tag::Orientation, exif::In::PRIMARY)?.value.get_uint(0));
    field.filter(|o| (1..=8).contains(o)).unwrap_or(1)
}

fn jpeg(bytes: &[u8]) -> Result<(Picture, u32), PhotoError> {
    let options = DecoderOptions::new_safe()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut d = JpegDecoder::new_with_options(Cursor::new(bytes), options);
    d.decode_headers().map_err(|_| PhotoError::Damaged)?;
    let info = d.info().ok_or(PhotoError::Damaged)?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    bounded(width, height)?;
    let orientation = orientation_of(d.exif().map(Vec::as_slice));
    let rgb = d.decode().map_err(|_| PhotoError::Damaged)?;
    Ok((Picture { width, height, rgb }, orientation))
}

/// Transparent pixels lie on white paper.
fn on_white(color: u8, alpha: u8) -> u8 {
    let (c, a) = (u16::from(color), u16::from(alpha));
    ((c * a + 255 * (255 - a)) / 255) as u8
}

fn png(bytes: &[u8]) -> Result<Picture, PhotoError> {
    let mut d = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: 1 << 30 });
    d.set_transformations(png::Transformations::normalize_to_color8());
    d.set_ignore_text_chunk(true);
    let info = d.read_header_info().map_err(|_| PhotoError::Damaged)?;
    let (width, height) = (info.width as usize, info.height as usize);
    bounded(width, height)?;
    let mut r = d.read_info().map_err(|_| PhotoError::Damaged)?;
    let mut data = vec![0; r.output_buffer_size().ok_or(PhotoError::TooLarge)?];
    r.next_frame(&mut data).map_err(|_| PhotoError::Damaged)?;
    let samples = r.output_color_type().0.samples();
    let mut rgb = Vec::with_capacity(width * height * 3);
    for p in data.chunks_exact(samples).take(width * height) {
        match *p {
            [grey] => rgb.extend([grey; 3]),
            [grey, a] => rgb.extend([on_white(grey, a); 3]),
            [r, g, b] => rgb.extend([r, g, b]),
            [r, g, b, a] => rgb.extend([on_white(r, a), on_white(g, a), on_white(b, a)]),
            _ => return Err(PhotoError::Damaged),
        }
    }
    Ok(Picture { width, height, rgb })
}

fn webp(bytes: &[u8]) -> Result<(Picture, u32), PhotoError> {
    let mut d = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(|_| PhotoError::Damaged)?;
    let (width, height) = (d.dimensions().0 as usize, d.dimensions().1 as usize);
    bounded(width, height)?;
    d.set_memory_limit(1 << 30);
    let orientation = orientation_of(d.exif_metadata().ok().flatten().as_deref());
    let mut data = vec![0; d.output_buffer_size().ok_or(PhotoError::TooLarge)?];
    d.read_image(&mut data).map_err(|_| PhotoError::Damaged)?;
    let rgb = if d.has_alpha() {
        data.chunks_exact(4).flat_map(|p| [on_white(p[0], p[3]), on_white(p[1], p[3]), on_white(p[2], p[3])]).collect()
    } else {
        data
    };
    Ok((Picture { width, height, rgb }, orientation))
}

/// Means of squares of pixels, until the longer side fits.
fn shrunk(p: Picture) -> Picture {
    let by = p.width.max(p.height).div_ceil(LONG_SIDE);
    if by <= 1 {
        return p;
    }
    let (width, height) = ((p.width / by).max(1), (p.height / by).max(1));
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let (mut sums, mut n) = ([0u32; 3], 0);
            for row in y * by..(y * by + by).min(p.height) {
                for column in x * by..(x * by + by).min(p.width) {
                    let at = (row * p.width + column) * 3;
                    for (sum, v) in sums.iter_mut().zip(&p.rgb[at..at + 3]) {
                        *sum += u32::from(*v);
                    }
                    n += 1;
                }
            }
            rgb.extend(sums.map(|s| (s / n) as u8));
        }
    }
    Picture { width, height, rgb }
}

/// Turned and mirrored as EXIF's orientation says.
fn upright(p: Picture, orientation: u32) -> Picture {
    if orientation == 1 {
        return p;
    }
    let turned = orientation >= 5;
    let (width, height) = if turned { (p.height, p.width) } else { (p.width, p.height) };
    let mut rgb = Vec::with_capacity(p.rgb.len());
    for y in 0..height {
        for x in 0..width {
            let (mut sx, mut sy) = if turned { (y, x) } else { (x, y) };
            if matches!(orientation, 2 | 3 | 7 | 8) {
                sx = p.width - 1 - sx;
            }
            if matches!(orientation, 3 | 4 | 6 | 7) {
                sy = p.height - 1 - sy;
            }
            let at = (sy * p.width + sx) * 3;
            rgb.extend(&p.rgb[at..at + 3]);
        }
    }
    Picture { width, height, rgb }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Left half red, right half blue.
    fn halves(width: u16, height: u16) -> Vec<u8> {
        let row: Vec<u8> = (0..width).flat_map(|x| if x < width / 2 { [220, 20, 20] } else { [20, 20, 220] }).collect();
        row.repeat(usize::from(height))
    }

    fn jpeg_of(width: u16, height: u16, exif: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut e = jpeg_encoder::Encoder::new(&mut out, 90);
        if !exif.is_empty() {
            e.add_exif_metadata(exif).unwrap();
        }
        e.encode(&halves(width, height), width, height, jpeg_encoder::ColorType::Rgb).unwrap();
        out
    }

    /// An EXIF block with an orientation and a place (26°35′12″ N).
    fn exif(orientation: u8) -> Vec<u8> {
        let mut e = b"II*\0\x08\0\0\0\x02\0".to_vec();
        e.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
        e.extend([0x25, 0x88, 4, 0, 1, 0, 0, 0, 38, 0, 0, 0, 0, 0, 0, 0]);
        e.extend([1, 0, 2, 0, 5, 0, 3, 0, 0, 0, 56, 0, 0, 0, 0, 0, 0, 0]);
        for n in [26u32, 1, 35, 1, 12, 1] {
            e.extend(n.to_le_bytes());
        }
        e.extend(b"GPS-HERE");
        e
    }

    fn size_and_corner(bytes: &[u8]) -> (usize, usize, [u8; 3]) {
        let (p, o) = jpeg(bytes).unwrap();
        assert_eq!(o, 1);
        (p.width, p.height, p.rgb[..3].try_into().unwrap())
    }

    fn is_red(c: [u8; 3]) -> bool {
        c[0] > 150 && c[2] < 100
    }

    #[test]
    fn nothing_but_the_picture_is_kept() {
        let mut sent = jpeg_of(64, 32, &exif(1));
        assert!(sent.windows(8).any(|w| w == b"GPS-HERE"));
        sent.extend(b"<html><script>alert(1)</script>");
        let kept = clean(&sent).unwrap();
        assert!(!kept.windows(4).any(|w| w == b"GPS-" || w == b"<htm" || w == b"Exif"));
        assert_eq!(size_and_corner(&kept).0, 64);
        assert!(kept.ends_with(&[0xff, 0xd9]), "nothing behind its end");
    }

    /// Corner of the picture as it is kept, for each way of holding a camera.
    #[test]
    fn pictures_stand_upright() {
        for (orientation, turned, red) in [
            (1, false, true),
            (2, false, false),
            (3, false, false),
            (4, false, true),
            (5, true, true),
            (6, true, true),
            (7, true, false),
            (8, true, false),
        ] {
            let (w, h, corner) = size_and_corner(&clean(&jpeg_of(64, 32, &exif(orientation))).unwrap());
            assert_eq!((w, h), if turned { (32, 64) } else { (64, 32) }, "{orientation}");
            assert_eq!(is_red(corner), red, "{orientation}");
        }
    }

    #[test]
    fn large_ones_are_made_smaller_and_monsters_refused() {
        let (w, h, corner) = size_and_corner(&clean(&jpeg_of(6_000, 40, &[])).unwrap());
        assert!(w <= LONG_SIDE && h > 0 && is_red(corner), "{w}x{h}");
        let mut monster = Vec::new();
        let mut e = png::Encoder::new(&mut monster, 60_000, 60_000);
        e.set_color(png::ColorType::Grayscale);
        drop(e.write_header().unwrap());
        assert_eq!(clean(&monster), Err(PhotoError::TooLarge));
    }

    #[test]
    fn transparent_pixels_lie_on_white() {
        let mut sent = Vec::new();
        let mut e = png::Encoder::new(&mut sent, 8, 8);
        e.set_color(png::ColorType::Rgba);
        e.write_header().unwrap().write_image_data(&[0; 8 * 8 * 4]).unwrap();
        let kept = clean(&sent).unwrap();
        assert!(size_and_corner(&kept).2.iter().all(|c| *c > 250));
    }

    #[test]
    fn what_is_no_photo_is_refused() {
        for (bytes, why) in [
            (&b"<svg onload=alert(1)>"[..], PhotoError::Unknown),
            (b"%PDF-1.7", PhotoError::Unknown),
            (b"", PhotoError::Unknown),
            (&[0xff, 0xd8, 0xff, 0xe0, 1, 2, 3], PhotoError::Damaged),
            (b"\x89PNG\r\n\x1a\n....", PhotoError::Damaged),
            (b"RIFF....WEBPVP8 ....", PhotoError::Damaged),
        ] {
            assert_eq!(clean(bytes), Err(why), "{bytes:?}");
        }
        let whole = jpeg_of(64, 32, &[]);
        for cut in [3, 20, 200] {
            let _ = clean(&whole[..cut]);
        }
    }

    /// The file of a colour photo keeps its meaning.
    #[test]
    fn a_photo_of_a_webp_camera() {
        // lossless WebP of one red pixel
        let one = [
            0x52, 0x49, 0x46, 0x46, 0x1a, 0, 0, 0, 0x57, 0x45, 0x42, 0x50, 0x56, 0x50, 0x38, 0x4c, 0x0d, 0, 0, 0, 0x2f, 0, 0, 0,
            0x10, 0x07, 0x10, 0x11, 0x11, 0x88, 0x88, 0xfe, 0x07, 0,
        ];
        let kept = clean(&one).unwrap();
        assert_eq!(size_and_corner(&kept).0, 1);
    }
}
