//! 示范县 (the demo county): invented rosters in the shape of a real county, with the truth known.
//!
//! The same pupils, classes and special groups as DOMAIN's county; around them the mistakes that registers make. The area
//! code 5288 is assigned to no place and the telephone numbers begin with 12, which no operator has.

mod attendance;
mod cases;
mod county;
mod errors;
pub mod office;
mod people;
mod places;
mod rosters;

use std::path::Path;

use anyhow::{Context, bail};
use baoxue_domain::verdict::VerdictKind;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use county::Figures;

/// The school year of the demo.
pub const SCHOOL_YEAR: i16 = 2023;
/// Fewest and most pupils that can be asked for.
pub const PUPILS: std::ops::RangeInclusive<u32> = 500..=2_000_000;

/// Places, schools and catchments, in a folder of their own: they are no roster.
pub const PLACES_FILE: &str = "区划/区划学校划片.xlsx";

/// What is true of a child, for tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    pub name: String,
    pub national_id: String,
    pub birth_date: String,
    /// The verdict that perfect matching would give.
    pub verdict: String,
}

/// Writes the county's rosters and the truth.
pub fn write(pupils: u32, seed: u64, out: &Path) -> anyhow::Result<Figures> {
    if !PUPILS.contains(&pupils) {
        bail!("--pupils 应在 {} 与 {} 之间", PUPILS.start(), PUPILS.end());
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let county = county::County::build(pupils);
    let children = people::populate(&county, &mut rng);
    std::fs::create_dir_all(out.join("truth")).with_context(|| format!("无法建立文件夹 {}", out.display()))?;
    rosters::write(&county, &children, &mut rng, out)?;
    let mut csv = csv::Writer::from_path(out.join("truth/truth.csv"))?;
    for c in children.iter().filter(|c| c.verdict != VerdictKind::ReviewNeeded) {
        csv.serialize(Truth {
            name: c.name.clone(),
            national_id: c.national_id.to_string(),
            birth_date: c.birth.to_string(),
            verdict: c.verdict.code().to_owned(),
        })?;
    }
    csv.flush()?;
    std::fs::create_dir_all(out.join("区划"))?;
    std::fs::write(out.join(PLACES_FILE), places::workbook_of(&county)?)?;
    let figures = county.figures(&children);
    std::fs::write(out.join("truth/figures.json"), serde_json::to_string_pretty(&figures)? + "\n")?;
    Ok(figures)
}
