//! Mistakes that clerks make.

use jiff::civil::Date;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::people::names;

/// How often a roster's fields are wrong.
#[derive(Debug, Clone, Copy)]
pub struct Care {
    pub id_wrong: f64,
    pub id_missing: f64,
    pub name_wrong: f64,
    pub birth_wrong: f64,
    pub phone_changed: f64,
}

impl Care {
    pub const GOOD: Care =
        Care { id_wrong: 0.0008, id_missing: 0.0005, name_wrong: 0.001, birth_wrong: 0.0005, phone_changed: 0.1 };
    pub const USUAL: Care =
        Care { id_wrong: 0.004, id_missing: 0.008, name_wrong: 0.01, birth_wrong: 0.003, phone_changed: 0.15 };
    pub const POOR: Care = Care { id_wrong: 0.01, id_missing: 0.03, name_wrong: 0.02, birth_wrong: 0.01, phone_changed: 0.2 };
}

/// A number with a wrong digit, two swapped, or none at all.
pub fn national_id(rng: &mut ChaCha8Rng, id: &str, care: Care) -> String {
    if rng.random_bool(care.id_missing) {
        return String::new();
    }
    if !rng.random_bool(care.id_wrong) {
        return id.to_owned();
    }
    let mut b: Vec<u8> = id.bytes().collect();
    let i = rng.random_range(14..17);
    if rng.random_bool(0.6) {
        b[i] = b'0' + (b[i] - b'0' + rng.random_range(1..10)) % 10;
    } else {
        b.swap(i, i - 1);
    }
    String::from_utf8(b).unwrap_or_default()
}

/// A name with a homophone, a look-alike, another dot, or cut short.
pub fn name(rng: &mut ChaCha8Rng, name: &str, care: Care) -> String {
    if let Some((first, second)) = name.split_once('·') {
        return match rng.random_range(0..10) {
            0 => first.to_owned(),
            1 => format!("{first}•{second}"),
            2 => format!("{first}{second}"),
            _ => name.to_owned(),
        };
    }
    if !rng.random_bool(care.name_wrong) {
        return name.to_owned();
    }
    let table = if rng.random_bool(0.7) { &names().sounds } else { &names().shapes };
    let mut chars: Vec<char> = name.chars().collect();
    for c in chars.iter_mut().skip(1) {
        if let Some(group) = table.split_whitespace().find(|g| g.contains(*c)) {
            let others: Vec<char> = group.chars().filter(|x| x != c).collect();
            *c = others[rng.random_range(0..others.len())];
            break;
        }
    }
    chars.into_iter().collect()
}

/// A birth date with day and month swapped, or a day wrong.
pub fn birth(rng: &mut ChaCha8Rng, date: Date, care: Care) -> Date {
    if !rng.random_bool(care.birth_wrong) {
        return date;
    }
    let swapped = Date::new(date.year(), date.day().min(12), date.month());
    let next = date.tomorrow().unwrap_or(date);
    if date.day() <= 12 && date.day() != date.month() && rng.random_bool(0.5) { swapped.unwrap_or(next) } else { next }
}

/// The telephone of one of the family's adults, or a new one.
pub fn phone(rng: &mut ChaCha8Rng, phone: &str, care: Care) -> String {
    if rng.random_bool(care.phone_changed) { format!("12{:09}", rng.random_range(0..1_000_000_000u32)) } else { phone.to_owned() }
}
