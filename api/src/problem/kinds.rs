//! The kinds of problems, each with its meaning, typical cause, remedy, and an example.

use axum::http::StatusCode;

/// A kind of problem: one problem type (RFC 9457, 3.1.1), which `/problems/{slug}` explains.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The last part of its `type`, `/problems/{slug}`.
    pub slug: &'static str,
    /// The status code.
    pub status: StatusCode,
    /// Short, the same for every occurrence (RFC 9457, 3.1.3).
    pub title: &'static str,
    /// What it means.
    pub about: &'static str,
    /// What typically causes it.
    pub cause: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// An example request: method, space, target. Complete if the target alone causes the problem.
    pub request: &'static str,
    /// The `detail` of the example.
    pub detail: &'static str,
}

impl Kind {
    /// The `Retry-After` header, in seconds; `None` when a retry would fail in the same way.
    pub fn retry_after_s(&self) -> Option<u32> {
        match self.status {
            // it takes the client itself, or a day
            _ if self == TOO_MANY => Some(60),
            StatusCode::SERVICE_UNAVAILABLE => Some(2),
            StatusCode::INSUFFICIENT_STORAGE => Some(60),
            StatusCode::CONFLICT => Some(1),
            StatusCode::TOO_MANY_REQUESTS => Some(60),
            _ => None,
        }
    }
}

macro_rules! kinds {
    ($($name:ident $slug:literal $status:ident $title:literal
       means $about:literal cause $cause:literal remedy $remedy:literal
       example $request:literal $detail:literal)*) => {
        $(#[doc = $title] pub(crate) const $name: &Kind = &Kind {
            slug: $slug, status: StatusCode::$status, title: $title, about: $about,
            cause: $cause, remedy: $remedy, request: $request, detail: $detail,
        };)*
        /// Every kind of problem.
        pub const KINDS: &[&Kind] = &[$($name),*];
    };
}

kinds! {
    BAD_PARAMETER "bad-parameter" BAD_REQUEST "Invalid parameter"
        means "A query parameter or header is unknown, is given twice, or has a value that is not allowed."
        cause "A misspelled name, a number outside its range, or an option that does not fit the image, such as `frame=7` of a still image."
        remedy "The detail names the parameter and the values that it accepts. `/docs` lists all parameters."
        example "GET /images?limit=1000" "limit: expected a whole number from 1 to 200"
    BAD_REQUEST "bad-request" BAD_REQUEST "Malformed request"
        means "The request violates the rules of HTTP or of its media type."
        cause "A form that ends too early, a `Content-Type: multipart/form-data` without its boundary, or a connection that broke while sending."
        remedy "Use a client that encodes the form itself: with curl, `-F image=@photo.jpg` and no `Content-Type` header of your own."
        example "POST /images" "the body ended too early"
    EMPTY_UPLOAD "empty-upload" BAD_REQUEST "Empty upload"
        means "The body, or the file in the form, has no bytes."
        cause "An empty file, a script that read nothing, or a client that dropped the body when it followed a redirect."
        remedy "Send the image's bytes: `--data-binary @photo.jpg`, or `-F image=@photo.jpg`."
        example "POST /images" "the upload is empty: send the image's bytes"
    NO_FILE "no-file" BAD_REQUEST "The form has no image"
        means "The form has no file part named `image` (or `file`)."
        cause "The part has another name, or it is a plain field without a file name."
        remedy "Name the part `image`, and send it as a file: `-F image=@photo.jpg`, with the `@`."
        example "POST /images" "the form has no file part: name it image"
    SEVERAL_FILES "several-files" BAD_REQUEST "The form has several files"
        means "Each request accepts one image."
        cause "A form field that lets the user choose several files."
        remedy "Send one request per file; the requests may run in parallel."
        example "POST /images" "the form has several files: send one image per request"
    NOT_FOUND "not-found" NOT_FOUND "Not found"
        means "The address, image, version or kind of problem does not exist."
        cause "The image was deleted, the id is incomplete, or no render of that version was ever stored."
        remedy "Find the id in `/images`: ids are UUIDs in lower case with hyphens. `/images/ID/renders` lists the stored versions."
        example "GET /images/lena" "no such image: an id is a UUID in lower case with hyphens; /images lists all"
    METHOD_NOT_ALLOWED "method-not-allowed" METHOD_NOT_ALLOWED "Method not allowed"
        means "The address exists, but does not support this method."
        cause "`PUT`: the bytes of an image never change."
        remedy "Use one of the methods in the `Allow` header of this response."
        example "PUT /images/ID" "see the Allow header for the methods of this address"
    CROSS_SITE "cross-site" FORBIDDEN "Cross-site request refused"
        means "The browser reports that the request comes from a page of another site (`Sec-Fetch-Site`, `Origin`). Pages of other sites may not upload or delete."
        cause "A form or script on another site, or a proxy that does not forward the `Host` header unchanged."
        remedy "Use this service's own pages, or a client that is not a browser: curl sends none of these headers."
        example "POST /images" "pages of other sites may not upload or delete"
    MISDIRECTED "misdirected" MISDIRECTED_REQUEST "Unknown host name"
        means "The `Host` header has a name that this service does not accept."
        cause "A domain or proxy in front of the service that the operator has not configured, or an attack by DNS rebinding: another site resolves its own name to this service, to read its responses in a browser."
        remedy "Use the address that the service logs at startup. The operator allows other names with `ALLOWED_HOSTS`."
        example "GET http://planet.example.org/" "planet.example.org is not a name of this service: to allow it, set ALLOWED_HOSTS=planet.example.org"
    UNAUTHORIZED "unauthorized" UNAUTHORIZED "Not signed in"
        means "The request needs an account of this service, and it came without one."
        cause "A session that has ended, a browser that never signed in, or a program without a token."
        remedy "Sign in at `/auth/login`. For programs, make a token at `/account`, and send it: `curl -H 'Authorization: Bearer TOKEN'`."
        example "DELETE /images/ID" "sign in at /auth/login, or send a token: Authorization: Bearer TOKEN"
    INVALID_TOKEN "invalid-token" UNAUTHORIZED "Invalid token"
        means "The token of the request is not valid."
        cause "A token that was mistyped, has expired or was revoked, or whose user is blocked. Or a proxy forwards the `Authorization` header that was meant for itself."
        remedy "Make a new token at `/account`. A proxy that asks for passwords must remove the header."
        example "GET /images" "the token is not valid: it is mistyped, expired or revoked"
    INSUFFICIENT_SCOPE "insufficient-scope" FORBIDDEN "Insufficient scope"
        means "The token is valid, but may not do this."
        cause "A token that was made for another purpose: each has the scopes that were chosen for it."
        remedy "Make a token with the scope that the detail names, at `/account`."
        example "DELETE /images/ID" "the token has not the scope delete: make one that has, at /account"
    FORBIDDEN "forbidden" FORBIDDEN "Not allowed"
        means "You are signed in, and may not do this."
        cause "An image of someone else, which only its owner and admins may change, or an address for admins."
        remedy "Ask the owner of the image, or an admin."
        example "DELETE /images/ID" "the image belongs to another user"
    QUOTA_EXCEEDED "quota-exceeded" FORBIDDEN "Quota exceeded"
        means "With this upload, you would have more images or bytes than you may. It was not stored."
        cause "A quota that is used up."
        remedy "Delete images, or ask an admin for more. `/account` has what you use; the operator's settings are `QUOTA_BYTES` and `QUOTA_IMAGES`."
        example "POST /images" "you have 100 images, and may have 100: delete some images, or ask an admin for more; /account shows what you have"
    TOO_MANY "too-many" CONFLICT "Too many of them"
        means "There are as many tokens or unfinished uploads of a user, or links to an image, as this service allows."
        cause "A program that makes a new one each time, or begins uploads and does not go on with them."
        remedy "Revoke those that are not used; finish uploads, or end them by `DELETE /uploads/ID`: those that do not go on expire. The operator's settings are `MAX_TOKENS`, `MAX_SHARES`, `MAX_OPEN_UPLOADS` and `UPLOAD_EXPIRES_S`."
        example "POST /images/ID/shares" "the image has 50 links: revoke one"
    SIGN_IN_FAILED "sign-in-failed" BAD_REQUEST "Sign-in failed"
        means "The browser came back from the identity provider, but the sign-in failed: the callback does not belong to a sign-in that this browser began, or what the provider says is not accepted."
        cause "A sign-in that took longer than ten minutes, a callback that was opened twice or in another browser, cookies that are switched off, or a user who cancelled at the provider."
        remedy "Begin again at `/auth/login`. If the detail names a claim or a key of the ID token, the operator has to compare the settings of the service with those of the provider."
        example "GET /auth/callback/oidc?state=unknown" "this browser did not begin this sign-in, or it took too long: begin again"
    SIGN_IN_REFUSED "sign-in-refused" FORBIDDEN "Sign-in refused"
        means "The provider knows you, but this service does not let you in."
        cause "`SIGN_IN_ALLOW` does not name you, the provider did not verify your address, or an admin blocked your account."
        remedy "Ask the operator of the service, or sign in with another account."
        example "GET /auth/callback/PROVIDER" "you may not sign in here: SIGN_IN_ALLOW of this service does not name you"
    RATE_LIMITED "rate-limited" TOO_MANY_REQUESTS "Too many requests"
        means "This client makes more requests of this kind than the service allows."
        cause "A script without pauses, or many people behind one address."
        remedy "Retry after `Retry-After`. The operator's settings are `UPLOADS_PER_MINUTE`, `SIGN_INS_PER_MINUTE` and `TRUSTED_PROXIES`."
        example "GET /auth/login/PROVIDER" "too many sign-ins from this address: try again in a minute"
    NOT_ACCEPTABLE "not-acceptable" NOT_ACCEPTABLE "No acceptable format"
        means "The `Accept` header excludes every format of this resource."
        cause "A client that accepts a single media type, such as `image/jpeg`."
        remedy "Accept one of the media types in the detail, or set `format=`, which takes precedence over `Accept`."
        example "GET /images/ID" "available are text/plain, text/html, image/svg+xml, image/png, application/json"
    TIMEOUT "timeout" REQUEST_TIMEOUT "Upload timeout"
        means "The client paused too long while sending, or sent too slowly. While every upload slot is in use, a faster rate is required. Nothing was stored."
        cause "A broken connection, or one that is slower than this service allows."
        remedy "Send the upload again, with the same `Idempotency-Key` if it had one. The operator may raise `UPLOAD_IDLE_S` or `MAX_UPLOADS`, or lower `UPLOAD_MIN_RATE` or `UPLOAD_BUSY_RATE`."
        example "POST /images" "no data for 30 s, or less than 8192 bytes a second: send the upload again"
    KEY_BUSY "key-busy" CONFLICT "An upload with this key is running"
        means "Another upload with the same `Idempotency-Key` has not ended yet."
        cause "A client that retries before its first request has ended."
        remedy "Retry after `Retry-After`: the response has the image as soon as it is stored."
        example "POST /images" "an upload with this Idempotency-Key is still running: try again in a moment"
    PRECONDITION "precondition-failed" PRECONDITION_FAILED "Precondition failed"
        means "`If-Match`, `If-None-Match` or `If-Unmodified-Since` does not hold for the current state. Nothing was changed."
        cause "Another client, or an upgrade of the service, changed the resource since you read it."
        remedy "Read the resource again and repeat the request with its new `ETag`."
        example "DELETE /images/ID" "the current state does not meet the condition of the request"
    TOO_LARGE "too-large" PAYLOAD_TOO_LARGE "Upload too large"
        means "The upload has more bytes than this service accepts."
        cause "An uncompressed file, or a complete satellite scene."
        remedy "Send a smaller or better compressed file. The detail names the limit; the operator's setting is `MAX_UPLOAD_BYTES`."
        example "POST /images" "the upload is larger than 33554432 bytes, the limit of this service (MAX_UPLOAD_BYTES)"
    UNKNOWN_FORMAT "unknown-format" UNSUPPORTED_MEDIA_TYPE "Unknown image format"
        means "The bytes are not in a supported image format. The format is detected from the content, never from the name or the declared type."
        cause "An SVG, PDF or video file, or an error page that was saved under the name of an image."
        remedy "Check the type of the file (`file photo.jpg`), and convert it to one of the formats in the detail."
        example "POST /images" "this is not an image in a format that we read; those are JPEG, PNG, GIF, WebP, HEIC, AVIF, JPEG XL, BMP, TIFF, camera raw, JPEG 2000, FITS, VICAR, PDS3, ICO, PNM and QOI"
    WRONG_TYPE "wrong-type" UNSUPPORTED_MEDIA_TYPE "Wrong type of body"
        means "The body of the request is of another type than this address takes."
        cause "A PATCH to `/uploads/ID` without `Content-Type: application/offset+octet-stream`."
        remedy "Set the `Content-Type` that the detail names."
        example "PATCH /uploads/ID" "Content-Type: expected application/offset+octet-stream"
    UPLOAD_OFFSET "upload-offset" CONFLICT "The upload goes on elsewhere"
        means "The bytes do not begin where the upload goes on, or another request has begun to send."
        cause "A connection broke, and the client went on with what it had sent, not with what was stored."
        remedy "Ask for the offset, `HEAD /uploads/ID`, and send the file from there on."
        example "PATCH /uploads/ID" "the upload goes on at byte 8388608: HEAD has it as Upload-Offset"
    UPLOAD_LOST "upload-lost" GONE "The upload cannot go on"
        means "What was received of the upload is lost, or it was sent by too many requests."
        cause "The store lost it, or a rule of the bucket deleted it."
        remedy "Begin a new upload."
        example "PATCH /uploads/ID" "what was received of the upload is lost: begin a new one"
    UPLOAD_REFUSED "upload-refused" UNPROCESSABLE_ENTITY "The upload was refused"
        means "The whole was received, and is not accepted."
        cause "The file is no image, is damaged, or exceeds a limit, or its owner has too many."
        remedy "The detail names the reason. Send another file, as a new upload."
        example "PATCH /uploads/ID" "the image has 70000 pixels on its longest side; at most 65535 are allowed"
    RANGE "range-not-satisfiable" RANGE_NOT_SATISFIABLE "Range not satisfiable"
        means "The `Range` header asks for bytes beyond the end."
        cause "Resuming a download that was already complete, or another file with the same name."
        remedy "The `Content-Range` header has the length: ask for a range within it, or for the whole."
        example "GET /images/ID/original" "the original has 112621 bytes"
    BAD_IMAGE "bad-image" UNPROCESSABLE_ENTITY "The image cannot be decoded"
        means "The format was recognised, but the data is damaged, truncated, or uses an unsupported feature."
        cause "An incomplete download or copy, `curl -d @photo.jpg`, which strips line breaks (`--data-binary` keeps them), or a rare variant of a format."
        remedy "Open the file with another program. If it is intact, save it as a plain PNG or JPEG and send that."
        example "POST /images" "the PNG ends before its picture is complete: it was cut off"
    OVER_LIMIT "over-limit" UNPROCESSABLE_ENTITY "The image exceeds a limit"
        means "The image has more pixels, a longer side or more frames than this service decodes, or the requested render is too large to be sent."
        cause "A panorama, a long animation, a small file that declares a huge size, or a picture of hundreds of thousands of characters."
        remedy "Send a smaller version, or request fewer columns and rows. The detail names the limit; the operator's settings are `MAX_PIXELS`, `MAX_SIDE_PX`, `MAX_FRAMES`, `MAX_DECODED_BYTES` and `ANSWER_MEMORY_MIB`."
        example "POST /images" "the image has 400000000 pixels; at most 128000000 are allowed"
    KEY_REUSED "key-reused" UNPROCESSABLE_ENTITY "Idempotency key reused"
        means "The `Idempotency-Key` was already used for an upload with other bytes."
        cause "A client that sends the same key with every upload, or a file that changed between two attempts."
        remedy "Use a new key for each new image."
        example "POST /images" "this Idempotency-Key was used for another upload: a new upload needs a new key"
    INTERNAL "internal" INTERNAL_SERVER_ERROR "Internal error"
        means "A bug in this service. No acknowledged upload is lost."
        cause "A case that the service does not handle."
        remedy "Report the `request_id` to the operator: the log has details under it."
        example "GET /images/ID" "a bug: report the request_id to the operator"
    BUSY "busy" SERVICE_UNAVAILABLE "Service busy"
        means "Every core, upload slot, event stream or connection, or the memory for responses, is in use. The request itself is valid."
        cause "Many clients that request sizes and options outside the presets, that upload at the same time, or that read large responses slowly."
        remedy "Retry after `Retry-After`. Presets are rendered in advance and do not wait for a core."
        example "GET /images/ID?width=100" "all cores are busy rendering: try again in a moment"
    NO_ROOM "no-room" INSUFFICIENT_STORAGE "No disk space for uploads"
        means "The disk that buffers uploads until they are stored is almost full. Reading still works."
        cause "A disk that is too small for that many concurrent uploads, or that other data filled."
        remedy "Retry after `Retry-After`. The operator has to free disk space in `SPOOL_DIR`."
        example "POST /images" "the disk has no space for uploads at the moment: try again later, or tell the operator"
    UNAVAILABLE "unavailable" SERVICE_UNAVAILABLE "Service unavailable"
        means "The database or the object store does not respond. No acknowledged upload is lost."
        cause "A restart or an outage of a dependency; `/readyz` shows which one."
        remedy "Retry after `Retry-After`; repeat an upload with its `Idempotency-Key`."
        example "GET /images" "a dependency of the service is unavailable; nothing was lost, try again soon"
    PROVIDER_UNAVAILABLE "provider-unavailable" SERVICE_UNAVAILABLE "Identity provider unavailable"
        means "The identity provider does not respond as it should, so people cannot sign in with it. Sessions and tokens work."
        cause "An outage of the provider, no connection to it, or a setting such as `OIDC_ISSUER` that is not exactly what the provider says."
        remedy "Retry after `Retry-After`. The operator finds the reason in the log."
        example "GET /auth/login/oidc" "OpenID cannot be reached at the moment; people who are signed in stay so: try again soon"
}
