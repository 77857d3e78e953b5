//! 依法文书 (legal papers): issued on paper and stamped by the office; what was issued, served and answered is kept with the file.

use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::case::{CaseState, CaseStep, Issuer, check_day, codes, find, paper};
use baoxue_domain::place::PlacePath;
use baoxue_store::{NewEvent, NewPaper, PaperDetail};

use super::opening::{MAX_LINE, MAX_TEXT, day_of, text_of};
use super::work::Seen;
use crate::app::office::{Office, OfficeError, Result};

/// What follows when persuasion has failed.
const AFTER_PERSUASION: [&str; 3] = ["order", "send", "press"];
/// Levels of the path of a town and of a county.
const TOWN: usize = 4;
const COUNTY: usize = 3;

/// A paper, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct Issuing<'a> {
    pub kind: &'a str,
    pub number: &'a str,
    pub issued_on: &'a str,
    pub due_on: &'a str,
    pub served_on: &'a str,
    pub service: &'a str,
    pub detail: PaperDetail,
}

fn detail_of(d: &PaperDetail) -> Result<PaperDetail> {
    Ok(PaperDetail {
        recipient: text_of("recipient", &d.recipient, MAX_LINE)?,
        facts: text_of("facts", &d.facts, MAX_TEXT)?,
        server: text_of("server", &d.server, MAX_LINE)?,
        witness: text_of("witness", &d.witness, MAX_LINE)?,
        result: text_of("result", &d.result, MAX_TEXT)?,
    })
}

/// Whether a unit may issue a paper of a kind. (R-CASE 3)
pub fn may_issue(issuer: Issuer, unit: &PlacePath) -> bool {
    let (government, depth) = (unit.is_government(), unit.depth());
    match issuer {
        Issuer::Any => true,
        Issuer::Town => government && (depth == TOWN || depth == COUNTY),
        Issuer::Bureau => government && depth == COUNTY,
    }
}

impl Office {
    /// The unit in whose name an actor issues papers: the largest place in which she works.
    fn issuing_unit(&self, actor: &Actor, s: &Seen) -> Result<PlacePath> {
        if s.relation.decides
            && let Some(county) = PlacePath::parse(&s.case.scope_path)
        {
            return Ok(county);
        }
        let own = actor.places(Action::WorkCase)?;
        own.iter().min_by_key(|p| p.depth()).cloned().ok_or(OfficeError::NotFound)
    }

    /// Writes down a paper that was issued.
    pub async fn issue_paper(&self, actor: &Actor, id: i64, version: i64, i: &Issuing<'_>) -> Result<()> {
        let s = self.seen_case(actor, id, Some(version)).await?;
        s.relation.ask_record()?;
        let kind = paper(i.kind).ok_or_else(|| OfficeError::field("kind", "请选择文书种类"))?;
        let unit = self.issuing_unit(actor, &s)?;
        if !may_issue(kind.issuer, &unit) {
            let who = match kind.issuer {
                Issuer::Bureau => "县教育局",
                _ => "乡镇政府或县教育局",
            };
            return Err(OfficeError::field("kind", format!("《{}》由{who}制发,本单位不能登记", kind.label)));
        }
        if kind.issuer != Issuer::Any && AFTER_PERSUASION.contains(&kind.code.as_str()) && s.case.facts.state != CaseState::Legal
        {
            return Err(OfficeError::field("kind", format!("《{}》在转入依法控辍以后制发", kind.label)));
        }
        let typed = text_of("number", i.number, MAX_LINE)?;
        let issued = day_of("issued_on", i.issued_on)?.ok_or_else(|| OfficeError::field("issued_on", "请填写签发日期"))?;
        check_day(issued, s.case.opened_on, self.clock.today()).map_err(|e| OfficeError::field("issued_on", e.to_string()))?;
        let served = self.served(i.served_on, i.service, issued)?;
        let due = day_of("due_on", i.due_on)?;
        if due.is_some_and(|d| d < issued) {
            return Err(OfficeError::field("due_on", "限期不能早于签发日期"));
        }
        let detail = detail_of(&i.detail)?;
        if detail.recipient.contains('*') {
            return Err(OfficeError::field("recipient", "请写受送达人的完整姓名"));
        }
        if detail.recipient.is_empty() {
            return Err(OfficeError::field("recipient", "请填写受送达人(父母或者其他监护人),一人一份"));
        }
        let head = self.number_head(&unit, &kind.mark).await?;
        let mut tx = self.store.begin().await?;
        // taken in the transaction that saves the paper: two clerks at once get neither one number nor a gap
        let number = match typed.is_empty() {
            true => loop {
                let n = tx.next_number(unit.as_str(), &format!("paper:{}", kind.code), i64::from(issued.year())).await?;
                let number = format!("{head}〔{}〕{n}号", issued.year());
                if !tx.paper_number_used(unit.as_str(), &kind.code, &number).await? {
                    break number;
                }
            },
            false if tx.paper_number_used(unit.as_str(), &kind.code, &typed).await? => {
                return Err(OfficeError::field("number", format!("文号“{typed}”本单位已经用过;空着就由系统编下一个")));
            }
            false => typed,
        };
        let new = NewPaper {
            kind: &kind.code,
            number: &number,
            issued_on: issued,
            unit: unit.as_str(),
            due_on: due,
            served_on: served.map(|s| s.0),
            service: served.map(|s| s.1),
            detail: &detail,
            at: self.now(),
            by: actor.account,
        };
        let said = format!("《{}》{number},{issued} 签发", kind.label);
        let e = NewEvent::by(CaseStep::Paper.code(), &said, actor.account, self.now());
        tx.add_paper(&self.store, id, &new).await?;
        self.take_on(&mut tx, &s, CaseStep::Paper, &e, self.clock.today()).await?;
        self.audit(&mut tx, actor, Deed::StepCase, &format!("case:{id}"), &kind.label).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What a unit's numbers of a kind begin with: 青教责, 柳林镇责.
    async fn number_head(&self, unit: &PlacePath, mark: &str) -> Result<String> {
        let own = match unit.is_government() && unit.depth() == COUNTY {
            true => self.policy(Some(unit)).await?.paper_mark,
            false => self.store.place_names(&[unit.as_str()]).await?.remove(unit.as_str()).unwrap_or_default(),
        };
        Ok(format!("{own}{mark}"))
    }

    /// 作废: a paper that was not served counts for nothing; its number stays with it.
    pub async fn void_paper(&self, actor: &Actor, id: i64, of: i64, why: &str) -> Result<()> {
        let s = self.seen_case(actor, id, None).await?;
        s.relation.ask_record()?;
        let known = self.store.papers_of(&s.case).await?.into_iter().find(|p| p.id == of).ok_or(OfficeError::NotFound)?;
        let unit = PlacePath::parse(&known.unit_path).ok_or(OfficeError::NotFound)?;
        if self.issuing_unit(actor, &s)? != unit {
            return Err(OfficeError::Input("文书由制发单位作废".into()));
        }
        let why = text_of("why", why, MAX_LINE)?;
        if why.is_empty() {
            return Err(OfficeError::field("why", "请写明作废的原因"));
        }
        let label = paper(&known.kind).map_or("", |p| p.label.as_str());
        let said = format!("《{label}》{} 作废:{why}", known.number);
        let e = NewEvent::by(CaseStep::Paper.code(), &said, actor.account, self.now());
        let mut tx = self.store.begin().await?;
        if !tx.void_paper(id, of, self.now()).await? {
            return Err(OfficeError::Conflict("这份文书已经送达或作废;已送达的不能作废,请另行制发".into()));
        }
        self.take_on(&mut tx, &s, CaseStep::Paper, &e, self.clock.today()).await?;
        self.audit(&mut tx, actor, Deed::StepCase, &format!("case:{id}"), "文书作废").await?;
        tx.commit().await?;
        Ok(())
    }

    fn served<'a>(&self, on: &str, how: &'a str, issued: jiff::civil::Date) -> Result<Option<(jiff::civil::Date, &'a str)>> {
        let Some(day) = day_of("served_on", on)? else { return Ok(None) };
        check_day(day, issued, self.clock.today())
            .map_err(|_| OfficeError::field("served_on", "送达日期应在签发之后、今天之前"))?;
        if find(&codes().service, how).is_none() {
            return Err(OfficeError::field("service", "请选择送达方式"));
        }
        Ok(Some((day, how)))
    }

    /// 送达和结果: when and how a paper was served, and what came of it.
    pub async fn serve_paper(&self, actor: &Actor, id: i64, of: i64, on: &str, how: &str, d: &PaperDetail) -> Result<()> {
        let s = self.seen_case(actor, id, None).await?;
        s.relation.ask_record()?;
        let known =
            self.store.papers_of(&s.case).await?.into_iter().find(|p| p.id == of && !p.void).ok_or(OfficeError::NotFound)?;
        let served = self.served(on, how, known.issued_on)?;
        let d = detail_of(d)?;
        let keep = |new: String, old: String| if new.is_empty() { old } else { new };
        let old = known.detail;
        let detail = PaperDetail {
            recipient: old.recipient,
            facts: old.facts,
            server: keep(d.server, old.server),
            witness: keep(d.witness, old.witness),
            result: keep(d.result, old.result),
        };
        let how = served.map(|s| format!("{} 送达", s.0)).unwrap_or_default();
        let said = format!("《{}》{} {how}{}", paper(&known.kind).map_or("", |p| p.label.as_str()), known.number, detail.result);
        let e = NewEvent::by(CaseStep::Paper.code(), said.trim(), actor.account, self.now());
        let mut tx = self.store.begin().await?;
        tx.serve_paper(&self.store, id, of, served, &detail).await?;
        self.take_on(&mut tx, &s, CaseStep::Paper, &e, self.clock.today()).await?;
        self.audit(&mut tx, actor, Deed::StepCase, &format!("case:{id}"), "文书送达").await?;
        tx.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_issues_what() {
        let p = |s: &str| PlacePath::parse(s).unwrap();
        let (bureau, town, village, school) =
            (p("g/52/5288/528801/"), p("g/52/5288/528801/a/"), p("g/52/5288/528801/a/b/"), p("e/528801/1/"));
        for (kind, unit, may) in [
            ("urge", &school, true),
            ("urge", &village, true),
            ("order", &town, true),
            ("order", &bureau, true),
            ("order", &village, false),
            ("order", &school, false),
            ("send", &town, false),
            ("send", &bureau, true),
            ("referral", &town, true),
        ] {
            assert_eq!(may_issue(paper(kind).unwrap().issuer, unit), may, "{kind} {unit}");
        }
    }
}
