use super::SchoolYear;

/// 年级 (grade) 1 to 9, as a register names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grade(u8);

const DIGITS: [&str; 9] = ["一", "二", "三", "四", "五", "六", "七", "八", "九"];
/// Grades 7 to 9 by another name.
const JUNIOR: [&str; 3] = ["初一", "初二", "初三"];

/// Where the leavers of a school stand once they have left: at the school still, in no class.
pub fn leavers_step(year: SchoolYear) -> String {
    format!("{}届离校", year.start_year())
}

/// What only the steps of leavers end in.
pub fn leavers_mark() -> &'static str {
    "届离校/"
}

impl Grade {
    /// 三年级, 3年级, 小学三年级, 七年级, 初一, 初中一年级.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(i) = JUNIOR.iter().position(|j| text == *j || text.strip_suffix("年级") == Some(j)) {
            return Some(Self(7 + i as u8));
        }
        let (junior, rest) = match text.strip_prefix("初中") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("小学").unwrap_or(text)),
        };
        let number = rest.strip_suffix("年级")?;
        let n = DIGITS.iter().position(|d| number == *d).map(|i| i as u8 + 1).or_else(|| number.parse().ok())?;
        let n = if junior && n <= 3 { n + 6 } else { n };
        (1..=9).contains(&n).then_some(Self(n))
    }

    /// The number, 1 to 9.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The grade above; grade 9 is the last.
    pub fn next(self) -> Option<Self> {
        (self.0 < 9).then(|| Self(self.0 + 1))
    }

    /// The grade's name, written as another grade's name is: 三年级 like 二年级, 初二 like 初一.
    pub fn named_like(self, other: &str) -> String {
        let n = usize::from(self.0);
        let other = other.trim();
        if JUNIOR.contains(&other) && n >= 7 {
            return JUNIOR[n - 7].to_owned();
        }
        if other.starts_with("初中") && n >= 7 {
            return format!("初中{}年级", DIGITS[n - 7]);
        }
        let head = if other.starts_with("小学") && n <= 6 { "小学" } else { "" };
        let digits = other.trim_start_matches("小学").starts_with(|c: char| c.is_ascii_digit());
        let number = if digits { n.to_string() } else { DIGITS[n - 1].to_owned() };
        format!("{head}{number}年级")
    }

    /// The name of a class in the next grade: 三(1)班 → 四(1)班, 3.1班 → 4.1班, 301班 → 401班, 初一(2)班 → 初二(2)班. A name without its grade
    /// (1班, 2021级1班) stays.
    pub fn promoted_class(self, class: &str) -> String {
        let Some(next) = self.next() else { return class.to_owned() };
        let (from, to) = (usize::from(self.0), usize::from(next.0));
        if from >= 7
            && let Some(rest) = class.strip_prefix(JUNIOR[from - 7])
        {
            return format!("{}{rest}", JUNIOR[to - 7]);
        }
        // 三班 of grade 3 is its third class
        if let Some(rest) = class.strip_prefix(DIGITS[from - 1]).filter(|r| *r != "班") {
            return format!("{}{rest}", DIGITS[to - 1]);
        }
        if let Some(rest) = class.strip_prefix(char::from(b'0' + self.0)) {
            let bare: String = rest.chars().take_while(char::is_ascii_digit).collect();
            // 12班 of grade 1 is the twelfth class, 101班 its first
            let grade_first = bare.len() == 2 || (bare.is_empty() && !rest.starts_with('班') && !rest.is_empty());
            if grade_first {
                return format!("{to}{rest}");
            }
        }
        class.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_by_all_their_names() {
        for (text, n) in [
            ("一年级", Some(1)),
            ("3年级", Some(3)),
            ("小学六年级", Some(6)),
            ("七年级", Some(7)),
            ("初一", Some(7)),
            ("初三年级", Some(9)),
            ("初中二年级", Some(8)),
            ("九年级", Some(9)),
            ("高一", None),
            ("大班", None),
            ("十年级", None),
            ("", None),
        ] {
            assert_eq!(Grade::parse(text).map(Grade::number), n, "{text}");
        }
    }

    #[test]
    fn grades_and_classes_move_up_in_their_own_spelling() {
        for (grade, class, next_grade, next_class) in [
            ("三年级", "三(1)班", "四年级", "四(1)班"),
            ("3年级", "3.1班", "4年级", "4.1班"),
            ("三年级", "301班", "四年级", "401班"),
            ("三年级", "3(2)班", "四年级", "4(2)班"),
            ("一年级", "12班", "二年级", "12班"),
            ("三年级", "3班", "四年级", "3班"),
            ("三年级", "1班", "四年级", "1班"),
            ("三年级", "三班", "四年级", "三班"),
            ("七年级", "2021级1班", "八年级", "2021级1班"),
            ("初一", "初一(2)班", "初二", "初二(2)班"),
            ("初中一年级", "一班", "初中二年级", "一班"),
            ("小学五年级", "五(1)班", "小学六年级", "六(1)班"),
            ("六年级", "六(1)班", "七年级", "七(1)班"),
        ] {
            let g = Grade::parse(grade).unwrap();
            assert_eq!(g.next().unwrap().named_like(grade), next_grade);
            assert_eq!(g.promoted_class(class), next_class, "{grade} {class}");
        }
        assert_eq!(Grade::parse("九年级").unwrap().next(), None);
    }
}
