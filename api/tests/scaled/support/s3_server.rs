//! The S3 server of the tests. As S3 does, and unlike the library, it takes numbers of parts with
//! gaps.

use std::path::{Path, PathBuf};

use s3s::{S3, S3Request, S3Response, S3Result, dto::*, s3_error, service::S3ServiceBuilder};
use s3s_fs::FileSystem;

/// A server that keeps its buckets in `folder`.
pub(crate) fn s3_server(folder: &Path) -> S3ServiceBuilder {
    let server = FileSystem::new(folder).unwrap();
    S3ServiceBuilder::new(Server { server, folder: folder.to_owned() })
}

struct Server {
    server: FileSystem,
    folder: PathBuf,
}

impl Server {
    /// Gives the parts of an upload consecutive numbers.
    fn renumber(&self, id: &str, parts: &mut [CompletedPart]) -> S3Result<()> {
        let file = |number: i32| self.folder.join(format!(".upload_id-{id}.part-{number}"));
        for (part, number) in parts.iter_mut().zip(1..) {
            let is = part.part_number.ok_or_else(|| s3_error!(InvalidPart))?;
            if is != number {
                std::fs::rename(file(is), file(number)).map_err(|_| s3_error!(InvalidPart))?;
            }
            part.part_number = Some(number);
        }
        Ok(())
    }
}

macro_rules! serve {
    ($($method:ident $input:ident $output:ident)*) => {
        #[async_trait::async_trait]
        impl S3 for Server {
            $(async fn $method(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                self.server.$method(request).await
            })*

            async fn complete_multipart_upload(
                &self,
                mut request: S3Request<CompleteMultipartUploadInput>,
            ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
                let CompleteMultipartUploadInput { upload_id, multipart_upload, .. } =
                    &mut request.input;
                let parts = multipart_upload.as_mut().and_then(|it| it.parts.as_mut());
                self.renumber(upload_id, parts.map_or(&mut [], |parts| &mut parts[..]))?;
                self.server.complete_multipart_upload(request).await
            }
        }
    };
}

serve! {
    create_bucket CreateBucketInput CreateBucketOutput
    head_bucket HeadBucketInput HeadBucketOutput
    get_object GetObjectInput GetObjectOutput
    head_object HeadObjectInput HeadObjectOutput
    put_object PutObjectInput PutObjectOutput
    copy_object CopyObjectInput CopyObjectOutput
    delete_object DeleteObjectInput DeleteObjectOutput
    delete_objects DeleteObjectsInput DeleteObjectsOutput
    create_multipart_upload CreateMultipartUploadInput CreateMultipartUploadOutput
    upload_part UploadPartInput UploadPartOutput
    upload_part_copy UploadPartCopyInput UploadPartCopyOutput
    abort_multipart_upload AbortMultipartUploadInput AbortMultipartUploadOutput
}
