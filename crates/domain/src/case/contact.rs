use serde::{Deserialize, Serialize};
use thiserror::Error;

/// 联系方式 (how the family was spoken to).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContactKind {
    /// 上门家访
    Visit,
    /// 电话
    Phone,
    /// 视频
    Video,
    /// 微信、短信
    Message,
    /// 到校、到村面谈
    Meeting,
}

impl ContactKind {
    /// All of them, the most frequent first.
    pub const ALL: [Self; 5] = [Self::Phone, Self::Visit, Self::Video, Self::Message, Self::Meeting];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Visit => "visit",
            Self::Phone => "phone",
            Self::Video => "video",
            Self::Message => "message",
            Self::Meeting => "meeting",
        }
    }

    /// By its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Visit => "上门家访",
            Self::Phone => "电话",
            Self::Video => "视频",
            Self::Message => "微信、短信",
            Self::Meeting => "到校(村)面谈",
        }
    }

    /// Whether it counts as a home visit.
    pub fn is_visit(self) -> bool {
        self == Self::Visit
    }
}

/// 签字 (how a visit is vouched for).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signed {
    /// 纸质表拍照: a photographed form is a complete visit.
    OnPaper,
    /// 现场签字: parent, school and cadre on the screen.
    OnScreen,
    /// 拒签, with a witness.
    Refused,
    /// 没有见到人: nobody could sign.
    NobodyThere,
}

impl Signed {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::OnPaper, Self::OnScreen, Self::Refused, Self::NobodyThere];

    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::OnPaper => "on-paper",
            Self::OnScreen => "on-screen",
            Self::Refused => "refused",
            Self::NobodyThere => "nobody-there",
        }
    }

    /// By its code.
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::OnPaper => "纸质表已签字并拍照",
            Self::OnScreen => "在手机上签字",
            Self::Refused => "家长拒签",
            Self::NobodyThere => "没有见到人",
        }
    }
}

/// What a record of a visit lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VisitError {
    /// No photo.
    #[error("上门家访请附照片(现场照片,或填好的纸质家访表)")]
    PhotoMissing,
    /// Not said how it was vouched for.
    #[error("上门家访请选择签字情况")]
    SignatureMissing,
    /// Signatures on the screen are not complete.
    #[error("请家长、学校和村(社区)干部三方都签字;家长不签的,选“家长拒签”并写明见证人")]
    SignaturesIncomplete,
    /// A refusal without a witness.
    #[error("家长拒签的,请写明见证人姓名和单位")]
    WitnessMissing,
    /// Nobody was met, and yet there is a word of the family.
    #[error("没有见到人的,联系结果请选“没有见到、没有接通”")]
    NobodyAnswered,
}

/// R-CASE 3: what a contact must have. Only a visit needs photo and signatures; `signatures` are those on the screen.
pub fn check_contact(
    kind: ContactKind,
    photos: usize,
    signed: Option<Signed>,
    signatures: usize,
    witness: &str,
    outcome: &str,
) -> Result<(), VisitError> {
    if !kind.is_visit() {
        return Ok(());
    }
    if photos == 0 {
        return Err(VisitError::PhotoMissing);
    }
    match signed.ok_or(VisitError::SignatureMissing)? {
        Signed::OnScreen if signatures < 3 => Err(VisitError::SignaturesIncomplete),
        Signed::Refused if witness.trim().is_empty() => Err(VisitError::WitnessMissing),
        Signed::NobodyThere if outcome != "not-met" => Err(VisitError::NobodyAnswered),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_visit_needs() {
        use ContactKind::{Phone, Visit};
        for (kind, photos, signed, signatures, witness, outcome, wrong) in [
            (Phone, 0, None, 0, "", "willing", None),
            (Visit, 0, Some(Signed::OnPaper), 0, "", "willing", Some(VisitError::PhotoMissing)),
            (Visit, 1, None, 0, "", "willing", Some(VisitError::SignatureMissing)),
            (Visit, 1, Some(Signed::OnPaper), 0, "", "willing", None),
            (Visit, 1, Some(Signed::OnScreen), 2, "", "willing", Some(VisitError::SignaturesIncomplete)),
            (Visit, 1, Some(Signed::OnScreen), 3, "", "willing", None),
            (Visit, 1, Some(Signed::Refused), 0, " ", "unwilling", Some(VisitError::WitnessMissing)),
            (Visit, 1, Some(Signed::Refused), 0, "村委会主任", "unwilling", None),
            (Visit, 1, Some(Signed::NobodyThere), 0, "", "willing", Some(VisitError::NobodyAnswered)),
            (Visit, 1, Some(Signed::NobodyThere), 0, "", "not-met", None),
        ] {
            assert_eq!(check_contact(kind, photos, signed, signatures, witness, outcome).err(), wrong, "{kind:?} {signed:?}");
        }
        for k in ContactKind::ALL {
            assert_eq!(ContactKind::find(k.code()), Some(k));
        }
        for s in Signed::ALL {
            assert_eq!(Signed::find(s.code()), Some(s));
        }
    }
}
