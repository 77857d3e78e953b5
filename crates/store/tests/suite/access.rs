use baoxue_domain::access::{Action, Role};
use baoxue_domain::place::PlacePath;
use baoxue_domain::policy::Policy;
use baoxue_store::{NewPlace, NewSetting, Session};
use jiff::civil::date;

use crate::{COUNTY, NOW, places, within};

#[tokio::test]
async fn grants_hold_from_their_first_day_to_their_last() {
    for p in places().await {
        let village = PlacePath::parse("g/52/5288/528801/528801100/528801100201/").unwrap();
        let mut tx = p.store.begin().await.unwrap();
        tx.grant(1, Role::Cadre, &village, (date(2023, 9, 1), None), None, NOW).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        let account = p.store.account_by_login("zhang").await.unwrap().unwrap();
        let may = async |day| p.store.actor(&account, day).await.unwrap().may(Action::AnswerFinding);
        assert!(!may(date(2023, 8, 31)).await && may(date(2023, 9, 1)).await);
        let grant = p.store.grants(Some(1)).await.unwrap()[0].id;
        let mut tx = p.store.begin().await.unwrap();
        assert!(tx.end_grant(grant, date(2023, 10, 1)).await.unwrap());
        assert!(!tx.end_grant(grant, date(2023, 10, 1)).await.unwrap());
        tx.commit_untold("a test").await.unwrap();
        assert!(may(date(2023, 9, 30)).await && !may(date(2023, 10, 1)).await);
        assert_eq!(p.store.grants(None).await.unwrap().len(), 1, "an ended grant stays on record");
    }
}

#[tokio::test]
async fn sessions_end_with_password_and_account() {
    for p in places().await {
        let session = |n: u8| Session {
            digest: vec![n; 32],
            account: 1,
            created_at: NOW,
            seen_at: NOW,
            expires_at: NOW + 1000,
            second_factor: false,
            user_agent: "浏览器".into(),
            address: "127.0.0.1".into(),
            place: None,
        };
        let mut tx = p.store.begin().await.unwrap();
        for n in 1..=3 {
            tx.add_session(&session(n)).await.unwrap();
        }
        tx.set_password(1, "new", None, Some(&[2; 32])).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        let left: Vec<_> = p.store.sessions_of(1).await.unwrap().into_iter().map(|s| s.digest[0]).collect();
        assert_eq!(left, [2]);
        let mut tx = p.store.begin().await.unwrap();
        tx.switch_place(&[2; 32], Some(COUNTY)).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        let (session, account) = p.store.session(&[2; 32]).await.unwrap().unwrap();
        assert_eq!((session.place.as_deref(), account.id), (Some(COUNTY), 1));
        let mut tx = p.store.begin().await.unwrap();
        assert!(!tx.end_session(9, &[2; 32]).await.unwrap(), "only one's own");
        tx.set_disabled(1, Some(NOW)).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        assert!(p.store.session(&[2; 32]).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_code_works_once() {
    for p in places().await {
        let mut tx = p.store.begin().await.unwrap();
        assert!(tx.use_totp_step(1, 100).await.unwrap());
        assert!(!tx.use_totp_step(1, 100).await.unwrap());
        assert!(!tx.use_totp_step(1, 99).await.unwrap());
        assert!(tx.use_totp_step(1, 101).await.unwrap());
        tx.commit_untold("a test").await.unwrap();
    }
}

#[tokio::test]
async fn places_are_dated_and_settings_too() {
    for p in places().await {
        let path = |s: &str| PlacePath::parse(s).unwrap();
        let town = |name: &str| NewPlace {
            kind: "town".into(),
            code: "528801100".into(),
            name: name.into(),
            path: path("g/52/5288/528801/528801100/"),
            town_path: None,
        };
        let mut tx = p.store.begin().await.unwrap();
        assert_eq!(tx.put_places(&[town("柳林乡")], date(2020, 1, 1)).await.unwrap(), 1);
        assert_eq!(tx.put_places(&[town("柳林乡")], date(2021, 1, 1)).await.unwrap(), 0);
        assert_eq!(tx.put_places(&[town("柳林镇")], date(2023, 1, 1)).await.unwrap(), 1);
        tx.set(NewSetting { scope: "", name: "deadline-days", value: "5", from: date(2023, 1, 1) }, NOW, Some(1)).await.unwrap();
        tx.set(NewSetting { scope: "", name: "deadline-days", value: "4", from: date(2023, 7, 1) }, NOW, Some(1)).await.unwrap();
        tx.set(NewSetting { scope: COUNTY, name: "deadline-days", value: "3", from: date(2023, 9, 1) }, NOW, Some(1))
            .await
            .unwrap();
        tx.commit_untold("a test").await.unwrap();
        let name = async |y| p.store.place_at(&path("g/52/5288/528801/528801100/"), date(y, 6, 1)).await.unwrap().map(|t| t.name);
        assert_eq!(name(2019).await, None);
        assert_eq!(name(2022).await.as_deref(), Some("柳林乡"));
        assert_eq!(name(2023).await.as_deref(), Some("柳林镇"));
        assert_eq!(p.store.places_below("g/52/", date(2023, 6, 1), &["town"]).await.unwrap().len(), 1);
        let values = p.store.setting_values().await.unwrap();
        let days = |day, at: Option<&str>| {
            let at = at.and_then(PlacePath::parse);
            Policy::of(&values, at.as_ref(), day, i64::MAX).unwrap().deadline_days
        };
        assert_eq!(days(date(2022, 6, 1), None), 2, "the default");
        assert_eq!(days(date(2023, 6, 1), Some(COUNTY)), 5);
        assert_eq!(days(date(2023, 9, 1), Some("g/53/")), 4);
        assert_eq!(days(date(2023, 9, 1), Some(COUNTY)), 3);
        let history = p.store.setting_history(&within(&[COUNTY])).await.unwrap();
        assert_eq!(history.len(), 1, "what others set is theirs");
        assert_eq!(history[0].recorded_by.as_deref(), Some("张经办"));
        let mut tx = p.store.begin().await.unwrap();
        assert_eq!(tx.close_places(&path("g/52/5288/528801/528801100/"), date(2024, 1, 1)).await.unwrap(), 1);
        tx.commit_untold("a test").await.unwrap();
        assert_eq!(name(2024).await, None);
    }
}
