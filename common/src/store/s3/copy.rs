//! Objects that others put into the bucket, and copies of them, which the server makes if it can.

use std::ops::Range;

use aws_sdk_s3::{
    config::Config,
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
    types::CopyPartResult,
};
use url::form_urlencoded::byte_serialize;

use super::{Bucket, found, timeouts};
use crate::{
    fault::{Doing, Fault},
    store::{
        ForeignBlob,
        parts::{part, part_bytes},
    },
};

/// Bytes that one request copies. A server takes up to 5 GiB, but several requests are faster.
const COPIED_BYTES: u64 = 64 << 20;

/// How a copy ended that did not fail.
enum Copied {
    Done,
    /// The object is another one by now, or gone.
    Changed,
    /// The server cannot copy objects.
    Unsupported,
}

impl Bucket {
    /// The object of exactly that name; `None` when it does not exist.
    pub(in crate::store) async fn foreign(&self, name: &str) -> Result<Option<ForeignBlob>, Fault> {
        let head = self.client.head_object().bucket(&self.name).key(name).send().await;
        let Some(object) = found(head, "look at an object")? else { return Ok(None) };
        Ok(Some(ForeignBlob {
            name: name.to_owned(),
            length: object.content_length.and_then(|it| u64::try_from(it).ok()).unwrap_or(0),
            version: object.e_tag.unwrap_or_default(),
        }))
    }

    /// Copies an object to a key that was not used before; `false` when it has changed.
    pub(in crate::store) async fn adopt(
        &self,
        from: &ForeignBlob,
        key: &str,
    ) -> Result<bool, Fault> {
        let copied = match from.length <= COPIED_BYTES {
            true => self.copy_whole(from, key).await?,
            false => self.copy_in_parts(from, key).await?,
        };
        match copied {
            Copied::Changed => return Ok(false),
            Copied::Unsupported => self.copy_through_here(from, key).await?,
            Copied::Done => {}
        }
        // not every server checks the condition for a part
        Ok(self.foreign(&from.name).await?.as_ref() == Some(from))
    }

    /// Copies a blob of `length` bytes to a key that was not used before.
    pub(in crate::store) async fn copy(
        &self,
        from: &str,
        length: u64,
        key: &str,
    ) -> Result<(), Fault> {
        const DOING: &str = "copy an object";
        let [name, _] = self.names_of(from);
        let missing = || Fault::new(DOING, format!("{name} is missing or has another length"));
        let object = self.foreign(&name).await?.filter(|object| object.length == length);
        match self.adopt(&object.ok_or_else(missing)?, key).await? {
            true => Ok(()),
            false => Err(Fault::new(DOING, "it changed")),
        }
    }

    async fn copy_whole(&self, from: &ForeignBlob, key: &str) -> Result<Copied, Fault> {
        let [name, _] = self.names_of(key);
        let copy = self.client.copy_object().bucket(&self.name).key(name);
        let copy = copy.copy_source(self.copy_source(from)).copy_source_if_match(&from.version);
        let copy = copy.customize().config_override(self.limits_of_copying(from.length));
        outcome(copy.send().await).map(|(copied, _)| copied)
    }

    async fn copy_in_parts(&self, from: &ForeignBlob, key: &str) -> Result<Copied, Fault> {
        let ended_as = std::sync::Mutex::new(Copied::Done);
        let copy = |id: String, number: i32, range: Range<u64>| {
            let ended_as = &ended_as;
            async move {
                const DOING: &str = "copy a part of an object";
                let [name, _] = self.names_of(key);
                let copy = self.client.upload_part_copy().bucket(&self.name).key(name);
                let copy = copy.upload_id(id).part_number(number);
                let copy = copy.copy_source(self.copy_source(from));
                let copy = copy.copy_source_if_match(&from.version);
                // the last position is inclusive (RFC 9110, 14.1.2)
                let bytes = format!("bytes={}-{}", range.start, range.end - 1);
                let copy = copy.copy_source_range(bytes).customize();
                let limits = self.limits_of_copying(range.end - range.start);
                let (copied, answer) = outcome(copy.config_override(limits).send().await)?;
                let result: Option<CopyPartResult> = answer.and_then(|it| it.copy_part_result);
                let Some(result) = result else {
                    *ended_as.lock().expect("nothing panics while it holds this lock") = copied;
                    return Err(Fault::new(DOING, "the server refused it"));
                };
                let tag = result.e_tag.ok_or_else(|| Fault::new(DOING, "there is no ETag"))?;
                Ok(Some(part(number, &tag, result.checksum_crc32.as_deref())))
            }
        };
        let part_bytes = part_bytes(from.length).max(COPIED_BYTES);
        let made = self.make_of_parts(key, from.length, part_bytes, copy).await;
        match (made, ended_as.into_inner().expect("nothing panics while it holds this lock")) {
            (_, ended @ (Copied::Changed | Copied::Unsupported)) => Ok(ended),
            (made, Copied::Done) => made.map(|()| Copied::Done),
        }
    }

    async fn copy_through_here(&self, from: &ForeignBlob, key: &str) -> Result<(), Fault> {
        let send = |id: String, number: i32, range: Range<u64>| async move {
            const DOING: &str = "read an object";
            let length = range.end - range.start;
            let span = format!("bytes={}-{}", range.start, range.end - 1);
            let get = self.client.get_object().bucket(&self.name).key(&from.name).range(span);
            let object = get.if_match(&from.version).send().await.doing(DOING)?;
            let bytes = object.body.collect().await.doing(DOING)?.into_bytes();
            if bytes.len() as u64 != length {
                return Err(Fault::new(DOING, "a part of it has another length"));
            }
            self.send_part(key, &id, number, ByteStream::from(bytes), length).await
        };
        self.make_of_parts(key, from.length, part_bytes(from.length), send).await
    }

    /// `BUCKET/NAME`, URL-encoded, as the header `x-amz-copy-source` has it.
    fn copy_source(&self, from: &ForeignBlob) -> String {
        let encoded = |part: &str| byte_serialize(part.as_bytes()).collect::<String>();
        let parts = from.name.split('/').map(|part| encoded(part).replace('+', "%20"));
        [self.name.clone()].into_iter().chain(parts).collect::<Vec<_>>().join("/")
    }

    fn limits_of_copying(&self, bytes: u64) -> aws_sdk_s3::config::Builder {
        let limits = timeouts(self.min_rate.time_of(bytes)).disable_read_timeout().build();
        Config::builder().timeout_config(limits)
    }
}

fn outcome<T, E>(answer: Result<T, SdkError<E>>) -> Result<(Copied, Option<T>), Fault>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = match &answer {
        Err(SdkError::ServiceError(err)) => err.raw().status().as_u16(),
        _ => 0,
    };
    match (answer, status) {
        (Ok(answer), _) => Ok((Copied::Done, Some(answer))),
        (Err(_), 404 | 412) => Ok((Copied::Changed, None)),
        (Err(_), 405 | 501) => Ok((Copied::Unsupported, None)),
        (Err(err), _) => Err(err).doing("copy an object"),
    }
}
