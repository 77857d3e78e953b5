//! 人工认定 (clerical review): two rows side by side, and what a person says of them.

use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::place::PlacePath;
use baoxue_domain::roster::{Field, RosterRow, SourceKind};
use baoxue_linkage::differing_chars;
use baoxue_store::{Decision, DecisionFilter, ReviewPair, Side};

use crate::app::office::{Office, OfficeError, Result};
use crate::app::roster::kept;

/// Decisions that a list reads: a county decides some hundreds a year.
const MAX_DECISIONS: i64 = 20_000;

/// A field of two rows, cut where they differ.
pub struct Compared {
    pub heading: &'static str,
    pub left: Vec<Piece>,
    pub right: Vec<Piece>,
    /// 相同, 第 9 位不同…; empty where one side has nothing.
    pub says: String,
}

/// A piece of a value.
pub struct Piece {
    pub text: String,
    pub differs: bool,
}

/// A pair on the screen.
pub struct SideBySide {
    pub pair: ReviewPair,
    pub left_source: &'static str,
    pub left_place: String,
    pub right_source: &'static str,
    pub right_place: String,
    pub fields: Vec<Compared>,
    /// In words: 很像, 较像, 有些像.
    pub likeness: &'static str,
}

fn pieces(text: &str, differing: &[usize]) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    for (i, c) in text.chars().enumerate() {
        let differs = differing.contains(&i);
        match out.last_mut() {
            Some(p) if p.differs == differs => p.text.push(c),
            _ => out.push(Piece { text: c.to_string(), differs }),
        }
    }
    out
}

fn compared(heading: &'static str, left: String, right: String) -> Option<Compared> {
    if left.is_empty() && right.is_empty() {
        return None;
    }
    // what each register says of its own matters is no evidence for or against
    if matches!(heading, "状态" | "学校班级") {
        return Some(Compared { heading, left: pieces(&left, &[]), right: pieces(&right, &[]), says: String::new() });
    }
    let places = differing_chars(&left, &right);
    let says = if left.is_empty() || right.is_empty() {
        "一方没有".to_owned()
    } else if left == right {
        "相同".to_owned()
    } else if left.chars().count() == right.chars().count() && places.len() <= 3 {
        let numbers: Vec<String> = places.iter().map(|p| (p + 1).to_string()).collect();
        format!("第 {} 位不同", numbers.join("、"))
    } else {
        "不同".to_owned()
    };
    let both = !left.is_empty() && !right.is_empty();
    let mark = |text: &str| -> Vec<Piece> {
        if !both {
            return pieces(text, &[]);
        }
        let of: Vec<usize> = if left.chars().count() == right.chars().count() {
            places.clone()
        } else {
            let other: Vec<char> = if text == left { right.chars().collect() } else { left.chars().collect() };
            text.chars().enumerate().filter(|(_, c)| !other.contains(c)).map(|(i, _)| i).collect()
        };
        pieces(text, &of)
    };
    Some(Compared { heading, left: mark(&left), right: mark(&right), says })
}

fn values(r: &RosterRow) -> Vec<(&'static str, String)> {
    let get = |fields: &[Field]| fields.iter().filter_map(|f| r.get(*f)).collect::<Vec<_>>().join(" ");
    vec![
        ("姓名", r.name.clone().unwrap_or_default()),
        ("曾用名", get(&[Field::FormerName])),
        ("身份证件号", r.id_text().to_owned()),
        ("性别", r.sex.map_or(String::new(), |s| s.label().into())),
        ("出生日期", r.birth_date.map_or(String::new(), |d| d.to_string())),
        ("家长", r.family_adult().unwrap_or("").to_owned()),
        ("电话", r.family_phone().unwrap_or("").to_owned()),
        ("地址", r.any_address().unwrap_or("").to_owned()),
        ("学校班级", get(&[Field::SchoolName, Field::Grade, Field::Class])),
        ("状态", get(&[Field::StudentState, Field::RegisterStatus, Field::Present])),
    ]
}

/// 逐项证据 (evidence by field): in what a row agrees with the most trusted row of its child, and in what not. Where one of them says
/// nothing there is no evidence.
pub fn evidence(base: &RosterRow, row: &RosterRow) -> Vec<(String, bool)> {
    values(base)
        .into_iter()
        .zip(values(row))
        .filter_map(|((heading, l), (_, r))| compared(heading, l, r))
        .filter(|c| !c.says.is_empty() && c.says != "一方没有")
        .map(|c| (format!("{}{}", c.heading, c.says), c.says == "相同"))
        .collect()
}

impl Office {
    /// A pair with both rows.
    pub async fn side_by_side(&self, actor: &Actor, run: i64, pair: i64) -> Result<SideBySide> {
        let area = self.area(actor, Action::DecideReview)?;
        self.store.run(area.as_str(), run).await?.ok_or(OfficeError::NotFound)?;
        let pair = self.store.review_pair(run, pair).await?.ok_or(OfficeError::NotFound)?;
        let mut rows = Vec::new();
        for (_, fingerprint, batch) in [&pair.left, &pair.right] {
            let batch = self.store.batch(area.as_str(), *batch).await?.ok_or(OfficeError::NotFound)?;
            let (store, key) = (self.store.clone(), kept::key_of(fingerprint));
            let found = tokio::task::spawn_blocking(move || kept::find(&store, &batch.roster, key).map(|r| (r, batch.file_name)));
            let (row, file) = found.await.map_err(|_| OfficeError::NotFound)?.map_err(crate::app::roster::staging::input)?;
            rows.push((row.ok_or(OfficeError::NotFound)?, file));
        }
        let place = |(row, file): &(kept::KeptRow, String)| format!("{file} 第 {} 行", row.row.row);
        let label = |s: &str| SourceKind::find(s).map_or("", SourceKind::label);
        let fields = values(&rows[0].0.row)
            .into_iter()
            .zip(values(&rows[1].0.row))
            .filter_map(|((heading, l), (_, r))| compared(heading, l, r))
            .collect();
        let likeness = match pair.probability_ppm {
            500_000.. => "很像",
            300_000.. => "较像",
            _ => "有些像",
        };
        Ok(SideBySide {
            left_source: label(&pair.left.0),
            left_place: place(&rows[0]),
            right_source: label(&pair.right.0),
            right_place: place(&rows[1]),
            fields,
            likeness,
            pair,
        })
    }

    /// Decides a pair: `same`, `different` or `ask`.
    pub async fn decide(&self, actor: &Actor, run: i64, pair: i64, judgement: &str) -> Result<()> {
        let area = self.area(actor, Action::DecideReview)?;
        self.store.run(area.as_str(), run).await?.ok_or(OfficeError::NotFound)?;
        let pair = self.store.review_pair(run, pair).await?.ok_or(OfficeError::NotFound)?;
        let word = match judgement {
            "same" => "同一人",
            "different" => "不是同一人",
            "ask" => "待问",
            _ => return Err(OfficeError::Input("请选“同一人”“不是同一人”或“待问”".into())),
        };
        let sides = self.sides_of(&area, &pair).await?;
        let mut tx = self.store.begin().await?;
        if !tx.decide(&self.store, area.as_str(), &pair, &sides, judgement, self.now(), actor.account).await? {
            return Err(OfficeError::Conflict("这一对刚由别人认定过,已为您跳到下一对".into()));
        }
        self.audit(&mut tx, actor, Deed::DecideReview, &format!("pair:{}", pair.id), word).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes a decision back, at any time: the next comparison no longer goes by it.
    pub async fn undo_decision(&self, actor: &Actor, decision: i64) -> Result<()> {
        let area = self.area(actor, Action::DecideReview)?;
        let mut tx = self.store.begin().await?;
        if !tx.undo_decision(area.as_str(), decision, self.now(), actor.account).await? {
            return Err(OfficeError::Conflict("这条认定不存在,或已经撤回".into()));
        }
        self.audit(&mut tx, actor, Deed::UndoReview, &format!("decision:{decision}"), "").await?;
        tx.commit().await?;
        Ok(())
    }

    /// Decisions with their rows, the newest first; of those of earlier releases as far as their rows are still kept.
    pub async fn decisions(&self, actor: &Actor, filter: DecisionFilter) -> Result<Vec<Decision>> {
        let area = self.area(actor, Action::DecideReview)?;
        let mut all = self.store.decisions(area.as_str(), filter, MAX_DECISIONS).await?;
        for d in all.iter_mut().filter(|d| d.sides.is_none()) {
            let Some([left, right]) = self.store.rows_of_decision(d).await? else { continue };
            let sides =
                [self.side_of(&area, &left.0, &d.left, left.1).await?, self.side_of(&area, &right.0, &d.right, right.1).await?];
            d.sides = Some(sides);
        }
        Ok(all)
    }

    async fn sides_of(&self, area: &PlacePath, pair: &ReviewPair) -> Result<[Side; 2]> {
        let (l, r) = (&pair.left, &pair.right);
        Ok([self.side_of(area, &l.0, &l.1, l.2).await?, self.side_of(area, &r.0, &r.1, r.2).await?])
    }

    /// A row as a decision remembers it; without a name where it is no longer kept.
    async fn side_of(&self, area: &PlacePath, source: &str, fingerprint: &str, batch: i64) -> Result<Side> {
        let empty = Side { source: source.to_owned(), batch, ..Side::default() };
        let Some(b) = self.store.batch(area.as_str(), batch).await? else { return Ok(empty) };
        let (store, key) = (self.store.clone(), kept::key_of(fingerprint));
        let found =
            tokio::task::spawn_blocking(move || kept::find(&store, &b.roster, key).ok().flatten().map(|r| (r, b.file_name)));
        let Some((row, file)) = found.await.map_err(|_| OfficeError::NotFound)? else { return Ok(empty) };
        Ok(Side {
            place: format!("{file} 第 {} 行", row.row.row),
            name: row.row.name.unwrap_or_default(),
            birth_date: row.row.birth_date.map(|d| d.to_string()).unwrap_or_default(),
            ..empty
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_marked() {
        let c = compared("身份证件号", "528801201503022517".into(), "528801201508022517".into()).unwrap();
        assert_eq!(c.says, "第 12 位不同");
        let marked: Vec<&str> = c.left.iter().filter(|p| p.differs).map(|p| p.text.as_str()).collect();
        assert_eq!(marked, ["3"]);
        assert_eq!(compared("姓名", "王浩".into(), String::new()).unwrap().says, "一方没有");
        assert!(compared("姓名", String::new(), String::new()).is_none());
        assert!(compared("状态", "在册".into(), "是".into()).unwrap().left.iter().all(|p| !p.differs));
        let row = |name: &str, birth| RosterRow { name: Some(name.into()), birth_date: Some(birth), ..RosterRow::default() };
        let day = |d| jiff::civil::date(2015, 3, d);
        assert_eq!(
            evidence(&row("王浩然", day(2)), &row("王昊然", day(2))),
            [("姓名第 2 位不同".to_owned(), false), ("出生日期相同".to_owned(), true)]
        );
        let c = compared("姓名", "阿依古丽·买买提".into(), "阿依古丽".into()).unwrap();
        assert_eq!(c.says, "不同");
        assert!(c.right.iter().all(|p| !p.differs));
        assert_eq!(c.left.iter().filter(|p| p.differs).map(|p| p.text.as_str()).collect::<String>(), "·买买提");
    }
}
