//! What people see of a child: masked, unless it is their own or was revealed.

use baoxue_domain::access::{Actor, mask_address, mask_id, mask_name, mask_phone};
use baoxue_domain::place::PlacePath;
use baoxue_domain::verdict::{VerdictGroup, VerdictKind};
use baoxue_store::ChildRow;
use rustc_hash::FxHashMap;

use crate::app::clock::civil;
use crate::app::office::OfficeError;
use crate::web::App;

/// A child as a page shows it.
pub struct ChildView {
    pub id: i64,
    pub name: String,
    pub sex: String,
    pub birth_date: String,
    pub national_id: String,
    pub guardian: String,
    pub phone: String,
    pub address: String,
    pub school: String,
    pub class: String,
    pub sources: String,
    pub verdict: &'static str,
    pub verdict_class: &'static str,
    pub since: String,
    pub place: String,
    /// The county that answers for the child, where it is another one.
    pub held_by: String,
    pub gone: bool,
}

/// Whether a person sees a child's name and numbers without asking: a teacher her own class.
pub fn is_own(actor: &Actor, c: &ChildRow) -> bool {
    let school = c.school_path.as_deref().unwrap_or("");
    actor.grants.iter().any(|g| g.role.sees_own_unmasked() && !school.is_empty() && school.starts_with(g.path.as_str()))
}

/// The colour of a verdict goes with its word, never alone.
pub fn verdict_class(kind: Option<VerdictKind>) -> &'static str {
    match kind.map(VerdictKind::group) {
        Some(VerdictGroup::Missing) => "v-missing",
        Some(VerdictGroup::ToVerify) => "v-verify",
        Some(VerdictGroup::Explained) => "v-explained",
        Some(VerdictGroup::InSchool) => "v-in",
        None => "",
    }
}

impl ChildView {
    pub fn new(c: ChildRow, open: bool, trails: &FxHashMap<String, String>) -> Self {
        let p = c.profile;
        let kind = VerdictKind::find(&c.verdict);
        let show = |text: String, mask: fn(&str) -> String| if open { text } else { mask(&text) };
        let held_by =
            c.held_by.as_ref().map(|p| trails.get(p.as_str()).map_or(p.last(), |t| t.rsplit(" › ").next().unwrap_or(t)));
        let place = c.residence_path.as_ref().and_then(|p| trails.get(p)).map(|t| short_place(t)).unwrap_or_default();
        Self {
            id: c.id,
            name: show(p.name, mask_name),
            sex: c.sex.unwrap_or_default(),
            birth_date: c.birth_date.unwrap_or_default(),
            national_id: show(p.national_id, mask_id),
            guardian: show(p.guardian, mask_name),
            phone: show(p.phone, mask_phone),
            address: show(p.address, mask_address),
            school: p.school,
            class: p.class,
            sources: p.sources,
            verdict: kind.map_or("", VerdictKind::label),
            verdict_class: verdict_class(kind),
            since: c.verdict_since,
            held_by: held_by.unwrap_or_default().to_owned(),
            place,
            gone: c.gone_since_run.is_some(),
        }
    }
}

/// Children of a list as a person sees them.
pub async fn of_list(app: &App, actor: &Actor, rows: Vec<ChildRow>) -> Result<Vec<ChildView>, OfficeError> {
    // a list shows where children live, and who answers for them
    let held = rows.iter().filter_map(|c| c.held_by.as_ref().map(PlacePath::as_str));
    let homes = rows.iter().filter_map(|c| c.residence_path.as_deref());
    let trails = app.office.trails(&homes.chain(held).collect::<Vec<_>>()).await?;
    Ok(rows.into_iter().map(|c| (is_own(actor, &c), c)).map(|(open, c)| ChildView::new(c, open, &trails)).collect())
}

/// Names of the places that children's pages speak of.
pub async fn trails_of(app: &App, rows: &[ChildRow]) -> Result<FxHashMap<String, String>, OfficeError> {
    let held = rows.iter().filter_map(|c| c.held_by.as_ref().map(PlacePath::as_str));
    let paths = |c| -> [&Option<String>; 3] {
        let c: &ChildRow = c;
        [&c.residence_path, &c.register_path, &c.school_path]
    };
    let of_rows = rows.iter().flat_map(paths).flatten().map(String::as_str);
    app.office.trails(&of_rows.chain(held).collect::<Vec<_>>()).await
}

/// 柳林镇 › 石桥村: everybody on a list is of one county.
pub fn short_place(trail: &str) -> String {
    let steps: Vec<&str> = trail.split(" › ").collect();
    steps[steps.len().saturating_sub(2)..].join(" › ")
}

/// 2026-11-21 17:05
pub fn when(ms: i64) -> String {
    let t = civil(ms);
    format!("{} {:02}:{:02}", t.date(), t.hour(), t.minute())
}

/// 12,431
pub fn number(n: i64) -> String {
    let digits = n.abs().to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    if n < 0 { format!("-{out}") } else { out }
}

/// A value in an address.
pub fn url_part(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b"-._~/".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_parts_of_addresses() {
        for (n, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (12_431, "12,431"), (1_000_000, "1,000,000"), (-1500, "-1,500")]
        {
            assert_eq!(number(n), text);
        }
        assert_eq!(url_part("g/52/王 a"), "g/52/%E7%8E%8B%20a");
        assert_eq!(when(1_696_737_600_000), "2023-10-08 12:00");
        assert_eq!(short_place("虚构省 › 虚构州 › 青禾县 › 柳林镇 › 石桥村"), "柳林镇 › 石桥村");
        assert_eq!(short_place("青禾县"), "青禾县");
    }
}
