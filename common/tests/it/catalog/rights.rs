//! Who may read and change an image: the conditions of the queries agree with the rules in memory,
//! and what users store is counted exactly.

use common::{
    account::{
        principal::Caller,
        scopes::{Scope, Scopes},
        user::Role,
    },
    catalog::{Allowance, Committed, Cursor, Renders, Sort},
    user_id::UserId,
    visibility::Visibility,
};
use futures_util::future::join_all;

use super::{users::signed_in, *};

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        queries_and_memory_agree_who_may_read_and_change
        a_quota_is_exact_and_counters_are_true
        an_upload_of_a_blocked_user_is_not_stored
        a_rate_is_exact
        images_without_owner_are_adopted
    ]
}

/// The least size of an image.
const BYTES: u64 = 5_000_000_000;

fn user(id: UserId, role: Role, scopes: Scopes) -> Principal {
    Principal::User(Caller { id, role, scopes })
}

fn of(user: UserId, max_images: Option<u64>) -> Option<Allowance> {
    Some(Allowance { user, max_bytes: None, max_images })
}

async fn uploaded(catalog: &Catalog, content: &str, owner: Option<Allowance>) -> Committed {
    // sizes and names in another order than that of the uploads
    let order = 7 * content.bytes().map(u64::from).sum::<u64>() % 5;
    let metadata = Metadata {
        name: Some(format!("{order} of {content}")),
        bytes: BYTES + order,
        ..metadata("a")
    };
    let begun = catalog.begin_upload(owner, &metadata, None, LONG).await.unwrap();
    let upload = acquired(begun);
    let blob = reserved(catalog, &upload).await;
    let committed =
        catalog.commit_upload(&upload, &blob, JobId::generate(), None, ENGINE).await.unwrap();
    if !matches!(committed, Committed::Stored(_)) {
        catalog.abandon_upload(&upload, &blob).await.unwrap();
    }
    committed
}

async fn queries_and_memory_agree_who_may_read_and_change(catalog: Catalog) {
    let (ada, bob) = (signed_in(&catalog, "ada").await.id, signed_in(&catalog, "bob").await.id);
    let mut images = Vec::new();
    let owners = [None, Some(ada), Some(bob), Some(ada), None, Some(bob)];
    for (nth, owner) in owners.into_iter().enumerate() {
        for visibility in [Visibility::Private, Visibility::Public] {
            let owner = owner.and_then(|owner| of(owner, None));
            let name = format!("{nth} {}", visibility.as_str());
            let image = uploaded(&catalog, &name, owner).await.stored().unwrap();
            let all = Principal::Open;
            let image = catalog.set_visibility(image.id, visibility, &all).await.unwrap().unwrap();
            assert_eq!((image.owner, image.visibility), (owner.map(|of| of.user), visibility));
            images.push(image);
        }
    }
    let few: Scopes = [Scope::Read].into_iter().collect();
    let mut principals = vec![
        Principal::Open,
        Principal::Anonymous { reads_public: true },
        Principal::Anonymous { reads_public: false },
        user(ada, Role::User, Scopes::ALL),
        user(ada, Role::Admin, Scopes::ALL),
        user(ada, Role::Admin, few),
        user(bob, Role::User, few),
    ];
    principals.extend(images.iter().map(|image| Principal::ShareLink(image.id)));
    for reader in &principals {
        let mut readable = Vec::new();
        for image in &images {
            let may = reader.may_read(image);
            let found = catalog.readable_image(image.id, reader).await.unwrap();
            assert_eq!(found.is_some(), may, "{reader:?} {image:?}");
            let found = catalog.image_with_jobs(image.id, reader).await.unwrap();
            assert_eq!(found.is_some(), may, "{reader:?} {image:?}");
            let found = catalog.image_with_renders(image.id, Renders::All, reader).await.unwrap();
            assert_eq!(found.is_some(), may, "{reader:?} {image:?}");
            let changed = catalog.set_visibility(image.id, image.visibility, reader).await.unwrap();
            assert_eq!(changed.is_some(), reader.may_change(image), "{reader:?} {image:?}");
            readable.extend(may.then_some(image));
        }
        // a link is to one image, and lists nothing
        if !matches!(reader, Principal::ShareLink(_)) {
            expect_lists_of(&catalog, reader, &readable).await;
        }
    }
}

/// In each order and direction, whole and by search, the lists of `reader` have these images.
async fn expect_lists_of(catalog: &Catalog, reader: &Principal, readable: &[&Image]) {
    let own = |image: &&&Image| reader.user().is_some() && image.owner == reader.user();
    let own: Vec<&Image> = readable.iter().filter(own).copied().collect();
    let mut lists = vec![(None, readable)];
    lists.extend(reader.user().map(|user| (Some(user), &own[..])));
    for (owner, images) in lists {
        for sort in Sort::ALL {
            for is_backward in [false, true] {
                for word in ["", "public", "3"] {
                    let is_found = |image: &&&Image| {
                        image.metadata.name.as_deref().is_some_and(|name| name.contains(word))
                    };
                    let mut expected: Vec<&Image> =
                        images.iter().filter(is_found).copied().collect();
                    expected.sort_by_key(|image| Cursor::of(image, sort));
                    if matches!(sort, Sort::Newest | Sort::Size) != is_backward {
                        expected.reverse();
                    }
                    let words = if word.is_empty() { vec![] } else { vec![word.to_owned()] };
                    let all = Page { owner, sort, is_backward, words, ..page(3) };
                    let seen = walked(catalog, reader, &all).await;
                    assert!(seen.iter().eq(expected.iter().copied()), "{reader:?} {all:?}");
                    let count = Page { limit: 99, ..all.clone() };
                    let count = catalog.count_images(&count, reader).await.unwrap();
                    assert_eq!(count, expected.len() as u64, "{reader:?} {all:?}");
                    if word.is_empty() && expected.len() >= 2 {
                        let place = catalog.place_after(&all, 2, reader).await.unwrap();
                        assert_eq!(
                            place,
                            Some(Cursor::of(expected[1], sort)),
                            "{reader:?} {all:?}"
                        );
                    }
                }
            }
        }
    }
}

/// The images of a list, page by page.
async fn walked(catalog: &Catalog, reader: &Principal, first: &Page) -> Vec<Image> {
    let mut seen: Vec<Image> = Vec::new();
    loop {
        let cursor = seen.last().map(|last| Cursor::of(last, first.sort));
        let next = Page { cursor, ..first.clone() };
        let images = catalog.images_with_jobs(&next, reader).await.unwrap();
        if images.is_empty() {
            return seen;
        }
        seen.extend(images.into_iter().map(|(image, _)| image));
    }
}

async fn a_quota_is_exact_and_counters_are_true(catalog: Catalog) {
    let ada = signed_in(&catalog, "ada").await.id;
    let writers = (0..8).map(|writer| {
        let catalog = catalog.clone();
        tokio::spawn(async move {
            let mut stored = Vec::new();
            for nth in 0..5 {
                let name = format!("{writer} {nth}");
                stored.extend(uploaded(&catalog, &name, of(ada, Some(20))).await.stored());
            }
            stored
        })
    });
    let stored: Vec<Image> =
        join_all(writers).await.into_iter().flat_map(|done| done.unwrap()).collect();
    assert_eq!(stored.len(), 20);
    for image in &stored[..7] {
        removed(&catalog, image.id).await.unwrap();
    }
    let user = catalog.user(ada).await.unwrap().unwrap();
    let bytes: u64 = stored[7..].iter().map(|image| image.metadata.bytes).sum();
    assert_eq!((user.images_used, user.bytes_used), (13, bytes));
}

async fn an_upload_of_a_blocked_user_is_not_stored(catalog: Catalog) {
    let ada = signed_in(&catalog, "ada").await.id;
    let begun = catalog.begin_upload(of(ada, None), &metadata("a"), None, LONG).await.unwrap();
    let upload = acquired(begun);
    let blob = reserved(&catalog, &upload).await;
    assert!(catalog.begin_leaving(ada).await.unwrap());
    assert!(!catalog.delete_left_user(ada).await.unwrap(), "an upload is running");
    let committed =
        catalog.commit_upload(&upload, &blob, JobId::generate(), None, ENGINE).await.unwrap();
    assert!(matches!(committed, Committed::NoOwner), "{committed:?}");
    catalog.abandon_upload(&upload, &blob).await.unwrap();
    assert!(catalog.delete_left_user(ada).await.unwrap());
    assert_eq!(catalog.user(ada).await.unwrap(), None);
    assert!(marked(&catalog).await.contains(&blob));
}

async fn a_rate_is_exact(catalog: Catalog) {
    let ada = signed_in(&catalog, "ada").await.id;
    for per_minute in [1, 7, 37] {
        let sql = "UPDATE users SET upload_tat = 0";
        catalog.connection().execute_unprepared(sql).await.unwrap();
        let attempts = (0..per_minute + 8).map(|_| {
            let catalog = catalog.clone();
            tokio::spawn(async move { catalog.count_upload(ada, per_minute).await.unwrap() })
        });
        let rates = join_all(attempts).await.into_iter().map(|rate| rate.unwrap().unwrap());
        let (admitted, refused): (Vec<_>, Vec<_>) = rates.partition(|rate| rate.admitted);
        // a slow machine may have won back one
        let expected = per_minute as usize..=per_minute as usize + 1;
        assert!(expected.contains(&admitted.len()), "{per_minute}: {}", admitted.len());
        assert!(refused.iter().all(|rate| rate.remaining == 0 && rate.retry > Duration::ZERO));
    }
    assert_eq!(catalog.count_upload(UserId::generate(), 1).await.unwrap(), None);
}

async fn images_without_owner_are_adopted(catalog: Catalog) {
    let (ada, bob) = (signed_in(&catalog, "ada").await.id, signed_in(&catalog, "bob").await.id);
    let kept = uploaded(&catalog, "kept", of(bob, None)).await.stored().unwrap();
    let (old, _) = stored(&catalog, "old").await;
    assert_eq!(catalog.adopt_images(ada, true, None).await.unwrap(), Some((old.id, 1)));
    assert_eq!(catalog.adopt_images(ada, true, Some(old.id)).await.unwrap(), None);
    assert_eq!(catalog.adopt_images(ada, true, None).await.unwrap(), Some((old.id, 0)));
    let old = catalog.image(old.id).await.unwrap().unwrap();
    assert_eq!((old.owner, old.visibility), (Some(ada), Visibility::Public));
    let kept = catalog.image(kept.id).await.unwrap().unwrap();
    assert_eq!((kept.owner, kept.visibility), (Some(bob), Visibility::Private));
    for (user, images) in [(ada, 1), (bob, 1)] {
        assert_eq!(catalog.user(user).await.unwrap().unwrap().images_used, images);
    }
}
