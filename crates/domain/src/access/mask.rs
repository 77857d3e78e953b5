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

/// 5288**********2517: four at each end.
pub fn mask_id(id: &str) -> String {
    ends(id, 4, 4)
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

    #[test]
    fn masks() {
        for (f, from, to) in [
            (mask_name as fn(&str) -> String, "王浩然", "王*然"),
            (mask_name, "王浩", "王*"),
            (mask_name, "阿依古丽·买买提", "阿***提"),
            (mask_name, "", ""),
            (mask_id, "528801201503022517", "5288**********2517"),
            (mask_id, "1234567", "*******"),
            (mask_phone, "12812342231", "128****2231"),
            (mask_address, "青禾县柳林镇石桥村3组12号", "青禾县柳林镇石桥村***"),
            (mask_address, "解放路12号", "解放路***"),
        ] {
            assert_eq!(f(from), to, "{from}");
        }
    }
}
