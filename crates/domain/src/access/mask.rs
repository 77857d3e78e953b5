/// 王*然: first and last character; of two, the first.
pub fn mask_name(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    match chars.as_slice() {
        [] => String::new(),
        [one] => one.to_string(),
        [first, _] => format!("{first}*"),
        [first, middle @ .., last] => format!("{first}{}{last}", "*".repeat(middle.len().min(3))),
    }
}

/// `5288**************`: the prefecture. The birth date stands beside it, so that any further digit would lead to the number: its check
/// digit leaves one of eleven, and the last but one tells the sex.
pub fn mask_id(id: &str) -> String {
    ends(id, 4, 0)
}

/// 138****2231.
pub fn mask_phone(phone: &str) -> String {
    ends(phone, 3, 4)
}

/// Down to the village; the house is left out.
pub fn mask_address(address: &str) -> String {
    let village = ["村", "社区", "居委会"].iter().filter_map(|w| address.find(w).map(|i| i + w.len())).min();
    match village {
        Some(end) if end < address.len() => format!("{}***", &address[..end]),
        Some(_) => address.to_owned(),
        None => {
            let n = address.chars().count();
            let shown: String = address.chars().take(n / 2).collect();
            if n == 0 { shown } else { format!("{shown}***") }
        }
    }
}

fn ends(text: &str, first: usize, last: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= first + last {
        return "*".repeat(chars.len());
    }
    let (head, rest) = chars.split_at(first);
    let (middle, tail) = rest.split_at(rest.len() - last);
    head.iter().copied().chain(middle.iter().map(|_| '*')).chain(tail.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever sees a masked row has at least a thousand numbers to choose from, whatever stands beside the number.
    #[test]
    fn a_masked_row_does_not_tell_the_number() {
        use crate::person::NationalId;
        let masked = mask_id("528801201503022517");
        // what the row shows besides: born on 2015-03-02, a boy
        let mut fitting = 0;
        for county in 0..100 {
            for order in (1..1000).step_by(2) {
                let first = format!("5288{county:02}20150302{order:03}");
                let id = NationalId::complete(&first).unwrap().to_string();
                let fits = masked.chars().zip(id.chars()).all(|(m, c)| m == '*' || m == c);
                fitting += usize::from(fits && masked.chars().count() == 18);
            }
        }
        assert!(fitting >= 1_000, "{fitting}");
        assert_eq!(mask_phone("12812342231").matches('*').count(), 4, "ten thousand");
    }

    #[test]
    fn masks() {
        for (f, from, to) in [
            (mask_name as fn(&str) -> String, "王浩然", "王*然"),
            (mask_name, "王浩", "王*"),
            (mask_name, "阿依古丽·买买提", "阿***提"),
            (mask_name, "", ""),
            (mask_id, "528801201503022517", "5288**************"),
            (mask_id, "123", "***"),
            (mask_phone, "12812342231", "128****2231"),
            (mask_address, "青禾县柳林镇石桥村3组12号", "青禾县柳林镇石桥村***"),
            (mask_address, "解放路12号", "解放路***"),
        ] {
            assert_eq!(f(from), to, "{from}");
        }
    }
}
