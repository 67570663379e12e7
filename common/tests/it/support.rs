//! Conformance suites.

/// Makes each behaviour a test on each backend, such as `catalog::sqlite::a_claim_is_exclusive`,
/// which is `on_sqlite(a_claim_is_exclusive)`.
macro_rules! conformance {
    ([$($backend:ident = $on:ident),+] $behaviours:tt) => {
        $(conformance! { $backend, $on, $behaviours })+
    };
    ($backend:ident, $on:ident, [$($behaviour:ident)+]) => {
        mod $backend {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    super::$on(super::$behaviour).await;
                }
            )+
        }
    };
}
