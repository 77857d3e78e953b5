//! 区划和学校 of the demo county, as the sheet that a system administrator would import.

use baoxue_documents::write::{Column, TableSheet, Value, workbook};

use super::county::County;
use super::people::{towns, villages};

/// Villages, schools and catchments as a workbook: codes are those of the rosters.
pub fn workbook_of(county: &County) -> anyhow::Result<Vec<u8>> {
    let sheet = |name: &str, heads: [&str; 3], rows: Vec<Vec<Value>>| TableSheet {
        name: name.into(),
        title: None,
        subtitle: None,
        columns: heads.iter().filter(|h| !h.is_empty()).map(|h| Column::new(h, 22.0)).collect(),
        rows: Box::new(rows.into_iter()),
        notes: Vec::new(),
    };
    let row = |a: &str, b: &str| vec![Value::from(a), Value::from(b)];
    let town_code = |t: usize| format!("528801{:03}", 100 + t);
    let mut places = vec![row("520000", "虚构省"), row("528800", "虚构州"), row("528801", "青禾县")];
    let mut catchments = Vec::new();
    for (t, town) in towns().iter().enumerate() {
        places.push(row(&town_code(t), town));
        let schools: Vec<&str> =
            county.schools.iter().filter(|s| s.town == t && s.code.starts_with("21")).map(|s| s.code.as_str()).collect();
        for (v, village) in villages().iter().enumerate() {
            let code = format!("{}{:03}", town_code(t), 200 + v);
            places.push(row(&code, &format!("{village}村")));
            if !schools.is_empty() {
                catchments.push(row(&code, schools[v % schools.len()]));
            }
        }
    }
    let schools =
        county.schools.iter().map(|s| vec![s.code.as_str().into(), s.name.as_str().into(), town_code(s.town).into()]).collect();
    Ok(workbook(vec![
        sheet("区划", ["代码", "名称", ""], places),
        sheet("学校", ["学校标识码", "学校名称", "所在乡镇代码"], schools),
        sheet("划片", ["村代码", "学校标识码", ""], catchments),
    ])?)
}
