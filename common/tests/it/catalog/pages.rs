//! Images are listed in every order, page by page in both directions, and found by their names.

use common::catalog::{Catalog, Cursor, Sort};

use super::*;

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        each_order_is_listed_in_both_directions
        a_place_outlives_its_image
        names_are_found_by_their_words_in_whatever_case
        a_search_is_bounded_by_a_place
        images_are_counted_up_to_a_limit
    ]
}

/// Names with their sizes, in the order of their uploads.
const IMAGES: [(Option<&str>, u64); 8] = [
    (Some("moon.png"), 30),
    (Some("Äpfel.png"), 10),
    (Some("Moon.png"), 20),
    (None, 20),
    (Some("100% [new]*.png"), 5_000_000_000),
    (Some("IMG_2.jpg"), 1),
    (None, 20),
    (Some("img_10.jpg"), 2),
];

async fn named(catalog: &Catalog, name: Option<&str>, bytes: u64) -> Image {
    let metadata = Metadata { name: name.map(str::to_owned), bytes, ..metadata("a") };
    let upload = acquired(catalog.begin_upload(None, &metadata, None, LONG).await.unwrap());
    let (job, blob) = (JobId::generate(), reserved(catalog, &upload).await);
    catalog.commit_upload(&upload, &blob, job, None, ENGINE).await.unwrap().stored().unwrap()
}

/// Stores [`IMAGES`].
async fn filled(catalog: &Catalog) -> Vec<Image> {
    let mut images = Vec::new();
    for (name, bytes) in IMAGES {
        images.push(named(catalog, name, bytes).await);
    }
    // an upload that is not stored is in no list
    acquired(catalog.begin_upload(None, &metadata("b"), None, LONG).await.unwrap());
    images
}

/// The positions in [`IMAGES`] of what is listed.
async fn listed(catalog: &Catalog, images: &[Image], page: &Page) -> Vec<usize> {
    let found = catalog.images(page).await.unwrap();
    let with_jobs = catalog.images_with_jobs(page, &Principal::Open).await.unwrap();
    assert!(with_jobs.iter().map(|(image, _)| image).eq(&found));
    let position = |found: &Image| images.iter().position(|image| image == found).unwrap();
    found.iter().map(position).collect()
}

async fn each_order_is_listed_in_both_directions(catalog: Catalog) {
    let images = filled(&catalog).await;
    for (sort, mut expected) in [
        (Sort::Newest, [7, 6, 5, 4, 3, 2, 1, 0]),
        (Sort::Oldest, [0, 1, 2, 3, 4, 5, 6, 7]),
        // by bytes, after the letters A to Z became small
        (Sort::Name, [3, 6, 4, 7, 5, 0, 2, 1]),
        (Sort::Size, [4, 0, 6, 3, 2, 1, 7, 5]),
    ] {
        for is_backward in [false, true] {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let page = Page { sort, cursor: cursor.clone(), is_backward, ..page(3) };
                let part = listed(&catalog, &images, &page).await;
                let Some(last) = part.last() else { break };
                let place = Cursor::of(&images[*last], sort);
                cursor = Cursor::parse(&place.to_string(), sort);
                assert_eq!(cursor, Some(place));
                seen.extend(part);
            }
            assert_eq!(seen, expected, "{sort:?}, {is_backward}");
            expected.reverse();
        }
    }
}

async fn a_place_outlives_its_image(catalog: Catalog) {
    let images = filled(&catalog).await;
    for (sort, place, next) in [(Sort::Size, 2, 1), (Sort::Name, 5, 0), (Sort::Oldest, 3, 4)] {
        removed(&catalog, images[place].id).await.unwrap();
        let cursor = Some(Cursor::of(&images[place], sort));
        let page = Page { sort, cursor, ..page(1) };
        assert_eq!(listed(&catalog, &images, &page).await, [next]);
    }
}

async fn names_are_found_by_their_words_in_whatever_case(catalog: Catalog) {
    let images = filled(&catalog).await;
    for (words, expected) in [
        (&["moon"][..], &[2, 0][..]),
        (&["OON.P"], &[2, 0]),
        (&["äPFEL"], &[1]),
        (&["png", "oo"], &[2, 0]),
        (&["img_"], &[7, 5]),
        (&["_1"], &[7]),
        (&["%"], &[4]),
        (&["["], &[4]),
        (&["]*"], &[4]),
        (&["m?on"], &[]),
        (&["m*n"], &[]),
        (&["m.on"], &[]),
        (&["^moon"], &[]),
        (&["moon", "img"], &[]),
        (&["unnamed"], &[]),
    ] {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        let page = Page { words, ..page(9) };
        assert_eq!(listed(&catalog, &images, &page).await, expected, "{:?}", page.words);
    }
    // every character that a pattern could take for its own
    let odd: String = (' '..='~').collect();
    let image = named(&catalog, Some(&odd), 1).await;
    for c in odd.chars().filter(|c| !c.is_whitespace()) {
        let found = catalog.images(&Page { words: vec![c.to_string()], ..page(1) }).await.unwrap();
        assert_eq!(found, std::slice::from_ref(&image), "{c}");
    }
}

async fn a_search_is_bounded_by_a_place(catalog: Catalog) {
    let images = filled(&catalog).await;
    for sort in Sort::ALL {
        let (mut seen, mut cursor) = (Vec::new(), None);
        let mut pages = 0;
        loop {
            let from = Page { sort, cursor, words: vec!["moon".into()], ..page(9) };
            let until = catalog.place_after(&from, 3, &Principal::Open).await.unwrap();
            let part = Page { until: until.clone(), ..from };
            seen.extend(listed(&catalog, &images, &part).await);
            pages += 1;
            cursor = until;
            if cursor.is_none() {
                break;
            }
        }
        // the upload that is not stored counts as looked at
        assert_eq!(pages, 4, "{sort:?}");
        let all = Page { sort, words: vec!["moon".into()], ..page(9) };
        assert_eq!(seen, listed(&catalog, &images, &all).await);
    }
}

async fn images_are_counted_up_to_a_limit(catalog: Catalog) {
    assert_eq!(catalog.count_images(&page(3), &Principal::Open).await.unwrap(), 0);
    filled(&catalog).await;
    assert_eq!(catalog.count_images(&page(3), &Principal::Open).await.unwrap(), 3);
    assert_eq!(catalog.count_images(&page(99), &Principal::Open).await.unwrap(), 8);
    let found = Page { words: vec!["png".into()], ..page(99) };
    assert_eq!(catalog.count_images(&found, &Principal::Open).await.unwrap(), 4);
}
