//! The children, what is true of each, and on which registers they stand.

use std::sync::LazyLock;

use baoxue_domain::person::{NationalId, Sex};
use baoxue_domain::verdict::VerdictKind;
use jiff::ToSpan;
use jiff::civil::{Date, date};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::SCHOOL_YEAR;
use super::county::County;

#[derive(Deserialize)]
pub struct Names {
    surnames: String,
    boys: String,
    girls: String,
    dotted_first: Vec<String>,
    dotted_second: Vec<String>,
    towns: Vec<String>,
    villages: Vec<String>,
    pub sounds: String,
    pub shapes: String,
}

pub fn names() -> &'static Names {
    static NAMES: LazyLock<Names> = LazyLock::new(|| {
        toml::from_str(include_str!("../../../../../reference/demo_names.toml")).expect("the file is part of the program")
    });
    &NAMES
}

pub fn towns() -> &'static [String] {
    &names().towns
}

pub fn villages() -> &'static [String] {
    &names().villages
}

/// A household.
#[derive(Debug, Clone)]
pub struct Family {
    pub number: u32,
    pub surname: char,
    pub dotted: Option<String>,
    pub adults: [String; 3],
    pub phones: [String; 3],
    pub town: usize,
    pub village: usize,
    pub door: (u32, u32),
    pub poor: bool,
}

impl Family {
    pub fn address(&self) -> String {
        format!("青禾县{}{}村{}组{}号", towns()[self.town], villages()[self.village], self.door.0, self.door.1)
    }

    pub fn place_code(&self) -> String {
        format!("528801{:03}{:03}", 100 + self.town, 200 + self.village)
    }
}

/// A child and the registers it stands on.
#[derive(Debug, Clone)]
pub struct Child {
    pub name: String,
    pub sex: Sex,
    pub birth: Date,
    pub national_id: NationalId,
    pub family: Family,
    /// Place in the list of classes.
    pub class: Option<usize>,
    pub verdict: VerdictKind,
    pub left_behind: bool,
    pub migrant: bool,
    pub home_taught: bool,
    pub disabled: bool,
    pub six_and_disabled: bool,
    pub on: Registers,
    pub register_status: &'static str,
    pub student_state: &'static str,
    pub present: bool,
}

/// On which rosters a child stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Registers {
    pub household: bool,
    pub student: bool,
    pub second_student: bool,
    pub in_school: bool,
    pub births: bool,
    pub poverty: bool,
    pub disability: bool,
    pub postponed: bool,
    pub cleared: bool,
    pub exam: bool,
    pub kindergarten: bool,
    pub last_year: bool,
}

fn pick<'a, T>(rng: &mut ChaCha8Rng, items: &'a [T]) -> &'a T {
    &items[rng.random_range(0..items.len())]
}

struct Maker<'a> {
    rng: &'a mut ChaCha8Rng,
    family: Option<(Family, u32)>,
    families: u32,
    serial: std::collections::HashMap<(usize, Date), u32>,
}

impl Maker<'_> {
    fn adult(&mut self, surname: char, female: bool) -> String {
        let n = names();
        let pool: Vec<char> = if female { &n.girls } else { &n.boys }.chars().collect();
        let mut out = surname.to_string();
        out.push(*pick(self.rng, &pool));
        if self.rng.random_bool(0.6) {
            out.push(*pick(self.rng, &pool));
        }
        out
    }

    fn family(&mut self) -> Family {
        if let Some((f, left)) = self.family.take_if(|f| f.1 > 0).map(|(f, left)| (f, left - 1)) {
            self.family = Some((f.clone(), left));
            return f;
        }
        let n = names();
        let surnames: Vec<char> = n.surnames.chars().collect();
        // common surnames are common
        let i = self.rng.random_range(0..surnames.len()).min(self.rng.random_range(0..surnames.len()));
        let (surname, other) = (surnames[i], *pick(self.rng, &surnames));
        self.families += 1;
        let mut phone = || format!("12{:09}", self.rng.random_range(0..1_000_000_000u32));
        let phones = [phone(), phone(), phone()];
        let adults = [self.adult(surname, false), self.adult(other, true), self.adult(surname, false)];
        let f = Family {
            number: self.families,
            surname,
            dotted: self.rng.random_bool(0.06).then(|| pick(self.rng, &n.dotted_second).clone()),
            adults,
            phones,
            town: self.rng.random_range(0..n.towns.len()),
            village: self.rng.random_range(0..n.villages.len()),
            door: (self.rng.random_range(1..13), self.rng.random_range(1..120)),
            poor: self.rng.random_bool(0.08),
        };
        let siblings = [0, 0, 0, 1, 1, 2][self.rng.random_range(0..6)];
        self.family = Some((f.clone(), siblings));
        f
    }

    /// A child of a grade (1 to 9); grade 0 is the year before school.
    fn child(&mut self, grade: u8, verdict: VerdictKind) -> Child {
        let family = self.family();
        let first_day = date(SCHOOL_YEAR - 6 - i16::from(grade) + 1 - 1, 9, 1);
        let mut birth = first_day.checked_add(self.rng.random_range(0..365).days()).unwrap_or(first_day);
        // a few entered late or repeat a year
        if grade > 1 && self.rng.random_bool(0.02) {
            birth = birth.checked_sub(1.year()).unwrap_or(birth);
        }
        let sex = if self.rng.random_bool(0.52) { Sex::Male } else { Sex::Female };
        let n = names();
        let pool: Vec<char> = if sex == Sex::Male { &n.boys } else { &n.girls }.chars().collect();
        let name = match &family.dotted {
            Some(second) => format!("{}·{second}", pick(self.rng, &n.dotted_first)),
            None => {
                let mut s = family.surname.to_string();
                s.push(*pick(self.rng, &pool));
                if self.rng.random_bool(0.85) {
                    s.push(*pick(self.rng, &pool));
                }
                s
            }
        };
        let national_id = self.number(&family, birth, sex);
        Child {
            name,
            sex,
            birth,
            national_id,
            class: None,
            verdict,
            left_behind: false,
            migrant: false,
            home_taught: false,
            disabled: false,
            six_and_disabled: false,
            on: Registers { household: true, births: self.rng.random_bool(0.9), poverty: family.poor, ..Registers::default() },
            family,
            register_status: "在册",
            student_state: "在读",
            present: true,
        }
    }

    fn number(&mut self, family: &Family, birth: Date, sex: Sex) -> NationalId {
        let area = 528_801 + family.town % 10;
        let serial = self.serial.entry((family.town % 10, birth)).or_default();
        *serial += 1;
        let sequence = (*serial * 2 + u32::from(sex == Sex::Male)) % 1000;
        let text = format!("{area:06}{:04}{:02}{:02}{sequence:03}", birth.year(), birth.month(), birth.day());
        NationalId::complete(&text).expect("seventeen digits with a birth date that exists")
    }
}

/// How many children of each other kind the real-size county has beside its pupils in class.
const OTHERS: [(VerdictKind, u32); 15] = [
    (VerdictKind::EnrolledNotPresent, 35),
    (VerdictKind::RecordWithoutChild, 12),
    (VerdictKind::HomeTaught, 34),
    (VerdictKind::Suspended, 20),
    (VerdictKind::Postponed, 15),
    (VerdictKind::EnrolledElsewhere, 160),
    (VerdictKind::MovedOut, 380),
    (VerdictKind::Deceased, 12),
    (VerdictKind::UnregisteredUnseen, 40),
    (VerdictKind::RecordedDropout, 7),
    (VerdictKind::PoorNotEnrolled, 9),
    (VerdictKind::DisabledNotPlaced, 5),
    (VerdictKind::NeverEnrolled, 14),
    // empty household entries look the same to any register
    (VerdictKind::HouseholdNoRecord, 48),
    // below school age: on registers, in no verdict
    (VerdictKind::ReviewNeeded, 3_900),
];

/// All children, deterministic for a seed.
pub fn populate(county: &County, rng: &mut ChaCha8Rng) -> Vec<Child> {
    let mut m = Maker { rng, family: None, families: 0, serial: std::collections::HashMap::new() };
    let mut out = Vec::new();
    for (i, class) in county.classes.iter().enumerate() {
        for _ in 0..class.pupils {
            let mut c = m.child(class.grade, VerdictKind::EnrolledPresent);
            c.class = Some(i);
            c.on.student = true;
            c.on.in_school = true;
            c.on.kindergarten = class.grade == 1;
            c.on.last_year = class.grade == 7;
            c.on.exam = class.grade == 9;
            out.push(c);
        }
    }
    let pupils = out.len();
    // spread evenly over all pupils: every k-th, from different starts, so that groups do not lie on one another
    let mut every = |n: u32, start: usize, of: &dyn Fn(&Child) -> bool, change: &mut dyn FnMut(&mut Child)| {
        let able: Vec<usize> = (0..pupils).filter(|i| of(&out[*i])).collect();
        let n = (n as usize).min(able.len());
        for k in 0..n {
            let i = able[(k * able.len() / n + start) % able.len()];
            change(&mut out[i]);
        }
    };
    every(county.left_behind, 3, &|_| true, &mut |c| c.left_behind = true);
    every(county.migrant, 11, &|c| !c.left_behind, &mut |c| c.migrant = true);
    let plain = |c: &Child| c.verdict == VerdictKind::EnrolledPresent && !c.migrant;
    every(county.migrant * 6 / 10, 0, &|c| c.migrant, &mut |c| {
        c.verdict = VerdictKind::RecordNoHousehold;
        c.on.household = false;
        c.on.births = false;
        c.on.poverty = false;
    });
    every(county.count(180), 5, &|c| plain(c) && (c.on.kindergarten || c.on.last_year), &mut |c| {
        c.verdict = VerdictKind::RecordPending;
        c.on.student = false;
    });
    every(county.count(40), 7, &plain, &mut |c| {
        c.verdict = VerdictKind::DoubleRecord;
        c.on.second_student = true;
    });
    every(county.count(120), 13, &plain, &mut |c| {
        c.disabled = true;
        c.on.disability = true;
    });
    let mut six = 0;
    for (verdict, n) in OTHERS {
        for k in 0..county.count(n) {
            let grade = match verdict {
                VerdictKind::NeverEnrolled | VerdictKind::Postponed => 1,
                VerdictKind::ReviewNeeded => 0,
                VerdictKind::HouseholdNoRecord | VerdictKind::PoorNotEnrolled => 2 + (k % 8) as u8,
                _ => 1 + (k % 9) as u8,
            };
            let mut c = m.child(grade, verdict);
            place(&mut c, verdict, k);
            if c.on.disability && six < county.count(24) && grade == 1 {
                c.six_and_disabled = true;
                six += 1;
            }
            out.push(c);
        }
    }
    // six-year-olds on the disability list who are in class
    let grade_one: Vec<usize> = (0..pupils)
        .filter(|i| out[*i].on.kindergarten && !out[*i].disabled && out[*i].verdict == VerdictKind::EnrolledPresent)
        .collect();
    for i in grade_one.into_iter().rev().take(county.count(24).saturating_sub(six) as usize) {
        out[i].disabled = true;
        out[i].on.disability = true;
        out[i].six_and_disabled = true;
    }
    out
}

/// Registers of a child who is not in class.
fn place(c: &mut Child, verdict: VerdictKind, k: u32) {
    let grade_row = |c: &mut Child| c.class = None;
    grade_row(c);
    c.on.poverty = false;
    match verdict {
        VerdictKind::EnrolledNotPresent => {
            c.on.student = true;
            // half of them stand on the roll as absent, half not at all
            c.on.in_school = k % 2 == 0;
            c.present = false;
        }
        VerdictKind::RecordWithoutChild => {
            c.on.student = true;
            c.on.household = false;
            c.on.births = false;
        }
        VerdictKind::HomeTaught => {
            c.home_taught = true;
            c.disabled = true;
            c.on.student = true;
            c.on.disability = true;
        }
        VerdictKind::Suspended => {
            c.on.student = true;
            c.student_state = "休学";
        }
        VerdictKind::Postponed => c.on.postponed = true,
        VerdictKind::EnrolledElsewhere => c.on.cleared = true,
        VerdictKind::MovedOut => c.register_status = "迁出",
        VerdictKind::Deceased => c.register_status = "死亡注销",
        VerdictKind::UnregisteredUnseen => {
            c.on.household = false;
            c.on.births = true;
        }
        VerdictKind::RecordedDropout => {
            c.on.student = true;
            c.student_state = "流失";
        }
        VerdictKind::PoorNotEnrolled => {
            c.on.poverty = true;
            c.family.poor = true;
        }
        VerdictKind::DisabledNotPlaced => {
            c.disabled = true;
            c.on.disability = true;
        }
        VerdictKind::NeverEnrolled => c.on.kindergarten = k % 2 == 0,
        _ => {}
    }
}
