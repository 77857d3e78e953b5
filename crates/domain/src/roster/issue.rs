use serde::Serialize;

use super::Field;

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// 已自动整理: put right without doubt, said for the record.
    Notice,
    /// 待确认: the value is kept; a person should look.
    Confirm,
    /// 未采用: the value is not used; the row is.
    Dropped,
    /// 未载入: the row cannot be used.
    Rejected,
}

impl Severity {
    /// Its Chinese name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Notice => "已整理",
            Self::Confirm => "待确认",
            Self::Dropped => "该值未采用",
            Self::Rejected => "该行未载入",
        }
    }
}

macro_rules! issue_codes {
    ($($variant:ident $code:literal $severity:ident $title:literal),* $(,)?) => {
        /// 问题代码 (kind of problem of a row).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        #[allow(missing_docs, reason = "each code has its Chinese title beside it")]
        pub enum IssueCode { $($variant),* }

        impl IssueCode {
            /// All codes.
            pub const ALL: &'static [IssueCode] = &[$(IssueCode::$variant),*];

            /// Stable code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// How much it matters.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity),* }
            }

            /// What counts and lists call it.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }
        }
    };
}

issue_codes! {
    NoIdentity "no-identity" Rejected "没有姓名,也没有证件号",
    IdDamaged "id-damaged" Dropped "证件号被 Excel 改成数字,末几位已丢失",
    IdShape "id-shape" Dropped "证件号位数或字符不对",
    IdBirthDate "id-birth-date" Dropped "证件号中的出生日期不存在",
    IdCheckDigit "id-check-digit" Confirm "证件号校验位不对",
    IdOfAdult "id-of-adult" Dropped "证件号像是家长的",
    IdMissing "id-missing" Confirm "没有证件号",
    IdRepeated "id-repeated" Confirm "证件号与别的行相同",
    Masked "masked" Dropped "已打码,看不到完整内容",
    BirthMismatch "birth-mismatch" Confirm "出生日期与证件号不一致",
    SexMismatch "sex-mismatch" Confirm "性别与证件号不一致",
    NameMissing "name-missing" Confirm "没有姓名",
    NameShape "name-shape" Confirm "姓名含数字或过长",
    NameOfTwo "name-of-two" Confirm "一格里像是两个人的姓名",
    NamePlaceholder "name-placeholder" Confirm "不是姓名,是代称",
    ClassRestored "class-restored" Notice "班级被写成日期或数字,已还原",
    ClassIncomplete "class-incomplete" Confirm "班级只写了年级",
    DateUnreadable "date-unreadable" Dropped "日期读不懂",
    DateLunar "date-lunar" Confirm "农历日期已换算为公历",
    DateShortYear "date-short-year" Confirm "年份只有两位",
    DateInFuture "date-in-future" Dropped "日期在将来",
    SexUnreadable "sex-unreadable" Dropped "性别读不懂",
    PhoneShape "phone-shape" Dropped "电话号码位数不对",
    SchoolCodeShape "school-code-shape" Confirm "学校标识码不对",
    StudentNumberShape "student-number-shape" Confirm "学籍号不对",
    PlaceCodeShape "place-code-shape" Dropped "行政区划代码不对",
    AgeOutOfRange "age-out-of-range" Confirm "年龄不在 3 至 18 岁之间",
    ExcelError "excel-error" Dropped "单元格是公式错误",
    RemarkInCell "remark-in-cell" Notice "单元格里的括注已移入备注",
    SameAsAbove "same-as-above" Notice "“同上”已换成上一行的内容",
    SchoolUnknown "school-unknown" Confirm "学校不在学校名单中",
    SchoolSpelt "school-spelt" Confirm "学校名称与登记的差一个字,已按登记的学校对应",
    ClassUnknown "class-unknown" Confirm "班级不在学籍名册中",
    CrossField "cross-field" Confirm "两列互相矛盾",
}

/// 行问题 (a problem of a row): where, what, how to mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowIssue {
    /// Number of the sheet in its file, from 0.
    pub sheet: usize,
    /// Row as Excel counts, from 1.
    pub row: usize,
    /// Column from 0, of a problem that has one.
    pub column: Option<usize>,
    /// The field.
    pub field: Option<Field>,
    /// Kind of problem.
    pub code: IssueCode,
    /// Number of the cross-field rule, for [`IssueCode::CrossField`].
    pub rule: Option<&'static str>,
    /// What stood there.
    pub found: String,
    /// The whole sentence in Chinese.
    pub message: String,
}

impl RowIssue {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}
