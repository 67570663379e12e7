//! The kinds of problems: what each means, where it comes from, what to do, and an example.

use axum::http::StatusCode;

/// A kind of problem: what its `type` leads to.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The last part of its `type`, `/problems/{slug}`.
    pub slug: &'static str,
    /// The status code that goes with it.
    pub status: StatusCode,
    /// Short, the same for every occurrence.
    pub title: &'static str,
    /// What it means.
    pub about: &'static str,
    /// What typically leads to it.
    pub cause: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// A request that meets it: method, a space, the address. Whole, where the address is all that is wrong.
    pub request: &'static str,
    /// What the detail says then.
    pub detail: &'static str,
}

impl Kind {
    /// After how many seconds another try makes sense; `None` when the same would happen again.
    pub fn retry_after_s(&self) -> Option<u32> {
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => Some(2),
            StatusCode::INSUFFICIENT_STORAGE => Some(60),
            StatusCode::CONFLICT => Some(1),
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
        /// Every kind of problem that this service tells of.
        pub const KINDS: &[&Kind] = &[$($name),*];
    };
}

kinds! {
    BAD_PARAMETER "bad-parameter" BAD_REQUEST "A parameter is wrong"
        means "A query parameter or header is unknown, is given twice, or has a value that it does not accept."
        cause "A misspelt name, a number outside its range, an option of another image: `frame=7` of a still picture."
        remedy "Read the detail: it names the parameter and says what it accepts. `/docs` lists them all."
        example "GET /images?limit=1000" "limit: expected a whole number from 1 to 200"
    BAD_REQUEST "bad-request" BAD_REQUEST "The request is malformed"
        means "The request breaks the rules of HTTP or of its media type."
        cause "A form that ends too early, a `Content-Type: multipart/form-data` without its boundary, a connection that broke while sending."
        remedy "Send it again with a client that writes the form itself: with curl, `-F image=@photo.jpg` and no `Content-Type` of your own."
        example "POST /images" "the body ended too early"
    EMPTY_UPLOAD "empty-upload" BAD_REQUEST "The upload is empty"
        means "The body, or the file in the form, has no bytes."
        cause "An empty file, a script that read nothing, or a client that forgot the body when it followed a redirect."
        remedy "Send the image's bytes: `--data-binary @photo.jpg`, or `-F image=@photo.jpg`."
        example "POST /images" "the upload is empty: send the image's bytes"
    NO_FILE "no-file" BAD_REQUEST "The form has no image"
        means "The form has no file part that is named `image` (or `file`)."
        cause "The part has another name, or is a plain field without a file name."
        remedy "Name the part `image`, and send it as a file: `-F image=@photo.jpg`, with the `@`."
        example "POST /images" "the form has no file part: name it image"
    SEVERAL_FILES "several-files" BAD_REQUEST "The form has several files"
        means "One request takes one image."
        cause "A form field that lets its user choose several files."
        remedy "Send a request for each of them; they may run at the same time."
        example "POST /images" "the form has several files: send one image a request"
    NOT_FOUND "not-found" NOT_FOUND "There is nothing here"
        means "There is no such address, image, version or kind of problem."
        cause "The image was deleted, the id was cut short, or no render of that version was ever stored."
        remedy "Look the id up in `/images`: ids are UUIDs in lower case with hyphens. `/images/ID/renders` lists the stored versions."
        example "GET /images/lena" "no such image: an id is a UUID in lower case with hyphens; /images lists all"
    METHOD_NOT_ALLOWED "method-not-allowed" METHOD_NOT_ALLOWED "The method is not allowed here"
        means "The address exists, but does not take this method."
        cause "`PUT` or `PATCH`: images never change, they are uploaded and deleted."
        remedy "Take one of the methods that the `Allow` header of this answer lists."
        example "PATCH /images/ID" "see the Allow header for the methods of this address"
    CROSS_SITE "cross-site" FORBIDDEN "A page of another site asks for a change"
        means "A browser says that the request comes from a page of another site (`Sec-Fetch-Site`, `Origin`). Such pages may not upload or delete."
        cause "A form or a script on another site, or a proxy that does not pass `Host` on as the browser sent it."
        remedy "Use this service's own pages, or a program that is no browser: curl sends none of these headers."
        example "POST /images" "pages of other sites may not upload or delete"
    MISDIRECTED "misdirected" MISDIRECTED_REQUEST "This is not the service of that name"
        means "The `Host` header has a name that this service does not know as its own."
        cause "A domain or a proxy in front of the service that the operator has not named; or a page that has its own name point here, to read through a browser what it may not."
        remedy "Ask under the address that the service prints at start. The operator names others in `ALLOWED_HOSTS`."
        example "GET http://planet.example.org/" "planet.example.org is no name of this service: ALLOWED_HOSTS=planet.example.org makes it one"
    NOT_ACCEPTABLE "not-acceptable" NOT_ACCEPTABLE "Nothing that you accept is available"
        means "The `Accept` header rules out every format that we have."
        cause "A client that accepts a single media type, such as `image/jpeg`."
        remedy "Accept one of those that the detail lists, or say `format=` in the address, which goes before `Accept`."
        example "GET /images/ID" "there are text/plain, text/html, image/svg+xml, image/png, application/json"
    TIMEOUT "timeout" REQUEST_TIMEOUT "The upload stalled"
        means "The client paused for too long while sending, or sent too slowly. Nothing was stored."
        cause "A connection that broke without a word, or one that is slower than this service waits for."
        remedy "Send it again, with the same `Idempotency-Key` if there was one. The operator may raise `UPLOAD_IDLE_S` or lower `UPLOAD_MIN_RATE`."
        example "POST /images" "nothing came for 30 s, or less than 8192 bytes a second: send the upload again"
    KEY_BUSY "key-busy" CONFLICT "An upload with this key is running"
        means "An upload with the same `Idempotency-Key` has not ended yet."
        cause "A client that tries again before it knows how its first try ended."
        remedy "Try again after `Retry-After`: the answer is the image, as soon as it is stored."
        example "POST /images" "an upload with this Idempotency-Key is still running: try again in a moment"
    PRECONDITION "precondition-failed" PRECONDITION_FAILED "The condition does not hold"
        means "`If-Match`, `If-None-Match` or `If-Unmodified-Since` means another state than the present one. Nothing was changed."
        cause "Somebody, or an upgrade of the service, was there since you read it."
        remedy "Read it again, take its new `ETag`, and decide anew."
        example "DELETE /images/ID" "it is not in the state that the request's condition means"
    TOO_LARGE "too-large" PAYLOAD_TOO_LARGE "The upload is too large"
        means "The upload has more bytes than this service takes."
        cause "A raw or uncompressed file, a scene of a satellite in full."
        remedy "Send a smaller or better compressed file. The detail says how many bytes are taken; the operator's setting is `MAX_UPLOAD_BYTES`."
        example "POST /images" "the upload is larger than 33554432 bytes, the limit of this service"
    UNKNOWN_FORMAT "unknown-format" UNSUPPORTED_MEDIA_TYPE "Not an image that we know"
        means "The bytes are of no image format that we read. Formats are told by content, never by name or declared type."
        cause "A HEIC, AVIF, SVG or PDF; a page with an error that was saved under the name of an image."
        remedy "Look at what the file is (`file photo.jpg`), and convert it to one of the formats that the detail lists."
        example "POST /images" "this is not an image in a format that we read; those are JPEG, PNG, GIF, WebP, BMP, TIFF, ICO, PNM and QOI"
    RANGE "range-not-satisfiable" RANGE_NOT_SATISFIABLE "The range is outside"
        means "The `Range` header asks for bytes behind the end."
        cause "A download that goes on although it was complete, or another file under the same name."
        remedy "The `Content-Range` header says how many bytes there are: ask for some of those, or for the whole."
        example "GET /images/ID/original" "the original has 112621 bytes"
    BAD_IMAGE "bad-image" UNPROCESSABLE_ENTITY "The image cannot be decoded"
        means "The bytes begin like an image, but are broken, cut off, or use a part of the format that we cannot decode."
        cause "A download or copy that ended early; `curl -d @photo.jpg`, which drops line ends (`--data-binary` keeps them); a rare variant of a format."
        remedy "Open the file with another program. If it is whole, save it as a plain PNG or JPEG and send that."
        example "POST /images" "the PNG ends before its picture is complete: it was cut off"
    OVER_LIMIT "over-limit" UNPROCESSABLE_ENTITY "The image is over a limit"
        means "The image has more pixels, a longer side or more frames than this service decodes."
        cause "A panorama, a long animation, or a small file that claims to be huge."
        remedy "Send a smaller version. The detail names the limit; the operator's settings are `MAX_PIXELS`, `MAX_SIDE_PX`, `MAX_FRAMES` and `MAX_DECODED_BYTES`."
        example "POST /images" "the image has 400000000 pixels; at most 128000000 are allowed"
    KEY_REUSED "key-reused" UNPROCESSABLE_ENTITY "The key was used for other bytes"
        means "An `Idempotency-Key` names one upload, and this one has other bytes."
        cause "A key that is the same for every upload, or a file that changed between two tries."
        remedy "Use a new key for a new image."
        example "POST /images" "this Idempotency-Key was used for another upload: a new upload needs a new key"
    INTERNAL "internal" INTERNAL_SERVER_ERROR "Something went wrong on our side"
        means "A bug in this service. Nothing that was acknowledged is lost."
        cause "A case that nobody thought of."
        remedy "Tell the operator the `request_id`: it is in the logs beside what happened."
        example "GET /images/ID" "a bug: tell the operator the request_id"
    BUSY "busy" SERVICE_UNAVAILABLE "Too busy at the moment"
        means "Every core, upload slot, stream of events or connection is taken. Nothing is wrong with the request."
        cause "Many clients that ask for sizes and looks that no preset has, or that upload at the same time."
        remedy "Try again after `Retry-After`. Presets are made in advance and do not wait for a core."
        example "GET /images/ID?width=100" "all cores are busy rendering: try again in a moment"
    NO_ROOM "no-room" INSUFFICIENT_STORAGE "No room for uploads"
        means "The disk where uploads wait until they are stored is almost full. Reading goes on."
        cause "A disk that is too small for as many uploads at the same time, or that something else filled."
        remedy "Try again after `Retry-After`. The operator has to make room where `SPOOL_DIR` is."
        example "POST /images" "the disk has no space for uploads at the moment: try again later, or tell the operator"
    UNAVAILABLE "unavailable" SERVICE_UNAVAILABLE "Something that we need is away"
        means "The database or the store does not answer. Nothing that was acknowledged is lost."
        cause "A restart or an outage behind the service; `/readyz` tells which part is away."
        remedy "Try again after `Retry-After`; repeat an upload with its `Idempotency-Key`."
        example "GET /images" "a part of the service is away; nothing was lost, try again soon"
}
